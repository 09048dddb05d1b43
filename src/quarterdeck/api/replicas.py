"""The processes that share a database, for whoever watches over them."""

from typing import Literal

import msgspec

from quarterdeck.actions import replicas
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call
from quarterdeck.api.doors import Doors
from quarterdeck.store.processes import ProcessState


class ReplicaAsk(asked.Paged, frozen=True):
    """Of one state, or of all."""

    state: Literal["", "live", "draining", "ended", "dead", "settled"] = ""


class Replica(msgspec.Struct, frozen=True):
    """A process. `died`: it was found dead, and did not leave. `configuration`: the version that it works by.

    `drift`: what of the newest version is not in force there. `leases`: what only it does, such as `connection:tg`.
    """

    id: str
    state: ProcessState
    host: str
    pid: int
    version: str
    roles: list[str]
    leases: list[str]
    configuration: int
    drift: str
    started_at: shown.Moment
    ended_at: shown.Moment | None
    died: bool


class ReplicasDoor:
    """Processes, for whoever may look."""

    def __init__(self, doors: Doors) -> None:
        self._replicas = replicas.Replicas(doors.store)

    async def list_replicas(self, call: Call, ask: ReplicaAsk) -> shown.Page[Replica]:
        """GET /api/v1/replicas, the newest first."""
        found = await self._replicas.listed(ask.state, ask.limit + 1, ask.cursor)
        page = [_shown(one) for one in found[: ask.limit]]
        return shown.Page(page, page[-1].id if len(found) > ask.limit else None)


def _shown(one: replicas.Replica) -> Replica:
    process = one.process
    return Replica(
        process.id,
        process.state,
        process.host,
        process.pid,
        process.version,
        process.roles.split(","),
        list(one.leases),
        process.configuration,
        process.drift,
        shown.moment(process.started_at),
        shown.moment_or_none(process.ended_at),
        bool(process.died),
    )
