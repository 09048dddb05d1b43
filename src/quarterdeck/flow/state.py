"""What a running turn holds in memory. All of it can be rebuilt from rows; nothing here is a promise."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from quarterdeck.base.errors import Stopping
from quarterdeck.flow.budget import Past
from quarterdeck.flow.commands import CutReason
from quarterdeck.flow.context import Taken, turn_messages
from quarterdeck.flow.directory import ConnectionRules
from quarterdeck.governance.gate import Intent, Scope
from quarterdeck.governance.policy import Facts
from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import NO_WISHES, Options
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.hook import ModelSubject
from quarterdeck.model.message import LateResults, Message, UserMessage, decode
from quarterdeck.model.permit import Permit, PresencePermit, StreamPermit
from quarterdeck.model.turn import Step
from quarterdeck.ports import ModelProfile, Provider
from quarterdeck.store.inbox import InboxRow
from quarterdeck.store.operations import Statement
from quarterdeck.store.outbox import Delivery
from quarterdeck.store.sessions import Session
from quarterdeck.words.book import Told, say
from quarterdeck.words.languages import Language, first_of
from quarterdeck.words.sentences import Phrase


class TurnCut(Stopping):
    """The turn has to end now: stopped, interrupted, or out of time."""

    code = "turn_cut"

    def __init__(self, reason: CutReason) -> None:
        super().__init__(f"the turn was cut: {reason}")
        self.reason: CutReason = reason


class Cut:
    """Ends what a turn waits for; a running effect of a tool is never inside its scope."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._scope: asyncio.Timeout | None = None
        self.reason: CutReason | None = None

    def request(self, reason: CutReason) -> None:
        """Cut now. The first reason stays."""
        self.reason = self.reason or reason
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())

    def check(self) -> None:
        """Raises TurnCut when the turn was cut or its time is over."""
        if self.reason is None and asyncio.get_running_loop().time() >= self._deadline:
            self.reason = "deadline"
        if self.reason is not None:
            raise TurnCut(self.reason)

    @asynccontextmanager
    async def scope(self) -> AsyncGenerator[None]:
        """What is awaited inside ends with TurnCut when the turn is cut."""
        self.check()
        try:
            async with asyncio.timeout_at(self._deadline) as self._scope:
                yield
        except TimeoutError:
            raise TurnCut(self.reason or "deadline") from None
        finally:
            self._scope = None


@dataclass
class Pending:
    """The next model call: its intent is committed, its permit not yet spent."""

    step: str
    provider: Provider
    profile: ModelProfile
    call: ModelCall
    intent: Intent
    permit: Permit | None = None
    shown: ModelSubject | None = None  # what hooks saw of it, where there are hooks
    size: int = 0  # bytes of what the model is shown, as we count them; 0: not to be learned from
    said: str = ""  # the text that the call had brought when it ended, however it ended


@dataclass
class Stream:
    """The delivery in which an answer grows on a platform that can edit."""

    delivery: Delivery
    room: str
    intent: Intent | None = None  # None: left by an earlier attempt, whose intent recovery has closed
    permit: StreamPermit | None = None
    native_id: str = ""
    unsure: bool = False  # the first showing may or may not have arrived

    @property
    def place(self) -> tuple[str, str]:
        """(connection, room id) of it."""
        return self.delivery.connection, self.delivery.room_id


@dataclass(frozen=True)
class Acknowledged:
    """The person's message that has our reaction until the turn has ended."""

    room: str
    native_id: str
    permit: PresencePermit


@dataclass
class TurnState:
    """One turn, from its claim to its end."""

    session: Session
    fence: int  # the fence as this turn raised it
    turn_id: str
    attempt: int
    position: int
    assistant: Assistant
    rules: ConnectionRules
    cut: Cut
    rows: list[InboxRow]
    past: Past
    started: float  # monotonic
    steered: list[InboxRow] = field(default_factory=list[InboxRow])
    journal: dict[str, Step] = field(default_factory=dict[str, Step])
    taken: dict[str, Taken] = field(default_factory=dict[str, Taken])
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    routes_left: list[str] = field(default_factory=list[str])
    pending: Pending | None = None
    stream: Stream | None = None
    lane_empty: bool = False  # nothing was left in the lane when it was read; what comes behind wakes it
    prepared: bool = False  # this attempt has prepared its first request
    squeezed: list[int] = field(default_factory=list[int])  # bytes to which messages were cut as they were too much
    notes: list[Statement] = field(
        default_factory=list[Statement]
    )  # denials of model calls, for the turn's last operation
    shown: int = 0  # model calls whose growing answers were shown
    acknowledged: Acknowledged | None = None
    drafts: bool = True  # the platform has not said yet that it takes none

    def keep_in_mind(self, mind: int) -> None:
        """What is kept in mind of the conversation has changed."""
        self.session = msgspec.structs.replace(self.session, mind=mind)

    def messages(self) -> list[Message]:
        """The turn's messages so far."""
        return turn_messages([self.taken[row.id] for row in self.rows], self.taken, self.journal)

    @property
    def options(self) -> Options:
        """The wishes in force: those of the newest row first, the assistant's last."""
        found = self.assistant.options
        for row in (*self.rows, *self.steered):
            found = self.taken[row.id].options.over(found)
        return found

    def scope(self, step: str, *, models: Sequence[str] = (), rooms: Sequence[str] = ()) -> Scope:
        """The gate's scope for the next attempt at a step; counts the attempt."""
        attempt = self.attempts.get(step, 0) + 1
        self.attempts[step] = attempt
        facts = Facts(models=models, tools=self.assistant.tools, rooms=rooms)
        return Scope(
            self.assistant.id, self.session.id, self.turn_id, step, attempt, self.position, facts,
            connection=self.session.connection,
            identity=self.rows[-1].identity_id if self.rows else self.session.identity_id,
        )  # fmt: skip

    @property
    def newest(self) -> InboxRow:
        """The newest act that the turn has taken: its room is where the answer goes, its identity who asks."""
        return max((*self.rows, *self.steered), key=lambda row: row.position)

    @property
    def language(self) -> Language:
        """What its person is spoken to in: as configured, else as the newest act came."""
        return first_of(self.rules.language, self.assistant.language, self.newest.language)

    def say(self, said: Phrase) -> Told:
        """A sentence for its person."""
        return say(self.language, said)

    @property
    def room_id(self) -> str:
        """Where the answer goes."""
        return self.newest.room_id

    @property
    def place(self) -> tuple[str, str]:
        """(connection, room id) of it."""
        return self.rules.name, self.room_id

    def reply_to(self) -> str:
        """The platform's id of the newest message in that room that this turn was begun for."""
        room = self.room_id
        return next((row.message_ref for row in reversed(self.rows) if row.room_id == room), self.newest.message_ref)


_history = msgspec.json.Decoder(tuple[Message, ...])
_options = msgspec.json.Decoder(Options)


def taken_of(row: InboxRow) -> Taken:
    """A row as a turn sees it."""
    message = decode(row.content)
    assert isinstance(message, UserMessage | LateResults)
    if row.correction and isinstance(message, UserMessage):
        message = msgspec.structs.replace(message, correction=True)
    before = _history.decode(row.history) if row.history else ()
    return Taken(row.id, message, before, _options.decode(row.options) if row.options else NO_WISHES)
