"""A message from an assistant to a room: rows that the tool's result is committed with."""

from quarterdeck.base.errors import BadInput, NotAllowed, NotFound
from quarterdeck.flow.admission import listed
from quarterdeck.flow.directory import ConnectionRules, Directory
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.sending import Sending
from quarterdeck.governance.identity import Admission, Admitted, admit, admit_group
from quarterdeck.model.message import Attachment
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

    async def post(
        self, connection: str, room: str, text: str, files: tuple[Attachment, ...], context: ToolContext, turn: str
    ) -> Rows:
        """The rows of a message to `room` (the platform's id; empty: where the run is for), with files behind it.

        Raises NotFound, NotAllowed or BadInput.
        """
        rules = self._directory.connection(connection)
        if rules.rows:
            raise NotAllowed("default.send.known_room", f"{connection} has no rooms of its own", "Name another.")
        self._check_files(connection, files)
        known = await people.room(self._store, people.room_id(connection, room) if room else context.room)
        if known is None or (hearer := await self._hearer(rules, known)) is None:
            raise NotFound(f"no room {room} on {connection} has spoken with this assistant")
        language = first_of(rules.language, self._directory.assistant(context.assistant).language, hearer.language)
        outgoing = await self._sending.compose(
            connection, known.id, quoted(text), kind="message", language=language, turn=turn,
            assistant=context.assistant, files=files,
        )  # fmt: skip
        denied = outgoing.denied.sentence if outgoing.denied else ""
        return Rows(outgoing.statements, lambda: self._outbox.enqueued(outgoing), denied)

    def _check_files(self, connection: str, files: tuple[Attachment, ...]) -> None:
        """Raises BadInput for what the connection's platform does not take."""
        channel = self._directory.channel(connection)
        most = channel.capabilities.file_bytes if channel else 0
        if files and not most:
            raise BadInput("files", f"{connection} cannot send files now", "Say so, or send a text.")
        for file in files:
            if file.size > most:
                reason = f"{file.name} has {file.size} bytes; {connection} takes {most}"
                raise BadInput("files", reason, "Say so, or send a smaller one.")

    async def _hearer(self, rules: ConnectionRules, room: KnownRoom) -> Identity | None:
        """Somebody with a conversation in a room who may speak there now; who was put out is not written to."""
        if room.absent:
            return None
        for who in await people.speakers(self._store, rules.name, room.id, SPEAKERS):
            if isinstance(_verdict(rules, room, who), Admitted):
                return who
        return None


def _verdict(rules: ConnectionRules, room: KnownRoom, who: Identity) -> Admission:
    if room.kind == "dm":
        return admit(rules.dm_policy, rules.allow, who.native_id, who.state)
    return admit_group(rules.group_policy, listed(rules, room.native_id), room.state, who.state)
