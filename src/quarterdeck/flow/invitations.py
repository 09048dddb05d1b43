"""Who comes by an invitation? Whoever first says its code, in private; a link has the messenger's app say it.

`https://t.me/BOT?start=CODE` makes a person's app send `/start CODE` (core.telegram.org/bots/features, deep linking).
A code that is wrong, used or too old is no invitation: what was said is taken as anybody's words are.
"""

import hashlib

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.flow.admission import Judged
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.sending import Outgoing, Sending
from quarterdeck.flow.welcome import Welcome
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.identity import Admitted
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.inbound import Inbound
from quarterdeck.store import invitations, people
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.people import Wisher
from quarterdeck.words.languages import spoken

OPENING = "/start "
LONGEST = 64  # letters of A-Z, a-z, 0-9, _ and - that a deep link may carry


class Joined(msgspec.Struct, frozen=True):
    """Somebody who comes by an invitation: the act without the code, and what lets them in and greets them."""

    inbound: Inbound
    statements: tuple[Statement, ...]
    greetings: tuple[Outgoing, ...]


class Invitations:
    """Recognises invitations in acts. It commits nothing."""

    def __init__(self, store: Store, directory: Directory, auditor: Auditor, sending: Sending, clock: Clock) -> None:
        self._store = store
        self._auditor = auditor
        self._clock = clock
        self._welcome = Welcome(store, directory, sending, clock)

    async def use(self, judged: Judged, identity: str) -> Joined | None:
        """What an act does that has a good code; None for all others, and for who may not be let in."""
        inbound, verdict = judged.inbound, judged.verdict
        code = inbound.text.removeprefix(OPENING).strip()
        if inbound.kind != "message" or inbound.room.kind != "dm" or not 0 < len(code) <= LONGEST:
            return None
        if not inbound.text.startswith(OPENING) or not (isinstance(verdict, Admitted) or verdict.reaction == "pairing"):
            return None
        now, digest = self._clock.now(), digest_of(inbound.connection, code)
        if not (invitation := await invitations.good(self._store, digest, now)):
            return None
        language = spoken(inbound.sender.language) or (judged.who.language if judged.who else "")
        who = Wisher(identity, inbound.connection, inbound.sender.native_id, inbound.sender.name, "person", language)
        room = people.room_id(inbound.connection, inbound.room.native_id)
        greetings = tuple(await self._welcome.compose(who, room))
        statements = [
            invitations.use(digest, identity, room, now),
            people.set_identity_state(identity, "allowed"),
            *(statement for greeting in greetings for statement in greeting.statements),
            *self._auditor.record(
                "change.pairing.join",
                Actor(id=identity, kind="person"),
                Subject(connection=inbound.connection, resource=invitation),
                outcome="approved",
                person=identity,
            ),
        ]
        shown = msgspec.structs.replace(inbound, text=OPENING.strip())
        return Joined(shown, tuple(statements), greetings)


def digest_of(connection: str, code: str) -> str:
    """What is stored of a code: good on one connection only."""
    return hashlib.sha256(f"invitation {connection} {code}".encode()).hexdigest()
