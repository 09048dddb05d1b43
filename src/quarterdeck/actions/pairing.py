"""Letting strangers in: a person decides by the code that the stranger was shown."""

from collections.abc import Sequence
from typing import Literal

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, NotFound
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.sending import Outgoing, Sending
from quarterdeck.flow.welcome import Welcome
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import people
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, Statement, operation
from quarterdeck.store.people import Pairing, Wisher

State = Literal["approved", "denied"]


class Pairings:
    """The use cases of deciding. What the stranger wrote before is not replayed."""

    def __init__(
        self, store: Store, directory: Directory, auditor: Auditor, sending: Sending, outbox: Outbox, clock: Clock
    ) -> None:
        self._store = store
        self._welcome = Welcome(store, directory, sending, clock)
        self._auditor = auditor
        self._outbox = outbox
        self._clock = clock

    async def approve(self, code: str, actor: Actor) -> Wisher:
        """Let in whoever was shown `code`, or the group; greet, and say who speaks. Raises NotFound, Conflict."""
        pairing, wisher = await self._find(code)
        greetings = await self._welcome.compose(wisher, pairing.room_id)
        await self._decide(pairing, wisher, "approved", actor, greetings)
        for greeting in greetings:
            self._outbox.enqueued(greeting)
        return wisher

    async def deny(self, code: str, actor: Actor) -> Wisher:
        """Keep out whoever was shown `code`; nothing is said. Raises NotFound, Conflict."""
        pairing, wisher = await self._find(code)
        await self._decide(pairing, wisher, "denied", actor, ())
        return wisher

    async def _find(self, code: str) -> tuple[Pairing, Wisher]:
        pairing = await people.pairing_by_code(self._store, code.strip().upper(), self._clock.now())
        if pairing is None:
            raise NotFound(f"no open pairing has the code {code}; `quarterdeck pairing list` shows them")
        return pairing, await people.wisher(self._store, pairing)

    async def _decide(
        self, pairing: Pairing, wisher: Wisher, state: State, actor: Actor, greetings: Sequence[Outgoing]
    ) -> None:
        statements: list[Statement] = [
            people.decide_pairing(pairing.id, state, self._clock.now()),
            _let_in(pairing, "allowed" if state == "approved" else "denied"),
            *(statement for greeting in greetings for statement in greeting.statements),
            *self._auditor.record(
                "change.pairing.approve" if state == "approved" else "change.pairing.deny",
                actor,
                Subject(connection=wisher.connection, resource=wisher.id),
                outcome=state,
            ),
        ]
        try:
            await self._store.commit(operation("pairing", statements))
        except ExpectationFailed as error:
            raise Conflict(f"the pairing {pairing.code} was decided meanwhile, or has run out") from error


def _let_in(pairing: Pairing, state: str) -> Statement:
    """What was decided holds for the person in private, or for the group: neither says anything about the other."""
    if pairing.kind == "group":
        return people.set_room_state(pairing.room_id, state)
    return people.set_identity_state(pairing.identity_id, state)
