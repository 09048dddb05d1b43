"""From a text to a delivery: cut it, store its parts, and let the first send's intent ride where it may."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import NotFound
from quarterdeck.base.supervise import EventLog
from quarterdeck.flow.cutting import cut
from quarterdeck.flow.directory import ConnectionRules, Directory
from quarterdeck.flow.hooks import Hooks, told_of
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.gate import Gate, Intent, Scope
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.policy import Facts
from quarterdeck.model.action import Part
from quarterdeck.model.hook import Denial, HookContext, SendSubject
from quarterdeck.model.message import Attachment
from quarterdeck.store import events, outbox, people
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.outbox import Delivery
from quarterdeck.words.book import Told, quoted, say
from quarterdeck.words.languages import Language, first_of
from quarterdeck.words.sentences import phrase

KNOWN_ROOMS = 10_000


class Outgoing(msgspec.Struct, frozen=True):
    """A delivery that is not yet committed. `ride` is the first part's intent, where it shares the operation."""

    delivery: Delivery
    texts: tuple[str, ...]
    statements: tuple[Statement, ...]
    event: dict[str, object]
    wired: bool
    ride: Intent | None = None
    ride_part: Part | None = None
    native_id: str = ""
    resends: int = 0
    instead: str | None = None  # what took the place of the text that was to be sent
    denied: Denial | None = None  # by a hook; what is sent then is a notice of it, or nothing to another room
    files: tuple[Attachment, ...] = ()  # behind the texts, a part each


class RoomNames:
    """The platform's ids of rooms; bounded memory over the rooms table."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: OrderedDict[str, str] = OrderedDict()

    async def native(self, room_id: str) -> str:
        """The platform's id of a room. Raises NotFound."""
        if (name := self._names.get(room_id)) is not None:
            return name
        room = await people.room(self._store, room_id)
        if room is None:
            raise NotFound(f"there is no room {room_id}")
        self._names[room_id] = room.native_id
        if len(self._names) > KNOWN_ROOMS:
            self._names.popitem(last=False)
        return room.native_id

    def forget(self) -> None:
        """The platform has another id for some room; that is rare, so all are looked up again."""
        self._names.clear()


class Sending:
    """Composes deliveries. It commits nothing: the statements go into the operation of what caused them."""

    def __init__(
        self,
        directory: Directory,
        gate: Gate,
        auditor: Auditor,
        rooms: RoomNames,
        clock: Clock,
        new_id: Callable[[str], str],
        log: EventLog,
        hooks: Hooks | None = None,
    ) -> None:
        self._directory = directory
        self._gate = gate
        self._auditor = auditor
        self._rooms = rooms
        self._clock = clock
        self._new_id = new_id
        self._log = log
        self.hooks = hooks

    def forget_rooms(self) -> None:
        """A room moved: it is looked up again before anything is sent there."""
        self._rooms.forget()

    async def compose(
        self,
        connection: str,
        room_id: str,
        text: Told,
        *,
        kind: str,
        language: Language,
        session: str = "",
        turn: str = "",
        assistant: str = "",
        reply_to: str = "",
        ride: bool = False,
        files: tuple[Attachment, ...] = (),
    ) -> Outgoing:
        """A new delivery; `language` is that of what we say beside it, `files` come behind the text.

        With `ride` (only while the caller holds the idle room) the first part begins at once.
        Where a hook denies it, that delivery is refused; the room gets a notice, but for a message to another room.
        """
        rules = self._directory.connection(connection)
        now = self._clock.now()
        delivery = Delivery(self._new_id("dlv"), session, turn, connection, room_id, kind, now, language)
        statements, given, denied = list[Statement](), text, None
        if self.hooks is not None and self.hooks.withholds:
            text, statements, denied = await self._screened(self.hooks, delivery, text, assistant, files)
        if denied is not None:
            statements += self._refused(delivery, denied, now)
            if kind == "message":
                return Outgoing(delivery, ("",), tuple(statements), {}, wired=False, denied=denied)
            kind = "notice"
            delivery = msgspec.structs.replace(delivery, id=self._new_id("dlv"), kind=kind)
        texts = self._cut(rules, text)
        state = "sent" if rules.rows else "ready"
        statements.append(outbox.insert_delivery(delivery))
        statements += [outbox.insert_part(delivery, n, t, state, now, reply_to=reply_to) for n, t in enumerate(texts)]
        behind = enumerate(files, len(texts))
        statements += [outbox.insert_part(delivery, n, "", state, now, file=file) for n, file in behind]
        statements += self._record(delivery, text, assistant, files)
        event: dict[str, object] = {
            "delivery": delivery.id,
            "turn": turn,
            "kind": kind,
            "text": text,
            "state": state,
        }
        intent, part = None, None
        if ride and not rules.rows:
            part = await self.part(delivery, 0, texts[0], reply_to=reply_to)
            intent, more = self._ride(delivery, part, assistant)
            statements += more
        return Outgoing(
            delivery, tuple(texts), tuple(statements), event, not rules.rows, intent, part,
            instead=None if text == given else text, denied=denied, files=files,
        )  # fmt: skip

    async def _screened(
        self, hooks: Hooks, delivery: Delivery, text: Told, assistant: str, files: tuple[Attachment, ...] = ()
    ) -> tuple[Told, list[Statement], Denial | None]:
        """What is sent in place of a text (a denial's notice, where hooks deny it), and what is to be recorded."""
        about = HookContext(
            assistant, delivery.connection, delivery.session_id, delivery.turn_id, delivery.id, delivery.room_id
        )
        judged = await hooks.before(
            SendSubject(delivery.kind, text, tuple(file.name for file in files)), about, _unsendable
        )
        if (denied := judged.denied) is None:
            return quoted(judged.subject.text), judged.statements, None
        return say(first_of(delivery.language), told_of(denied, "held_back")), judged.statements, denied

    def _refused(self, delivery: Delivery, denied: Denial, now: float) -> list[Statement]:
        """The rows of a delivery that a hook does not want. Its text is in the record only."""
        part = outbox.insert_part(delivery, 0, "", "refused", now, error=f"{denied.rule}: {denied.reason}")
        return [outbox.insert_delivery(delivery), part]

    async def finish(
        self,
        delivery: Delivery,
        text: Told,
        *,
        intent: Intent | None,
        native_id: str,
        unsure: bool,
        assistant: str,
        ride: bool,
    ) -> Outgoing:
        """The final text of an answer that grew on the platform: an edit of the message that is known there, or,
        where its first showing may or may not have arrived, a marked repeat.
        """
        now = self._clock.now()
        statements, given, denied = list[Statement](), text, None
        if self.hooks is not None and self.hooks.withholds:  # it grew before they were configured
            text, statements, denied = await self._screened(self.hooks, delivery, text, assistant)
        texts = self._cut(self._directory.connection(delivery.connection), text)
        resends = int(unsure and not native_id)
        if intent is not None:
            state = "done" if native_id else "unknown" if unsure else "failed"
            statements += self._gate.close(intent.row, state, assistant=assistant)
        statements.append(outbox.fix_text(delivery.id, texts[0], resends, now))
        statements += [outbox.insert_part(delivery, n, texts[n], "ready", now) for n in range(1, len(texts))]
        statements += self._record(delivery, text, assistant)
        event: dict[str, object] = {
            "delivery": delivery.id,
            "turn": delivery.turn_id,
            "kind": delivery.kind,
            "text": text,
            "state": "ready",
        }
        riding, part = None, None
        if ride:
            part = await self.part(delivery, 0, texts[0], resends=resends)
            riding, more = self._ride(delivery, part, assistant)
            statements += more
        return Outgoing(
            delivery, tuple(texts), tuple(statements), event, True, riding, part, native_id, resends,
            None if text == given else text, denied,
        )  # fmt: skip

    def _ride(self, delivery: Delivery, part: Part, assistant: str) -> tuple[Intent, list[Statement]]:
        """The first part's intent and its begin, for the operation that makes the delivery."""
        intent = self.intent(part, delivery, 0, assistant, attempt=1, riding=True)
        now, name = self._clock.now(), intent.row.id
        begin = outbox.move(delivery.id, 0, "ready", "sending", now, attempt=True, riding_intent=name)
        return intent, [*intent.statements, begin]

    async def part(
        self,
        delivery: Delivery,
        n: int,
        text: str,
        *,
        reply_to: str = "",
        resends: int = 0,
        file: Attachment | None = None,
    ) -> Part:
        """The platform call of a part; a marked repeat says so and has a key of its own."""
        mark = repeat_mark(delivery.language) if resends else ""
        key = f"{delivery.id}.{n}" + (f".r{resends}" if resends else "")
        return Part(delivery.connection, await self._rooms.native(delivery.room_id), mark + text, key, reply_to, file)

    def intent(
        self, part: Part, delivery: Delivery, n: int, assistant: str, *, attempt: int, riding: bool = False
    ) -> Intent:
        """The intent of one attempt at a part. A room that the platform named is one that may be answered."""
        facts = Facts(rooms=(part.route,))
        scope = Scope(assistant, delivery.session_id, delivery.turn_id, "send", attempt, None, facts, delivery.id, n)
        verdict = self._gate.check(part, scope, riding=riding)
        assert isinstance(verdict, Intent)  # its own room is among the facts
        return verdict

    def _cut(self, rules: ConnectionRules, text: str) -> Sequence[str]:
        channel = self._directory.channel(rules.name)
        if rules.rows or channel is None:
            return (text,)
        return cut(channel, rules.name, text, self._log)

    def _record(
        self, delivery: Delivery, text: str, assistant: str, files: tuple[Attachment, ...] = ()
    ) -> list[Statement]:
        return self._auditor.record(
            "message.out",
            Actor(id=assistant, kind="assistant") if assistant else SYSTEM,
            Subject(
                assistant=assistant,
                connection=delivery.connection,
                session=delivery.session_id,
                turn=delivery.turn_id,
                resource=delivery.id,
            ),
            content="\n".join((text, *(file.blob for file in files))).encode(),
            person=delivery.room_id,
        )


def repeat_mark(language: str) -> str:
    """The line above what may have been sent before."""
    return say(first_of(language), phrase("repeat")) + "\n"


def _unsendable(subject: SendSubject) -> str:
    return "" if subject.text.strip() else "the text is empty"


def delivery_event(session_id: str, back: int, outgoing: Outgoing, now: float) -> Statement:
    """The event that shows a delivery to watchers of its session."""
    return events.insert(session_id, back, "delivery", outgoing.event, now)
