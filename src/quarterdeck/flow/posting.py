"""A message from an assistant to another room: rows that the tool's result is committed with."""

from quarterdeck.base.errors import NotAllowed, NotFound
from quarterdeck.flow.directory import ConnectionRules, Directory
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.sending import Sending
from quarterdeck.governance.identity import Admitted, admit
from quarterdeck.ports import Rows, ToolContext
from quarterdeck.store import people
from quarterdeck.store.database import Store
from quarterdeck.store.people import Identity, KnownRoom
from quarterdeck.words.book import quoted
from quarterdeck.words.languages import first_of

SPEAKERS = 50  # of a room, that are looked at


class Posting:
    """The narrow port that the tool `send_message` is given."""

    def __init__(self, store: Store, directory: Directory, sending: Sending, outbox: Outbox) -> None:
        self._store = store
        self._directory = directory
        self._sending = sending
        self._outbox = outbox

    async def post(self, connection: str, room: str, text: str, context: ToolContext, turn: str) -> Rows:
        """The rows of a message to `room` (the platform's id). Raises NotFound or NotAllowed."""
        rules = self._directory.connection(connection)
        if rules.rows:
            raise NotAllowed("default.send.known_room", f"{connection} has no rooms of its own", "Name another.")
        known = await people.room(self._store, people.room_id(connection, room))
        if known is None or (hearer := await self._hearer(rules, known)) is None:
            raise NotFound(f"no room {room} on {connection} has spoken with this assistant")
        language = first_of(rules.language, self._directory.assistant(context.assistant).language, hearer.language)
        outgoing = await self._sending.compose(
            connection, known.id, quoted(text), kind="message", language=language, turn=turn,
            assistant=context.assistant,
        )  # fmt: skip
        denied = outgoing.denied.sentence if outgoing.denied else ""
        return Rows(outgoing.statements, lambda: self._outbox.enqueued(outgoing), denied)

    async def _hearer(self, rules: ConnectionRules, room: KnownRoom) -> Identity | None:
        """Somebody with a conversation in a room who may speak there now; who was put out is not written to."""
        speakers = await people.speakers(self._store, rules.name, room.id, SPEAKERS)
        for who in speakers:
            if isinstance(admit(rules.dm_policy, rules.allow, who.native_id, who.state, room.kind), Admitted):
                return who
        return None
