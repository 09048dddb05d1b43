"""What of a plugin's channel reaches the outbox and intake: sound results, sound acts of its own connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence

from quarterdeck.base.errors import BadInput, NotAllowed, Refused, Retry, StoreFailed
from quarterdeck.base.supervise import EventLog
from quarterdeck.model.action import Part, StreamTo
from quarterdeck.model.inbound import Acceptance, Inbound
from quarterdeck.model.message import Attachment
from quarterdeck.model.permit import Permit, PresencePermit, StreamPermit
from quarterdeck.plugins.guards.sound import FAULTS, Nonsense, asked_to_stop, sound, within
from quarterdeck.ports import (
    MARK_RESERVE,
    Capabilities,
    Channel,
    ChannelHealth,
    IntakePort,
    MaybeSent,
    NotSent,
    SendRefused,
    SendResult,
    Sent,
)

MAX_PARTS = 1_000  # texts that one answer may be cut into
MAX_TEXT = 1_000_000  # characters of an act
MAX_KEY = 1_000
MAX_FILES = 100
MAX_WAIT_S = 86_400.0
MAX_TIME = 32_503_680_000.0  # the year 3000
TYPING_SECONDS = CLOSE_SECONDS = 5.0


class GuardedChannel:
    """Implements ports.Channel around a plugin's; what it can do is read once."""

    def __init__(self, inner: Channel, connection: str, log: EventLog) -> None:
        self._inner = inner
        self._connection = connection
        self._log = log
        self.capabilities = sound(inner.capabilities, Capabilities)
        if self.capabilities.text_limit <= 2 * MARK_RESERVE:
            raise Nonsense(f"its text_limit is {self.capabilities.text_limit}, at least {2 * MARK_RESERVE} are needed")

    def cut(self, text: str) -> Sequence[str]:
        """See ports.Channel.cut. Where the plugin cannot, the text is cut by length: an answer has to be sent."""
        try:
            texts: tuple[object, ...] = tuple(self._inner.cut(text))
            if not 0 < len(texts) <= MAX_PARTS or {type(one) for one in texts} != {str} or "" in texts:
                raise Nonsense(f"it cut a text into {len(texts)} texts, or into something else")
            return [str(one) for one in texts]
        except FAULTS as error:
            self._failed("cut", error)
        room = self.capabilities.text_limit - MARK_RESERVE
        return tuple(text[at : at + room] for at in range(0, len(text), room))

    async def receive(self, intake: IntakePort) -> None:
        """See ports.Channel.receive. Whatever it raises, only this connection begins anew."""
        try:
            await self._inner.receive(GuardedIntake(intake, self._connection))
        except (SystemExit, StoreFailed) as error:
            raise Nonsense(f"receiving ended with {type(error).__name__}: {error}") from error
        except asyncio.CancelledError as error:
            if asked_to_stop():
                raise
            raise Nonsense("it cancelled itself") from error

    async def send(self, part: Part, permit: Permit) -> SendResult:
        """See ports.Channel.send."""
        return await self._told("send", self._inner.send(part, permit), permit)

    async def show(self, stream: StreamTo, text: str, native_id: str, permit: StreamPermit) -> SendResult:
        """See ports.Channel.show."""
        return await self._told("show", self._inner.show(stream, text, native_id, permit))

    async def edit(self, part: Part, native_id: str, permit: Permit) -> SendResult:
        """See ports.Channel.edit."""
        return await self._told("edit", self._inner.edit(part, native_id, permit), permit)

    async def _told(self, where: str, sending: Awaitable[SendResult], permit: Permit | None = None) -> SendResult:
        """What became of it; where the plugin does not say so, it may have been sent."""
        try:
            result = sound(await sending, Sent, NotSent, MaybeSent, SendRefused)
            if isinstance(result, NotSent):
                within(result.retry_after, MAX_WAIT_S, "retry_after")
            if isinstance(result, Sent) and permit is not None and not permit.spent:
                raise Nonsense("it did not spend its permit")
            return result
        except NotAllowed:
            raise
        except asyncio.CancelledError as error:
            if asked_to_stop():
                raise
            return self._unsure(where, error)
        except FAULTS as error:
            return self._unsure(where, error)

    def _unsure(self, where: str, error: BaseException) -> MaybeSent:
        self._failed(where, error)
        return MaybeSent(f"the plugin failed in {where}: {type(error).__name__}")

    async def draft(self, room: str, number: int, text: str, permit: PresencePermit) -> bool:
        """See ports.Channel.draft; at most 5 s."""
        try:
            async with asyncio.timeout(TYPING_SECONDS):
                return await self._inner.draft(room, number, text, permit) is True
        except NotAllowed:
            raise
        except FAULTS as error:
            self._failed("draft", error)
            return False

    async def typing(self, room: str, permit: PresencePermit) -> None:
        """See ports.Channel.typing; at most 5 s."""
        try:
            async with asyncio.timeout(TYPING_SECONDS):
                await self._inner.typing(room, permit)
        except NotAllowed:
            raise
        except FAULTS as error:
            self._failed("typing", error)

    async def react(self, room: str, native_id: str, permit: PresencePermit, *, on: bool) -> bool:
        """See ports.Channel.react; at most 5 s."""
        try:
            async with asyncio.timeout(TYPING_SECONDS):
                return await self._inner.react(room, native_id, permit, on=on) is True
        except NotAllowed:
            raise
        except FAULTS as error:
            self._failed("react", error)
            return False

    async def fetch(self, file: Attachment, max_bytes: int) -> AsyncIterator[bytes]:
        """See ports.Channel.fetch."""
        size = 0
        try:
            async for chunk in self._inner.fetch(file, max_bytes):
                size += len(chunk)
                if not isinstance(chunk, bytes) or size > max_bytes:  # pyright: ignore[reportUnnecessaryIsInstance]
                    raise Refused(f"the file {file.name} is larger than {max_bytes} bytes, or no bytes")
                yield chunk
        except (Refused, Retry, TimeoutError):
            raise
        except FAULTS as error:
            self._failed("fetch", error)
            raise Refused(f"the file {file.name} could not be fetched: {type(error).__name__}") from error

    def health(self) -> ChannelHealth:
        """See ports.Channel.health."""
        try:
            health = sound(self._inner.health(), ChannelHealth)
            within(health.last_inbound, MAX_TIME, "last_inbound")
            within(health.last_outbound, MAX_TIME, "last_outbound")
            within(health.last_heard, MAX_TIME, "last_heard")
            return health
        except FAULTS as error:
            self._failed("health", error)
            return ChannelHealth(False, False, detail=f"the plugin does not say how it is: {type(error).__name__}")

    async def close(self) -> None:
        """See ports.Channel.close; at most 5 s."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._inner.close()
        except FAULTS as error:
            self._failed("close", error)

    def _failed(self, where: str, error: BaseException) -> None:
        self._log.error("plugin.failed", connection=self._connection, where=where, exc_info=error)


class GuardedIntake:
    """Implements ports.IntakePort: takes sound acts of one connection only."""

    def __init__(self, inner: IntakePort, connection: str) -> None:
        self._inner = inner
        self._connection = connection

    async def accept(self, inbound: Inbound) -> Acceptance:
        """See ports.IntakePort.accept. Raises BadInput for an act that is not sound, and Nonsense for no act."""
        act = sound(inbound, Inbound)
        if act.connection != self._connection:
            reason = f"the act says {act.connection!r}, the connection is {self._connection}"
            raise BadInput("inbound.connection", reason, "Use the name that build was given.")
        if not 0 < len(act.act_key) <= MAX_KEY or not act.room.native_id or not act.sender.native_id:
            raise BadInput("inbound.act_key", "act_key, room and sender are needed", "Take the platform's ids.")
        if len(act.text) > MAX_TEXT or len(act.attachments) > MAX_FILES:
            raise BadInput("inbound.text", f"more than {MAX_TEXT} characters or {MAX_FILES} files", "Shorten it.")
        return await self._inner.accept(act)
