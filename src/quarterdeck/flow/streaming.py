"""Showing an answer while it grows: pieces to whoever watches; on a platform edits of one message, or its own drafts.

Pieces are merged and leave only while somebody watches. On a platform the delivery exists before anything is
edited, and the first native id is committed as soon as it is known, so that a later attempt edits the same message.
A draft is no message: like typing it needs no record, and what a crash leaves of one goes away by itself.
"""

import asyncio
import zlib

from quarterdeck.flow import acknowledging
from quarterdeck.flow.live import Piece
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import Stream, TurnState
from quarterdeck.governance.gate import Denied
from quarterdeck.model.action import StreamTo
from quarterdeck.model.permit import PresencePermit, StreamPermit
from quarterdeck.ports import MARK_RESERVE, Channel, Delta, MaybeSent, NotSent, SendRefused, SendResult, Sent
from quarterdeck.store import outbox
from quarterdeck.store.operations import Statement, operation
from quarterdeck.store.outbox import Delivery

PIECE_S = 0.1
EDIT_S = 1.0
DRAFT_S = 1.0
SHOW_SECONDS = 15.0
TYPING_AFTER_S = 0.5
TYPING_EVERY_S = 4.5


async def resume(services: Services, turn_id: str) -> Stream | None:
    """The delivery that an earlier attempt of a turn left growing; unsure when its first showing may have arrived."""
    delivery = await outbox.streaming_of(services.store, turn_id)
    if delivery is None:
        return None
    part = await outbox.part(services.store, delivery.id, 0)
    assert part is not None
    native = await services.rooms.native(delivery.room_id)
    return Stream(delivery, native, native_id=part.native_id, unsure=not part.native_id)


async def begin(services: Services, state: TurnState, *, riding: bool) -> list[Statement]:
    """Let the answer grow on the platform: the delivery and its intent, for the operation of a model intent.

    Sets `state.stream`; gives no statements where the connection does not stream.
    """
    if services.hooks is not None and services.hooks.withholds:
        return []
    channel = services.directory.sending(state.rules.name)
    if channel is None or not state.rules.streaming or not channel.capabilities.edits:
        return []
    statements: list[Statement] = []
    now = services.clock.now()
    stream = state.stream
    if stream is None:
        native = await services.rooms.native(state.room_id)
        delivery = Delivery(
            services.new_id("dlv"),
            state.session.id,
            state.turn_id,
            state.rules.name,
            state.room_id,
            "answer",
            now,
            state.language,
        )
        stream = Stream(delivery, native)
        statements += [
            outbox.insert_delivery(delivery),
            outbox.insert_part(delivery, 0, "", "streaming", now),
        ]
    action = StreamTo(stream.delivery.connection, stream.room, stream.delivery.id)
    verdict = services.gate.check(action, state.scope("stream", rooms=(action.route,)), riding=riding)
    if isinstance(verdict, Denied):
        return list(verdict.statements)
    stream.intent = verdict
    state.stream = stream
    return [*statements, *verdict.statements]


class _Presence:
    """Typing until there is a text, then drafts of it where they are wanted; neither more often than is of use."""

    def __init__(self, channel: Channel, permit: PresencePermit, state: TurnState, now: float) -> None:
        self._channel = channel
        self._room = permit.route.partition("/")[2]
        self._permit = permit
        self._state = state
        self._number = zlib.crc32(state.turn_id.encode()) & 0x7FFFFFFF or 1
        self._drafted: str = ""
        self._next_typing = now + TYPING_AFTER_S
        self._next_draft = 0.0

    async def signal(self, now: float, text: str) -> None:
        """Show what is due: typing, or a draft that grew."""
        if not text:
            if self._channel.capabilities.typing and now >= self._next_typing:
                self._next_typing = now + TYPING_EVERY_S
                await self._channel.typing(self._room, self._permit)
        elif self._drafts and now >= self._next_draft and text != self._drafted:
            self._drafted, self._next_draft = text, now + DRAFT_S
            self._state.drafts = await self._channel.draft(self._room, self._number, text, self._permit)

    @property
    def _drafts(self) -> bool:
        return self._state.drafts and self._state.rules.streaming and self._channel.capabilities.drafts

    def close(self) -> None:
        """The model call is over."""
        self._permit.close()


class Show:
    """One attempt's growing answer."""

    def __init__(self, services: Services, state: TurnState) -> None:
        self._services = services
        self._state = state
        self._text: list[str] = []
        self._fresh: list[str] = []
        self._flush_at = 0.0
        self._seq = 0
        state.shown += 1
        self._attempt = (state.attempt << 16) + state.shown
        self._grown = asyncio.Event()
        self._ended = asyncio.Event()

    @property
    def text(self) -> str:
        """What has come in so far."""
        return "".join(self._text)

    def delta(self, delta: Delta) -> None:
        """A piece has come in."""
        self._services.crash.reach("provider.delta")
        if self._services.hooks is not None and self._services.hooks.withholds:
            return
        self._text.append(delta.text)
        self._grown.set()
        if not self._services.live.watched(self._state.session.id):
            return
        self._fresh.append(delta.text)
        self._flush_in_time()

    def _flush_in_time(self) -> None:
        now = self._services.clock.monotonic()
        if now >= self._flush_at:
            self._flush_at = now + PIECE_S
            self.flush()

    def flush(self) -> None:
        """Give the merged pieces to the watchers."""
        if not self._fresh:
            return
        text, self._fresh = "".join(self._fresh), []
        state = self._state
        self._seq += 1
        self._services.live.piece(state.session.id, Piece(state.turn_id, self._attempt, self._seq, text))

    def grown(self) -> Piece | None:
        """All that has come in, for somebody who joins in now; those who watch already get what they lack first."""
        self.flush()
        return Piece(self._state.turn_id, self._attempt, self._seq, self.text, whole=True) if self._text else None

    def end(self) -> None:
        """The answer is complete: `beside` ends when what it is showing has arrived."""
        self._ended.set()

    async def beside(self) -> None:
        """Runs beside the model call until `end`: late pieces, edits on the platform, a reaction, typing."""
        stream = self._state.stream
        presence = await self._presence()
        next_edit = 0.0
        try:
            while not await self._ended_within(PIECE_S):
                self._flush_in_time()
                now = self._services.clock.monotonic()
                if stream and stream.permit and self._grown.is_set() and now >= next_edit:
                    self._grown.clear()
                    next_edit = now + await self._edit(stream)
                await acknowledging.begin(self._services, self._state)
                if presence:
                    await presence.signal(now, self.text)
        finally:
            if presence:
                presence.close()

    async def _presence(self) -> "_Presence | None":
        """The signals of presence that the turn's platform knows; None where it knows none."""
        services, rules = self._services, self._state.rules
        channel = services.directory.sending(rules.name)
        if channel is None or not (channel.capabilities.typing or channel.capabilities.drafts):
            return None
        permit = services.gate.presence(rules.name, await services.rooms.native(self._state.room_id))
        return _Presence(channel, permit, self._state, services.clock.monotonic())

    async def _ended_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    async def _edit(self, stream: Stream) -> float:
        """Show the text so far; returns the seconds to wait before the next edit."""
        channel = self._services.directory.sending(stream.delivery.connection)
        if channel is None or stream.permit is None or stream.unsure:
            return EDIT_S
        if not stream.native_id and await self._behind(stream.delivery):
            self._grown.set()
            return PIECE_S
        result = await self._show(channel, stream, stream.permit)
        match result:
            case Sent():
                self._services.crash.reach("stream.shown")
                if not stream.native_id:
                    await self._know(stream, result.native_id)
            case MaybeSent():
                stream.unsure = not stream.native_id
            case NotSent():
                return result.retry_after or EDIT_S
            case SendRefused():
                stream.permit.close()
                stream.permit = None
        return EDIT_S

    async def _show(self, channel: Channel, stream: Stream, permit: StreamPermit) -> SendResult:
        text = self.text[: channel.capabilities.text_limit - MARK_RESERVE]
        action = StreamTo(stream.delivery.connection, stream.room, stream.delivery.id)
        try:
            async with asyncio.timeout(SHOW_SECONDS):
                return await channel.show(action, text, stream.native_id, permit)
        except TimeoutError:
            self._services.log.warning("stream.show_late", turn=self._state.turn_id)
        except asyncio.CancelledError:
            stream.unsure = not stream.native_id
            raise
        except Exception as error:
            self._services.log.error("stream.adapter_failed", turn=self._state.turn_id, exc_info=error)
        return MaybeSent("not heard of")

    async def _behind(self, delivery: Delivery) -> bool:
        """Whether the room waits for something: what grows does not overtake it."""
        following = await outbox.next_of_room(self._services.store, delivery.connection, delivery.room_id)
        return following is not None

    async def _know(self, stream: Stream, native_id: str) -> None:
        stream.native_id = native_id
        delivery, now = stream.delivery, self._services.clock.now()
        await self._services.store.commit(
            operation("stream_id", outbox.move(delivery.id, 0, "streaming", "streaming", now, native_id=native_id))
        )
