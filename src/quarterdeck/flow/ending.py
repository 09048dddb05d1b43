"""How a turn ends: one operation that writes outcome, history, delivery and the end of every inbox row."""

from collections.abc import Sequence

import msgspec

from quarterdeck.flow import context
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.flow.sending import Outgoing, delivery_event
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import Stream, TurnState
from quarterdeck.governance.audit import SYSTEM, Subject
from quarterdeck.governance.gate import CloseState
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.message import AssistantMessage, Message, SystemEvent, encode
from quarterdeck.model.turn import ModelAnswer, ModelStep, TurnOutcome, Usage, model_step
from quarterdeck.store import events, inbox, journal, messages, sessions, turns
from quarterdeck.store.messages import NewMessage
from quarterdeck.store.operations import Statement, operation
from quarterdeck.words.book import Told, joined, quoted
from quarterdeck.words.sentences import Moment, Phrase, phrase

ROW_OUTCOME = {
    "answered": ("answered", "absorbed"),
    "superseded": ("superseded", "superseded"),
    "stopped": ("stopped", "stopped"),
    "failed": ("failed", "failed"),
    "dead_lettered": ("dead_lettered", "dead_lettered"),
}
NOTHING = quoted("")


class Ending:
    """Composes and commits the last operation of turns."""

    def __init__(self, services: Services) -> None:
        self._s = services

    async def answered(self, state: TurnState, answer: ModelAnswer) -> None:
        """End with an answer. Raises ExpectationFailed when a steering message came in, or the fence is lost."""
        text = self._words(state, answer)
        state.journal[step := model_step(context.model_steps(state.journal) + 1)] = ModelStep(answer)
        try:
            await self._end(state, "answered", text, new_step=step, usage=answer.usage)
        except BaseException:
            del state.journal[step]
            raise

    async def handed(self, state: TurnState) -> None:
        """End with calls that the client is to run; the answer is in the journal. Steering messages wait for the
        client's results, or begin the next turn. Raises ExpectationFailed as `answered` does.
        """
        step = state.journal[model_step(context.model_steps(state.journal))]
        assert isinstance(step, ModelStep)
        await self._end(state, "answered", quoted(step.answer.message.text.strip()), leave=True)

    async def cut(self, state: TurnState, outcome: TurnOutcome) -> None:
        """End in the middle; what the person saw of the answer stays, and the model is shown it."""
        await self._end(state, outcome, NOTHING, close="lost")

    async def failed(self, state: TurnState, said: Phrase, error: str, *, usage: Usage | None = None) -> None:
        """End because no answer could be had; the person is told what is `said`."""
        await self._end(state, "failed", state.say(said), error=error, usage=usage, close="failed")

    async def dead_letter(self, state: TurnState) -> None:
        """The turn killed the process again and again: step aside, tell the person, raise an alert."""
        self._s.log.error("turn.dead_lettered", turn=state.turn_id, session=state.session.id, alert=True)
        self._s.metrics.incident("dead_letter")
        await self._end(
            state, "dead_lettered", state.say(phrase("dead_letter")), error="taken too often without progress"
        )

    async def _end(
        self,
        state: TurnState,
        outcome: TurnOutcome,
        text: Told,
        *,
        new_step: str = "",
        error: str = "",
        usage: Usage | None = None,
        close: CloseState = "done",
        leave: bool = False,
    ) -> None:
        s, now = self._s, self._s.clock.now()
        room = state.place if state.stream is None else state.stream.place
        held = bool(text) and s.outbox.hold(*room)
        try:
            outgoing = await self._delivery(state, text, outcome, held)
            if outgoing and outgoing.instead is not None and outcome == "answered":
                _say_instead(state, outgoing.instead)
            written = self._history(state, outcome)
            also = await self.elsewhere(state, text, outcome)
            told = [one for one in (outgoing, also) if one is not None]
            count = 1 + len(told)
            statements: list[Statement] = [self._last_word(state, outcome, count, now, leave)]
            if state.pending is not None:
                row = state.pending.intent.row
                statements += s.gate.close(row, close, assistant=state.assistant.id, usage=usage, detail=error)
            if new_step:
                statements.append(journal.insert(state.turn_id, new_step, state.journal[new_step], now))
            statements += messages.insert(state.session.id, state.turn_id, state.position, written, now)
            statements += self._rows(state, outcome, error, now)
            statements.append(turns.end(state.turn_id, outcome, error, now))
            for back, one in enumerate(told, 1):
                statements += [*one.statements, delivery_event(state.session.id, back, one, now)]
            statements += [*self._record(state, outcome, error, now), *state.notes]
            receipt = await commit_patiently(s.store, operation("end_turn", statements), s.log)
        except BaseException:
            if held:
                s.outbox.release(*room)
            raise
        if outgoing:
            s.outbox.launch(outgoing, receipt)
        elif held:
            s.outbox.release(*room)
        for one in told[1:]:
            s.outbox.enqueued(one)
        forgotten = state.position <= state.session.history_from  # a reset came behind what this turn was for
        added = () if forgotten else tuple(one.message for one in written)
        head = int(receipt.one("sessions.end_answered" if outcome == "answered" else "sessions.hold")[0] or 0)
        s.history.extend(state.session, state.fence, head, added, tuple(len(encode(m)) for m in added))
        s.live.committed(state.session.id)
        self._count(state, outcome)

    def _count(self, state: TurnState, outcome: TurnOutcome) -> None:
        s = self._s
        s.metrics.turn(outcome, s.clock.monotonic() - state.started)
        if s.tracing is not None:
            s.tracing.ended(state, outcome)

    def _last_word(self, state: TurnState, outcome: TurnOutcome, count: int, now: float, leave: bool) -> Statement:
        if outcome == "answered":
            return sessions.end_answered(state.session.id, state.fence, state.position, count, now, leave=leave)
        return sessions.hold(state.session.id, state.fence, count, now)

    async def _delivery(self, state: TurnState, text: Told, outcome: str, held: bool) -> Outgoing | None:
        seen = self._seen(state, outcome)
        if state.stream is not None:
            if state.stream.permit is not None:
                state.stream.permit.close()
            mark = phrase("superseded") if outcome == "superseded" else phrase("stopped")
            words = text or joined("\n\n", self._labelled(state, seen), state.say(mark))
            return _partial(await self.streamed(state, state.stream, words, ride=held), seen)
        if not text and not seen:
            return None
        outgoing = await self._s.sending.compose(
            state.rules.name,
            state.room_id,
            text or self._labelled(state, seen),
            kind="answer" if seen or outcome == "answered" else "notice",
            language=state.language,
            session=state.session.id,
            turn=state.turn_id,
            assistant=state.assistant.id,
            reply_to=state.reply_to(),
            ride=held,
        )
        return _partial(outgoing, seen)

    def _seen(self, state: TurnState, outcome: str) -> Told:
        """What a person saw of an answer that was cut: it grew before their eyes in our own doors, or by edits."""
        if outcome not in ("stopped", "superseded") or state.pending is None:
            return NOTHING
        return quoted(state.pending.said.strip()) if state.rules.rows or state.stream is not None else NOTHING

    async def elsewhere(self, state: TurnState, text: Told, outcome: str = "answered") -> Outgoing | None:
        """The same words where the newest act came from, if the answer grew in another room."""
        stream = state.stream
        if stream is None or stream.place == state.place or not text:
            return None
        return await self._s.sending.compose(
            state.rules.name,
            state.room_id,
            text,
            kind="answer" if outcome == "answered" else "notice",
            language=state.language,
            session=state.session.id,
            turn=state.turn_id,
            assistant=state.assistant.id,
            reply_to=state.reply_to(),
        )

    async def streamed(self, state: TurnState, stream: Stream, text: Told, *, ride: bool) -> Outgoing:
        """The answer's final text goes into the message that it grew in."""
        return await self._s.sending.finish(
            stream.delivery,
            text,
            intent=stream.intent,
            native_id=stream.native_id,
            unsure=stream.unsure,
            assistant=state.assistant.id,
            ride=ride,
        )

    def _history(self, state: TurnState, outcome: TurnOutcome) -> list[NewMessage]:
        """The turn's messages, complete: every call has a result."""
        owners = {id(taken.message): inbox_id for inbox_id, taken in state.taken.items()}
        written = [NewMessage(m, owners.get(id(m), "")) for m in state.messages()]
        if seen := self._seen(state, outcome):
            written.append(NewMessage(AssistantMessage(seen)))
        if outcome in ("stopped", "superseded") and (seen or not _ends_with_answer(written)):
            written.append(NewMessage(SystemEvent(f"The answer to this was {outcome} before it was finished.")))
        return written

    def _rows(self, state: TurnState, outcome: TurnOutcome, error: str, now: float) -> list[Statement]:
        first, taken_in = ROW_OUTCOME[outcome]
        detail = error or (state.turn_id if outcome == "answered" else state.cut.reason or "")
        rows = [inbox.end([row.id for row in state.rows], first, detail, now)]
        if state.steered:
            rows.append(inbox.end([row.id for row in state.steered], taken_in, state.turn_id, now))
        return rows

    def _record(self, state: TurnState, outcome: TurnOutcome, error: str, now: float) -> list[Statement]:
        data: dict[str, object] = {
            "turn": state.turn_id,
            "outcome": outcome,
            "error": error,
            "inbox": [row.id for row in (*state.rows, *state.steered)],
        }
        about = Subject(
            assistant=state.assistant.id,
            connection=state.rules.name,
            session=state.session.id,
            turn=state.turn_id,
            resource=state.assistant.release(),
        )
        actor = Actor(id=state.assistant.id, kind="assistant") if outcome == "answered" else SYSTEM
        return [
            events.insert(state.session.id, 0, "turn.ended", data, now),
            *self._s.auditor.record("turn.end", actor, about, outcome=outcome),
        ]

    def _words(self, state: TurnState, answer: ModelAnswer) -> Told:
        """What the person reads: the model's text, and what has to be said beside it."""
        text = quoted(answer.message.text.strip())
        if state.options.form is not None:  # a program reads it: nothing stands beside it
            return text
        match answer.finish:
            case "refusal":
                text = text or state.say(phrase("refusal"))
            case "filter":
                text = joined("\n\n", text, state.say(phrase("filtered")))
            case "length":
                text = joined("\n\n", text, state.say(phrase("length")))
            case "stop" | "tool_calls":
                text = text or state.say(phrase("empty"))
        return joined("\n\n", self._late(state), self._labelled(state, text))

    def _labelled(self, state: TurnState, text: Told) -> Told:
        """An answer with the note that people must see beside those of its model."""
        if not text or state.pending is None:
            return text
        profile = state.pending.profile
        demo = state.say(phrase("demo_model")) if profile.demo else NOTHING
        return joined("\n\n", text, quoted(profile.label), demo)

    def _late(self, state: TurnState) -> Told:
        oldest = min(row.sent_at or row.created_at for row in state.rows)
        if self._s.clock.now() - oldest < self._s.directory.limits.late_after_seconds:
            return NOTHING
        return state.say(phrase("late", when=Moment(oldest)))


def _say_instead(state: TurnState, text: str) -> None:
    """What hooks put in an answer's place, or why it was held back, is what stands in the history too."""
    name = model_step(context.model_steps(state.journal))
    step = state.journal[name]
    assert isinstance(step, ModelStep)
    message = msgspec.structs.replace(step.answer.message, text=text)
    state.journal[name] = ModelStep(msgspec.structs.replace(step.answer, message=message))


def _partial(outgoing: Outgoing, seen: str) -> Outgoing:
    """A delivery that is only what was seen of an answer says so in its event."""
    return msgspec.structs.replace(outgoing, event={**outgoing.event, "partial": True}) if seen else outgoing


def _ends_with_answer(written: Sequence[NewMessage]) -> bool:
    last: Message | None = written[-1].message if written else None
    return isinstance(last, AssistantMessage) and not last.calls
