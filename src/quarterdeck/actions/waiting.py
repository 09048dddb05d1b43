"""What waits for a person: strangers who want to be let in, deliveries of unknown fate, messages put aside."""

from collections.abc import Sequence

import msgspec

from quarterdeck.actions.inbox import Letter, letter
from quarterdeck.base.clock import Clock
from quarterdeck.store import inbox, outbox, people
from quarterdeck.store.database import Store
from quarterdeck.store.outbox import ListedDelivery
from quarterdeck.store.overview import overview

SHOWN = 20


class Wish(msgspec.Struct, frozen=True):
    """A stranger, or a group, wants to be let in; the code is the one that was shown there."""

    id: str
    code: str
    kind: str
    connection: str
    name: str
    native_id: str
    asked_at: float
    expires_at: float


class Waits(msgspec.Struct, frozen=True):
    """The newest of each kind."""

    wishes: Sequence[Wish]
    deliveries: Sequence[ListedDelivery]
    letters: Sequence[Letter]

    def __bool__(self) -> bool:
        return bool(self.wishes or self.deliveries or self.letters)


class Waiting:
    """Looks; deciding is a use case of each noun's own."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def count(self) -> int:
        """How many things wait."""
        counts = await overview(self._store, self._clock.now())
        return counts.pairings_asked + counts.parts_unknown + counts.dead_letters

    async def newest(self) -> Waits:
        """The newest of each kind."""
        return Waits(
            await self._wishes(),
            await outbox.listed(self._store, "unknown", SHOWN, ""),
            [letter(row) for row in await inbox.listed(self._store, "dead_lettered", SHOWN, "")],
        )

    async def _wishes(self) -> list[Wish]:
        found: list[Wish] = []
        for one in await people.pairings(self._store, "asked", SHOWN, ""):
            if one.expires_at > self._clock.now():
                who = await people.wisher(self._store, one)
                found.append(
                    Wish(
                        one.id, one.code, who.kind, who.connection, who.name, who.native_id, one.created_at,
                        one.expires_at,
                    )
                )  # fmt: skip
        return found
