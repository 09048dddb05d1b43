"""The processes on a database: who lives, who died, what each does and holds."""

from collections.abc import Sequence

import msgspec

from quarterdeck.store import leases, processes
from quarterdeck.store.database import Store
from quarterdeck.store.processes import Process


class Replica(msgspec.Struct, frozen=True):
    """One process, and the names of the leases that it has."""

    process: Process
    leases: Sequence[str]

    @property
    def id(self) -> str:
        """The process's."""
        return self.process.id


class Replicas:
    """Looks. Beside SQLite there is one process, which is not listed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def listed(self, state: str, limit: int, before: str) -> Sequence[Replica]:
        """The newest first; of one state, or of all when it is empty. `before` is the last id of the page before."""
        held: dict[str, list[str]] = {}
        for lease in await leases.all_of(self._store):
            held.setdefault(lease.process, []).append(lease.name)
        found = await processes.listed(self._store, state, limit, before)
        return [Replica(one, held.get(one.id, [])) for one in found]
