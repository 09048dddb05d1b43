"""The outbox: sends ready parts, in the order of their room, rooms never waiting for each other (durable point 7).

A part's way: ready -> sending (intent committed) -> sent | unknown | refused | failed, or back to ready with a
time not to try before. The process that holds a connection sends for it, so order and back-off are local memory.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

import msgspec

from quarterdeck.base.clock import Clock, left
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import NotAllowed
from quarterdeck.base.standing import CutOff
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.hooks import Hooks
from quarterdeck.flow.keyed import Keyed
from quarterdeck.flow.live import Live
from quarterdeck.flow.offering import with_buttons
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.flow.peers import ALONE, Peers
from quarterdeck.flow.sending import Outgoing, Sending
from quarterdeck.flow.tracing import Tracing
from quarterdeck.governance.gate import Gate, Intent
from quarterdeck.model.action import Part
from quarterdeck.model.hook import HookContext, HookOutcome, SendSubject
from quarterdeck.model.permit import Permit
from quarterdeck.observe.metrics import Metrics
from quarterdeck.ports import Channel, MaybeSent, NotSent, SendRefused, SendResult, Sent
from quarterdeck.store import events, outbox, sessions
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, Receipt, Statement, operation
from quarterdeck.store.outbox import BUTTONS, Delivery, PartRow

SEND_SECONDS = 60.0
FILE_SECONDS = 300.0
MAX_ATTEMPTS = 12
BACKOFF_S = (1.0, 300.0)
ROOMS_AT_ONCE = 200


class Flight(msgspec.Struct, frozen=True):
    """One attempt that is under way: the part, what goes over the wire, and its committed intent."""

    part: PartRow
    call: Part
    intent: Intent
    permit: Permit
    delivery: Delivery

    @property
    def session(self) -> str:
        """The session that it belongs to, if any."""
        return self.delivery.session_id

    @property
    def turn(self) -> str:
        """The turn that it belongs to, if any."""
        return self.delivery.turn_id


class Outbox:
    """Owns the sending of every connection of this process."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        gate: Gate,
        sending: Sending,
        live: Live,
        clock: Clock,
        crash: CrashPoints,
        metrics: Metrics,
        log: EventLog,
        peers: Peers = ALONE,
        tracing: Tracing | None = None,
    ) -> None:
        self._store = store
        self._directory = directory
        self._gate = gate
        self._sending = sending
        self._live = live
        self._clock = clock
        self._crash = crash
        self._metrics = metrics
        self._log = log
        self._tracing = tracing
        self._hooks = sending.hooks
        self._peers = peers
        self._flying: Counter[str] = Counter()  # connection -> attempts under way
        self._landed = asyncio.Event()
        self._connection_until: dict[str, float] = {}  # connection -> monotonic time of its back-off's end
        self._rooms = Keyed("outbox", self._next_part, self._rooms_with_ready, lambda: ROOMS_AT_ONCE, log, peers)

    async def run(self, life: Life) -> None:
        """Serve until told to stop; what has begun is ended, what is ready stays ready."""
        await self._rooms.run(life)

    # --- what composes deliveries uses ------------------------------------------------------------------------

    def hold(self, connection: str, room_id: str) -> bool:
        """Take an idle room so that a send may ride on the operation that makes it."""
        if self._sends(connection) is None or self.backoff_left(connection) > 0:
            return False
        return self._rooms.hold(_key(connection, room_id), connection)

    def release(self, connection: str, room_id: str) -> None:
        """The operation did not happen."""
        self._rooms.release(_key(connection, room_id), wake=True)

    async def resumed(self, connection: str) -> None:
        """What waited while a connection was paused, or another process held it, is sent now."""
        async for key, group in self._rooms_with_ready():
            if group == connection:
                self._rooms.wake(key, group)

    def wake(self, connection: str, room_id: str) -> None:
        """Something is ready to be sent to a room, as another process says."""
        if self._peers.holds(connection):
            self._rooms.wake(_key(connection, room_id), connection)

    def look_again(self) -> None:
        """What another process had begun has its outcome, or what it said was not heard."""
        self._rooms.look_again()

    async def quiet(self, connection: str) -> None:
        """Wait until nothing is under way for a connection that this process gives up."""
        while self._flying[connection]:
            self._landed.clear()
            await self._landed.wait()

    def enqueued(self, outgoing: Outgoing) -> None:
        """A delivery without a ride was committed."""
        if self._hooks is not None and not outgoing.wired and outgoing.texts != ("",):
            self._tell(self._hooks, outgoing.delivery, outgoing.texts[0], "sent")
        if not outgoing.wired:
            return
        place = outgoing.delivery.connection, outgoing.delivery.room_id
        if self._peers.holds(place[0]):
            self._rooms.wake(_key(*place), place[0])
        else:
            self._peers.ready(*place)

    def launch(self, outgoing: Outgoing, receipt: Receipt) -> None:
        """A delivery was committed; its ride, if it has one, starts now in the held room."""
        key = _key(outgoing.delivery.connection, outgoing.delivery.room_id)
        if outgoing.ride is None or outgoing.ride_part is None:
            self.enqueued(outgoing)
            return
        permit = self._gate.permit(outgoing.ride, receipt)
        if permit is None:  # another part came before it into the room
            self._rooms.release(key, wake=True)
            return
        self._rooms.launch(key, partial(self._ride, outgoing, outgoing.ride, outgoing.ride_part, permit))

    # --- one room ---------------------------------------------------------------------------------------------

    async def _rooms_with_ready(self) -> AsyncIterator[tuple[str, str]]:
        after = 0
        while page := await outbox.rooms_with_ready(self._store, 500, after):
            for seq, connection, room_id in page:
                after = seq
                if self._sends(connection) is not None:  # `resumed` looks for the others when it is time
                    yield _key(connection, room_id), connection

    async def _ride(self, outgoing: Outgoing, intent: Intent, call: Part, permit: Permit) -> float | None:
        delivery = outgoing.delivery
        part = PartRow(
            seq=0,
            delivery_id=delivery.id,
            n=0,
            connection=delivery.connection,
            room_id=delivery.room_id,
            text=outgoing.texts[0],
            reply_to=call.reply_to,
            state="sending",
            native_id=outgoing.native_id,
            attempts=1,
            resends=outgoing.resends,
            first_at=delivery.created_at,
            not_before=0.0,
            error="",
            updated_at=delivery.created_at,
            file=outbox.stored(call.file),
        )
        state = await self._fly(Flight(part, call, intent, permit, delivery))
        if state == "sent" and len(outgoing.texts) + len(outgoing.files) == 1:
            return None  # the room was idle, and whatever is enqueued since has woken it
        return await self._idle(part)

    async def _idle(self, part: PartRow) -> float | None:
        following = await outbox.next_of_room(self._store, part.connection, part.room_id)
        if following is None or following.state != "ready":
            return None
        return self._wait(following)

    def _wait(self, part: PartRow) -> float:
        """Seconds until a part may be tried."""
        return left(part.not_before, part.updated_at, self._clock.now())

    async def _next_part(self, key: str) -> float | None:
        connection, _, room_id = key.partition("|")
        if (left := self.backoff_left(connection)) > 0:
            return left
        part = await outbox.next_of_room(self._store, connection, room_id)
        if part is None or part.state != "ready":
            return None  # nothing, or a flight whose outcome recovery settles
        if (wait := self._wait(part)) > 0:
            return wait
        if self._sends(connection) is None:
            return None  # the connection does not run here or is paused; its parts wait for it
        flight = await self._take_off(part)
        if flight is None:
            return 0.0
        await self._fly(flight)
        return await self._idle(part)

    async def _take_off(self, part: PartRow) -> Flight | None:
        """Commit the intent of the next attempt; None where a stop or a repeat has come before it."""
        delivery = await outbox.get(self._store, part.delivery_id)
        assert delivery is not None
        call = await self._sending.part(
            delivery, part.n, part.text, reply_to=part.reply_to, resends=part.resends, file=part.attachment
        )
        call = await with_buttons(self._store, call, delivery, part)
        intent = self._sending.intent(call, delivery, part.n, "", attempt=part.attempts + 1)
        now = self._clock.now()
        begin = outbox.move(part.delivery_id, part.n, "ready", "sending", now, attempt=True, resends=part.resends)
        try:
            receipt = await self._store.commit(operation("send_intent", begin, intent.statements))
        except ExpectationFailed as failed:
            if failed.statement != begin.name:
                raise
            return None
        permit = self._gate.permit(intent, receipt)
        assert permit is not None  # a stop holds parts, it leaves out no intent of theirs
        taken = msgspec.structs.replace(part, attempts=part.attempts + 1, first_at=part.first_at or self._clock.now())
        return Flight(taken, call, intent, permit, delivery)

    async def _fly(self, flight: Flight) -> str:
        """Send and record; the state that the part is in then."""
        connection = flight.part.connection
        channel = self._directory.channel(connection)
        assert channel is not None
        self._flying[connection] += 1
        try:
            self._crash.reach("send.before")
            begun = self._clock.monotonic()
            result = await self._attempt(channel, flight)
            self._crash.reach("send.after")
            self._metrics.sent(connection, type(result).__name__, self._clock.monotonic() - begun)
            if self._tracing is not None:
                self._tracing.sent(flight.delivery, flight.part, flight.intent, begun, result)
            return await self._record(flight, result, channel)
        finally:
            self._flying[connection] -= 1
            self._landed.set()

    async def _attempt(self, channel: Channel, flight: Flight) -> SendResult:
        seconds = FILE_SECONDS if flight.call.file else SEND_SECONDS
        try:
            async with asyncio.timeout(seconds):
                if flight.part.native_id and not flight.call.unbutton:
                    return await channel.edit(flight.call, flight.part.native_id, flight.permit)
                return await channel.send(flight.call, flight.permit)
        except TimeoutError:
            return MaybeSent(f"no answer within {seconds:.0f} s")
        except CutOff as error:
            return NotSent(str(error), error.retry_after)
        except NotAllowed as error:
            return SendRefused(error.code, str(error))
        except Exception as error:
            self._log.error("send.adapter_failed", delivery=flight.part.delivery_id, exc_info=error)
            return MaybeSent(f"the adapter failed: {type(error).__name__}")

    async def _record(self, flight: Flight, result: SendResult, channel: Channel) -> str:
        """The outcome of a flight, in one operation; the part's new state."""
        part, now = flight.part, self._clock.now()
        match result:
            case Sent():
                close = self._gate.close(flight.intent.row, "done")
                move = outbox.move(part.delivery_id, part.n, "sending", "sent", now, native_id=result.native_id)
                state = "sent"
            case NotSent():
                close = self._gate.close(flight.intent.row, "failed", detail=result.reason)
                state, move = self._try_again(part, result, now)
            case SendRefused():
                close = self._gate.close(flight.intent.row, "failed", detail=f"{result.code}: {result.reason}")
                state = "refused"
                move = outbox.move(part.delivery_id, part.n, "sending", state, now, error=result.reason)
                self._log.warning("send.refused", delivery=part.delivery_id, code=result.code, reason=result.reason)
            case MaybeSent():
                close = self._gate.close(flight.intent.row, "unknown", detail=result.reason)
                state, move = self.fate_unknown(part, channel, result.reason)
        statements = [*close, move]
        if flight.session:
            statements = self._told(flight, statements, state, now)
        receipt = await commit_patiently(self._store, operation("send_outcome", statements), self._log)
        if state == "ready":
            state = str(receipt.one(move.name)[0])
        if flight.session:
            self._live.committed(flight.session)
        if self._hooks is not None and flight.delivery.kind != BUTTONS:
            self._tell(self._hooks, flight.delivery, part.text, state)
        return state

    def _tell(self, hooks: Hooks, delivery: Delivery, text: str, state: str) -> None:
        """Let hooks know what became of a part."""
        about = HookContext(
            connection=delivery.connection,
            session=delivery.session_id,
            turn=delivery.turn_id,
            step=delivery.id,
            room=delivery.room_id,
        )
        hooks.after(SendSubject(delivery.kind, text), about, HookOutcome(state))

    def _try_again(self, part: PartRow, result: NotSent, now: float) -> tuple[str, Statement]:
        if result.room_only and part.attempts >= MAX_ATTEMPTS:  # a connection's trouble is not the part's
            self._log.error("send.failed", delivery=part.delivery_id, attempts=part.attempts, reason=result.reason)
            return "failed", outbox.move(part.delivery_id, part.n, "sending", "failed", now, error=result.reason)
        delay = result.retry_after
        if delay is None:
            delay = _delay(part.attempts)
        if not result.room_only:
            self._connection_until[part.connection] = self._clock.monotonic() + delay
        return "ready", outbox.again(part.delivery_id, part.n, "held", now, error=result.reason, not_before=now + delay)

    def fate_unknown(self, part: PartRow, channel: Channel | None, reason: str) -> tuple[str, Statement]:
        """What happens to a part whose send may or may not have arrived.

        Where the platform knows our key, the same call again is harmless. Else it is unknown and visible; an
        answer is sent once more with a mark where the configuration says so, and held when that is unknown too.
        What a stop covers is not sent again by itself.
        """
        now = self._clock.now()
        if part.error == outbox.STOPPED:
            return "unknown", outbox.move(part.delivery_id, part.n, "sending", "unknown", now, error=outbox.STOPPED)
        able = channel.capabilities if channel else None
        age = abs(now - part.first_at)  # where the clock was set back nobody knows it
        known = able is not None and able.idempotent_sends and age < able.idempotency_window
        if (known or part.native_id) and part.attempts < MAX_ATTEMPTS:  # the same call again is harmless
            later = now + _delay(part.attempts)
            return "ready", outbox.again(part.delivery_id, part.n, "unknown", now, error=reason, not_before=later)
        if self._directory.limits.unknown == "resend_marked" and part.resends == 0:
            self._log.warning("send.unknown", delivery=part.delivery_id, reason=reason, action="resend_marked")
            return "ready", outbox.again(part.delivery_id, part.n, "unknown", now, error=reason, resend=True)
        self._log.error("send.unknown", delivery=part.delivery_id, reason=reason, action="held for a person")
        return "unknown", outbox.move(part.delivery_id, part.n, "sending", "unknown", now, error=reason)

    def _told(self, flight: Flight, outcome: list[Statement], state: str, now: float) -> list[Statement]:
        """An outcome with what watchers are told; nothing of a part that is tried again, unless a stop has come before
        that. It has the session first, as a stop does, which waits for parts then.
        """
        if state == "ready":
            found = outbox.not_again_told(flight.part.delivery_id, flight.part.n)
            return [sessions.count(flight.session, 0), *outcome, *events.insert_found(flight.session, found, now)]
        data: dict[str, object] = {
            "delivery": flight.part.delivery_id,
            "turn": flight.turn,
            "part": flight.part.n,
            "state": state,
        }
        event = events.insert(flight.session, 0, "delivery.state", data, now)
        return [sessions.advance(flight.session, 1, now), *outcome, event]

    def _sends(self, connection: str) -> Channel | None:
        """The channel of a connection for which something may be sent now and here."""
        return self._directory.sending(connection) if self._peers.holds(connection) else None

    def backoff_left(self, connection: str) -> float:
        """Seconds until a connection may be tried again; not positive: now."""
        return self._connection_until.get(connection, 0.0) - self._clock.monotonic()


def _key(connection: str, room_id: str) -> str:
    return f"{connection}|{room_id}"


def _delay(attempts: int) -> float:
    """Seconds before the next attempt, doubling with each."""
    return min(BACKOFF_S[1], BACKOFF_S[0] * 2.0 ** min(attempts - 1, 16))
