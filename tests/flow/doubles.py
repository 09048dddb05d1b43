"""What stands behind the ports in these tests: a clock, a log, a model, a platform with its channel, and tools."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from quarterdeck.base.errors import NotAllowed, Refused
from quarterdeck.model.action import Effect, ModelCall, Part, StreamTo, ToolRun
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.button import ButtonRows
from quarterdeck.model.message import AssistantMessage, Attachment, ToolCall, UserMessage
from quarterdeck.model.permit import Permit, PresencePermit, StreamPermit
from quarterdeck.model.turn import FinishReason, ModelAnswer, Usage
from quarterdeck.ports import (
    MARK_RESERVE,
    Capabilities,
    ChannelHealth,
    Delta,
    Embeddings,
    FailureKind,
    FileSource,
    IntakePort,
    ListedModel,
    ModelProfile,
    ModelRequest,
    NotSent,
    OnDelta,
    ProviderFailed,
    SendResult,
    Sent,
    ToolContext,
    ToolOutput,
)
from tests.waiting import PATIENCE

T = TypeVar("T")


class TestClock:
    """The machine's clock, which a test may move forward, or stop so that it moves only then."""

    __test__ = False

    def __init__(self) -> None:
        self.ahead = 0.0
        self._stopped: tuple[float, float] | None = None

    def stop(self) -> None:
        """From now on time passes only as `ahead` says."""
        self._stopped = time.time(), time.monotonic()

    def now(self) -> float:
        return (self._stopped[0] if self._stopped else time.time()) + self.ahead

    def monotonic(self) -> float:
        return (self._stopped[1] if self._stopped else time.monotonic()) + self.ahead


class Log:
    """Keeps the lines; `failures` are those that say that something broke inside."""

    BROKEN = ("task.failed", "service.fatal", "tool.adapter_failed", "model.adapter_failed", "send.adapter_failed")

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    warning = error = info

    def named(self, event: str) -> list[dict[str, object]]:
        return [fields for name, fields in self.lines if name == event]

    @property
    def failures(self) -> list[str]:
        return [f"{name} {fields.get('exc_info')!r}" for name, fields in self.lines if name in self.BROKEN]


class LifeLog:
    """The log of one life of the process: what its remains say after the kill is not heard."""

    def __init__(self, log: Log, dead: Callable[[], bool]) -> None:
        self._log = log
        self._dead = dead

    def info(self, event: str, **fields: object) -> None:
        if not self._dead():
            self._log.info(event, **fields)

    warning = error = info


class Held:
    """A place where something waits until the test lets it go."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._go = asyncio.Event()

    async def reached(self) -> None:
        """Returns when something waits here."""
        async with asyncio.timeout(PATIENCE):
            await self._reached.wait()

    def release(self) -> None:
        self._go.set()

    async def wait(self) -> None:
        self._reached.set()
        await self._go.wait()


# --- the model ------------------------------------------------------------------------------------------------


@dataclass
class Reply:
    """One scripted reaction of the model. `fail` is raised behind the deltas."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: FinishReason = "stop"
    deltas: tuple[str, ...] = ()
    usage: Usage = field(default_factory=lambda: Usage(10, 5))
    fail: Exception | None = None
    before: Held | None = None  # reached before the first delta
    after: Held | None = None  # reached behind the last delta


class Model:
    """A provider that says what the test wrote down, else repeats the newest thing that a person said."""

    def __init__(self, name: str = "main") -> None:
        self.name = name
        self.script: deque[Reply] = deque()
        self.requests: list[ModelRequest] = []
        self.profiles: dict[str, ModelProfile] = {}
        self.cancelled = 0
        self.manual = False  # without a script a call waits in `waiting` for its reply
        self.waiting: list[asyncio.Future[Reply]] = []
        self._calls = 0

    def say(self, text: str, **more: object) -> Reply:
        return self._add(Reply(text, **more))  # type: ignore[arg-type]

    def use(self, *calls: tuple[str, str], text: str = "", **more: object) -> Reply:
        """Ask for tools, each (name, arguments)."""
        made = tuple(ToolCall(self._call_id(), name, arguments) for name, arguments in calls)
        return self._add(Reply(text, made, "tool_calls", **more))  # type: ignore[arg-type]

    def fail(
        self,
        kind: FailureKind,
        *,
        retryable: bool,
        retry_after: float | None = 0.001,
        usage: Usage | None = None,
        deltas: tuple[str, ...] = (),
    ) -> Reply:
        error = ProviderFailed(kind, f"it is {kind}", retryable=retryable, retry_after=retry_after, usage=usage)
        return self._add(Reply(fail=error, deltas=deltas))

    def hold(self, text: str = "held") -> Held:
        """The next call waits for the test, then says `text`."""
        held = Held()
        self.say(text, before=held)
        return held

    def _add(self, reply: Reply) -> Reply:
        self.script.append(reply)
        return reply

    def _call_id(self) -> str:
        self._calls += 1
        return f"call_{self.name}_{self._calls}"

    @property
    def asked(self) -> int:
        return len(self.requests)

    def profile(self, model: str) -> ModelProfile:
        return self.profiles.get(model, ModelProfile())

    def prepare(self, request: ModelRequest) -> ModelCall:
        return ModelCall(self.name, request.model, msgspec.json.encode(request), 100, 50)

    async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
        permit.spend(call)
        request = msgspec.json.decode(call.body, type=ModelRequest)
        self.requests.append(request)
        reply = self.script.popleft() if self.script else Reply(f"re: {newest_words(request)}")
        try:
            if self.manual:
                reply = await queued(self.waiting)
            return await self._perform(reply, on_delta, call.model)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def _perform(self, reply: Reply, on_delta: OnDelta, model: str) -> ModelAnswer:
        if reply.before:
            await reply.before.wait()
        for text in reply.deltas:
            on_delta(Delta(text))
        if reply.after:
            await reply.after.wait()
        if reply.fail:
            raise reply.fail
        return ModelAnswer(AssistantMessage(reply.text, reply.calls), reply.finish, reply.usage, model)

    def prepare_embedding(self, model: str, texts: Sequence[str], dimensions: int | None) -> ModelCall:
        return ModelCall(self.name, model, msgspec.json.encode(texts), 10, 0)

    async def embed(self, call: ModelCall, permit: Permit) -> Embeddings:
        permit.spend(call)
        texts = msgspec.json.decode(call.body, type=list[str])
        return Embeddings(tuple((float(len(text)),) for text in texts), Usage(len(texts), 0))

    async def models(self) -> Sequence[ListedModel]:
        return (ListedModel("m"),)

    async def close(self) -> None:
        return


async def queued(waiting: "list[asyncio.Future[T]]") -> T:
    """Wait in a line until a test sets what comes of it."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    waiting.append(future)
    try:
        return await future
    finally:
        waiting.remove(future)


def newest_words(request: ModelRequest) -> str:
    """What the person said last."""
    said = [message.text for message in request.messages if isinstance(message, UserMessage)]
    return said[-1] if said else ""


# --- the platform ---------------------------------------------------------------------------------------------


@dataclass
class Shown:
    """A message as a room shows it."""

    room: str
    native_id: str
    text: str
    key: str = ""
    edits: int = 0
    buttons: ButtonRows = ()


@dataclass
class Answer:
    """How the platform takes the next call: `arrives` says whether the room shows it."""

    result: SendResult | Exception | None = None  # None: Sent with the message's id
    arrives: bool = True
    held: Held | None = None  # reached when it has arrived


class Platform:
    """What outlives the process: rooms, and what they show. One call of any kind takes the next scripted answer."""

    def __init__(self) -> None:
        self.rooms: list[Shown] = []
        self.calls: list[tuple[str, str, str]] = []  # (send | edit | show | unbutton, room, text)
        self.script: deque[Answer] = deque()
        self.by_room: dict[str, deque[Answer]] = {}
        self.typed: list[str] = []
        self.told: list[str] = []  # lines for those who pressed buttons
        self.drafts: list[tuple[str, int, str]] = []
        self.takes_drafts = True
        self.reactions: list[tuple[str, str, bool]] = []
        self.takes_reactions = True
        self.reacting: asyncio.Event | None = None  # what a reaction waits for
        self.manual = False  # a call waits in `waiting` before it arrives
        self.waiting: list[asyncio.Future[Answer]] = []
        self.files: dict[str, bytes | Exception | Held] = {}
        self.health = ChannelHealth(True, True)
        self.source: FileSource | None = None
        self.received: list[tuple[str, bytes]] = []  # files of the bot, in order
        self._keys: dict[str, str] = {}
        self._ids = 0

    def texts(self, room: str = "r1") -> list[str]:
        """What people read in a room, from top to bottom."""
        return [shown.text for shown in self.rooms if shown.room == room]

    def answers(self, *results: SendResult | Exception, arrives: bool = False, room: str = "") -> None:
        """How the next calls end (in one room, if it is named)."""
        script = self.by_room.setdefault(room, deque()) if room else self.script
        script.extend(Answer(result, arrives=arrives) for result in results)

    def hold(self, *, room: str = "", result: SendResult | None = None) -> Held:
        """The next call arrives, and its answer waits for the test."""
        held = Held()
        script = self.by_room.setdefault(room, deque()) if room else self.script
        script.append(Answer(result, held=held))
        return held

    def next_answer(self, room: str) -> Answer:
        if mine := self.by_room.get(room):
            return mine.popleft()
        return self.script.popleft() if self.script else Answer()

    def put(self, room: str, text: str, key: str, idempotent: bool) -> str:
        if idempotent and key in self._keys:
            return self._keys[key]
        self._ids += 1
        native = f"n{self._ids}"
        self.rooms.append(Shown(room, native, text, key))
        if key:
            self._keys[key] = native
        return native

    def give(self, result: SendResult, buttons: ButtonRows) -> None:
        """Let a message that was shown have these buttons."""
        for shown in self.rooms:
            if isinstance(result, Sent) and shown.native_id == result.native_id:
                shown.buttons = buttons

    def change(self, native_id: str, text: str) -> None:
        for shown in self.rooms:
            if shown.native_id == native_id:
                shown.text, shown.edits = text, shown.edits + 1


class PlatformChannel:
    """A channel to the platform. `dead` is what a killed process is: it does nothing any more."""

    def __init__(self, platform: Platform, capabilities: Capabilities, dead: Callable[[], bool]) -> None:
        self.capabilities = capabilities
        self._platform = platform
        self._dead = dead

    def cut(self, text: str) -> Sequence[str]:
        size = self.capabilities.text_limit - MARK_RESERVE
        return tuple(text[at : at + size] for at in range(0, len(text), size)) or ("",)

    async def receive(self, intake: IntakePort) -> None:
        await asyncio.Event().wait()

    async def send(self, part: Part, permit: Permit) -> SendResult:
        permit.spend(part)
        if part.unbutton:
            return await self._call("unbutton", part.room, "", part.key, part.unbutton)
        if part.file is None:
            result = await self._call("send", part.room, part.text, part.key)
            self._platform.give(result, part.buttons)
            return result
        assert self._platform.source is not None
        content = await self._platform.source.read(part.file.blob)
        result = await self._call("send", part.room, f"{part.text}[{part.file.name}]", part.key)
        if isinstance(result, Sent):
            self._platform.received.append((part.file.name, content))
        return result

    async def show(self, stream: StreamTo, text: str, native_id: str, permit: StreamPermit) -> SendResult:
        permit.check(stream)
        return await self._call("show", stream.room, text, "", native_id)

    async def edit(self, part: Part, native_id: str, permit: Permit) -> SendResult:
        permit.spend(part)
        return await self._call("edit", part.room, part.text, part.key, native_id)

    async def _call(self, kind: str, room: str, text: str, key: str, native_id: str = "") -> SendResult:
        await self._alive()
        if len(text) > self.capabilities.text_limit:
            raise AssertionError(f"{len(text)} characters are sent, {self.capabilities.text_limit} are allowed")
        self._platform.calls.append((kind, room, text))
        answer = await queued(self._platform.waiting) if self._platform.manual else self._platform.next_answer(room)
        if answer.arrives:
            if kind == "unbutton":
                self._platform.give(Sent(native_id), ())
            elif native_id:
                self._platform.change(native_id, text)
            else:
                native_id = self._platform.put(room, text, key, self.capabilities.idempotent_sends)
        if answer.held:
            await answer.held.wait()
        await self._alive()
        if isinstance(answer.result, Exception):
            raise answer.result
        return answer.result or Sent(native_id)

    async def _alive(self) -> None:
        if self._dead():
            await asyncio.Event().wait()

    async def draft(self, room: str, number: int, text: str, permit: PresencePermit) -> bool:
        permit.check(permit.route.partition("/")[0], room)
        self._platform.drafts.append((room, number, text))
        return self._platform.takes_drafts

    async def typing(self, room: str, permit: PresencePermit) -> None:
        connection = permit.route.partition("/")[0]
        permit.check(connection, room)
        self._platform.typed.append(room)

    async def react(self, room: str, native_id: str, permit: PresencePermit, *, on: bool) -> bool:
        permit.check(permit.route.partition("/")[0], room)
        self._platform.reactions.append((room, native_id, on))
        if self._platform.reacting is not None:
            await self._platform.reacting.wait()
        return self._platform.takes_reactions

    async def fetch(self, file: Attachment, max_bytes: int) -> AsyncIterator[bytes]:
        found = self._platform.files.get(file.native_id, Refused("the file is gone"))
        if isinstance(found, Held):
            await found.wait()
            found = b"late"
        if isinstance(found, Exception):
            raise found
        yield found

    def health(self) -> ChannelHealth:
        return self._platform.health

    async def close(self) -> None:
        return


RETRY_SOON = NotSent("busy", 0.01)


# --- tools ----------------------------------------------------------------------------------------------------

Do = Callable[[ToolRun, ToolContext], Awaitable[ToolOutput]]


class ToolDouble:
    """A tool that counts its runs and does what the test says."""

    def __init__(self, name: str, *, effect: Effect = "none", repeatable: bool = True, do: Do | None = None) -> None:
        self.spec = ToolSpec(
            name,
            f"The tool {name}",
            '{"type":"object","properties":{"n":{"type":"integer"},"word":{"type":"string","maxLength":5}}}',
        )
        self.effect: Effect = effect
        self.repeatable = repeatable
        self.runs: list[ToolRun] = []
        self.do: Do | None = do
        self.held: deque[Held] = deque()
        self.manual = False  # a run waits in `waiting` behind its effect
        self.waiting: list[asyncio.Future[ToolOutput]] = []

    def hold(self) -> Held:
        """The next run has had its effect, and its result waits for the test."""
        held = Held()
        self.held.append(held)
        return held

    async def run(self, run: ToolRun, context: ToolContext, permit: Permit) -> ToolOutput:
        permit.spend(run)
        self.runs.append(run)
        if self.held:
            await self.held.popleft().wait()
        if self.manual:
            return await queued(self.waiting)
        if self.do is not None:
            return await self.do(run, context)
        return ToolOutput(f"{run.tool} ran {len(self.runs)}")


async def not_allowed(run: ToolRun, context: ToolContext) -> ToolOutput:
    """What a tool does that may not."""
    raise NotAllowed("test.rule", "it is not yours", "Ask a person.")
