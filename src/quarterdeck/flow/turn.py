"""A turn, from claim to end. This file is the way of a message in the middle of the picture:

    claim -> take (+ step 0) -> model intent -> answer -> [tools -> results ->]* -> end

Each arrow is a commit; what runs between two commits may be lost in a crash and is done again, or told as unknown.
"""

import msgspec

from quarterdeck.base.errors import Conflict, NotFound
from quarterdeck.flow import acknowledging, context, forms, media
from quarterdeck.flow.commands import CutReason
from quarterdeck.flow.compaction import Compaction
from quarterdeck.flow.ending import Ending
from quarterdeck.flow.hooks import told_of
from quarterdeck.flow.modelcall import ModelCalls
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.flow.screening import ModelDenied
from quarterdeck.flow.sending import Outgoing, delivery_event
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import TurnCut, TurnState
from quarterdeck.flow.steer import Steer
from quarterdeck.flow.taking import Claim, Taking
from quarterdeck.flow.toolcall import ToolCalls
from quarterdeck.model.message import AssistantMessage
from quarterdeck.model.turn import FormStep, ModelAnswer, ModelStep, Step, form_step, model_step
from quarterdeck.ports import ProviderFailed
from quarterdeck.store import inbox, journal, sessions
from quarterdeck.store.inbox import MAX_TAKES, InboxRow
from quarterdeck.store.operations import ExpectationFailed, Statement, operation
from quarterdeck.words.book import Told, quoted
from quarterdeck.words.sentences import Phrase, phrase

PARKED_S = 60.0
LOOKS = 20  # how often an end may find that the lane has changed
MOVED_ON = (
    "inbox.take",
    "sessions.take",
    "turns.insert",
    "turns.take_again",
)  # a row was edited or stopped since the lane was read, or whoever was held for dead went on


class Turns:
    """Drives turns; one instance serves all lanes."""

    def __init__(self, services: Services) -> None:
        self._s = services
        self._taking = Taking(services)
        self._models = ModelCalls(services)
        self._compaction = Compaction(services, self._models)
        self._steer = Steer(services)
        self._tools = ToolCalls(services, self._models, self._steer)
        self._ending = Ending(services)
        self._running: dict[str, TurnState] = {}

    def cut(self, session_id: str, reason: CutReason, position: int) -> None:
        """Cut the session's running turn, if it has one here and it is for acts before `position`.

        A lane may have taken the act that cuts before anybody was told of it: its own turn is not meant.
        """
        if (state := self._running.get(session_id)) is not None and state.position < position:
            state.cut.request(reason)

    async def run(self, session_id: str) -> float | None:
        """Drive the lane's next turn to its end. Seconds until the lane wants another look, None: nothing left."""
        try:
            claim = await self._taking.claim(session_id)
        except NotFound as missing:  # its assistant or connection is no longer configured
            self._s.log.error("lane.parked", session=session_id, reason=str(missing))
            return PARKED_S
        if claim.state is None:
            return claim.wait
        self._running[session_id] = claim.state
        try:
            await self._drive(claim)
            await acknowledging.end(self._s, claim.state, resumed=claim.resumed)
        except ExpectationFailed as failed:
            if failed.statement not in MOVED_ON:
                raise
            return 0.0
        finally:
            del self._running[session_id]
        alone = not self._s.peers.shared  # what comes in meanwhile wakes the lane, if it comes in here
        return None if claim.state.lane_empty and alone else 0.0

    async def _drive(self, claim: Claim) -> None:
        state = claim.state
        assert state is not None
        try:
            if not await (self._take_up(state) if claim.resumed else self._take(state)):
                return
            if self._s.tracing is not None:
                self._s.tracing.taken(state)
            while not await self._step(state):
                pass
        except TurnCut as cut:
            await self._end_cut(state, cut.reason)
        except ProviderFailed as failed:
            await self._end_failed(state, failed)

    async def _step(self, state: TurnState) -> bool:
        """One model answer and what follows from it; True when the turn has ended."""
        if context.handed(state.journal):
            return await self._hand(state)
        if state.pending is None:
            said = phrase("too_many_steps", count=state.assistant.max_steps)
            await self._ending.failed(state, said, "too many steps")
            return True
        answer, _ = await self._models.answer(state)
        if answer.finish not in ("stop", "tool_calls"):  # cut short or refused: its calls are not meant to be run
            answer = msgspec.structs.replace(answer, message=AssistantMessage(answer.message.text))
        if answer.message.calls:
            await self._tools.record_and_run(state, answer)
            return False
        if state.options.form is not None and answer.finish == "stop":
            fitted = forms.fitted(state.options.form, answer.message.text)
            if isinstance(fitted, forms.Misfit):
                return await self._ask_again(state, answer, fitted)
            answer = msgspec.structs.replace(answer, message=msgspec.structs.replace(answer.message, text=fitted))
        return await self._finish(state, answer)

    # --- take -------------------------------------------------------------------------------------------------

    async def _take(self, state: TurnState) -> bool:
        """Take the rows, together with the first model intent unless step 0 comes between."""
        taken = self._taking.take(state)
        if media.wanted(self._s, state) or self._compaction.wanted(state):
            await self._s.store.commit(operation("take", taken))
            self._s.live.committed(state.session.id)
            if media.wanted(self._s, state):
                await media.fetch(self._s, state)
            media.apply(state)
            await self._ask(state)
            return True
        try:
            following = await self._models.prepare(state)
        except (ProviderFailed, TurnCut):  # the turn begins all the same, so that it can end and say so
            await self._s.store.commit(operation("take", taken))
            raise
        receipt = await self._s.store.commit(operation("take", taken, following))
        self._s.live.committed(state.session.id)
        self._models.committed(state, receipt)
        return True

    async def _take_up(self, state: TurnState) -> bool:
        """Take up a turn after an unclean end, in an operation of its own, so that what kills is counted."""
        takes = max((row.takes for row in (*state.rows, *state.steered)), default=0)
        statements = await self._taking.take_up(state)
        await self._s.store.commit(operation("take", statements))
        self._s.live.committed(state.session.id)
        if takes >= MAX_TAKES:
            await self._ending.dead_letter(state)
            return False
        state.cut.check()
        if media.wanted(self._s, state):
            await media.fetch(self._s, state)
        media.apply(state)
        n = context.model_steps(state.journal)
        if n and context.open_calls(n, state.journal):
            await self._tools.run_open(state, n)
        else:
            await self._ask(state)
        return True

    async def _ask(self, state: TurnState) -> None:
        """Commit the next model intent on its own; before the first, what is long ago may be summarized."""
        if self._compaction.wanted(state):
            await self._compaction.run(state)
        if context.model_steps(state.journal) >= state.assistant.max_steps or context.handed(state.journal):
            return
        following = await self._models.prepare(state, riding=True)
        hold = sessions.hold(state.session.id, state.fence, 0, self._s.clock.now())
        receipt = await self._s.store.commit(operation("model_intent", hold, following))
        self._models.committed(state, receipt)

    # --- end --------------------------------------------------------------------------------------------------

    async def _finish(self, state: TurnState, answer: ModelAnswer) -> bool:
        """End with the answer; where somebody steers, deliver it and go on.

        The end itself finds out whether somebody does: only where it fails the lane is read.
        """
        rows: list[InboxRow] = []
        for _ in range(LOOKS):
            try:
                if rows:
                    await self._absorb(state, answer, rows)
                    return False
                await self._ending.answered(state, answer)
            except ExpectationFailed as failed:
                if failed.statement not in ("sessions.end_answered", "sessions.hold", "inbox.take"):
                    raise
                await self._look_again(state, failed)
                rows = await self._steer.waiting(state)
            else:
                return True
        raise Conflict(f"the lane of turn {state.turn_id} kept changing while it was to end")

    async def _hand(self, state: TurnState) -> bool:
        """End with the calls that the client is to run."""
        try:
            await self._ending.handed(state)
        except ExpectationFailed as failed:
            if failed.statement == "sessions.end_answered":
                await self._look_again(state, failed)
            raise
        return True

    async def _ask_again(self, state: TurnState, answer: ModelAnswer, misfit: forms.Misfit) -> bool:
        """An answer without the form that was asked for becomes a step, and the model is asked once more."""
        s, now, n = self._s, self._s.clock.now(), context.model_steps(state.journal) + 1
        if n >= state.assistant.max_steps or any(isinstance(step, FormStep) for step in state.journal.values()):
            await self._ending.failed(
                state, phrase("misfit", reason=misfit.reason), f"form: {misfit.reason}", usage=answer.usage
            )
            return True
        pending = state.pending
        assert pending is not None
        steps: dict[str, Step] = {model_step(n): ModelStep(answer), form_step(n): FormStep(misfit.reason)}
        statements: list[Statement] = [
            sessions.hold(state.session.id, state.fence, 0, now),
            *s.gate.close(pending.intent.row, "done", assistant=state.assistant.id, usage=answer.usage),
            *(journal.insert(state.turn_id, name, step, now) for name, step in steps.items()),
            inbox.progressed(state.turn_id),
        ]
        state.journal |= steps
        try:
            statements += await self._models.prepare(state, riding=True)
        except (ProviderFailed, TurnCut):
            state.pending = pending
            for name in steps:
                del state.journal[name]
            raise
        receipt = await commit_patiently(s.store, operation("model_step", statements), s.log)
        self._models.committed(state, receipt)
        return False

    async def _look_again(self, state: TurnState, failed: ExpectationFailed) -> None:
        """Why the answer could not end the turn: stopped, steered, or the lane is no longer mine."""
        session = await sessions.get(self._s.store, state.session.id)
        if session is None or session.fence != state.fence:
            raise failed
        if session.stop_at >= state.position:
            raise TurnCut("stop")

    async def _absorb(self, state: TurnState, answer: ModelAnswer, rows: list[InboxRow]) -> None:
        """The answer becomes a step and is delivered; the same operation takes the messages in and asks again."""
        s, now, n = self._s, self._s.clock.now(), context.model_steps(state.journal) + 1
        pending, stream = state.pending, state.stream
        assert pending is not None
        outgoing = await self._deliver(state, answer)
        also = await self._ending.elsewhere(state, _said(state, answer))
        if outgoing and outgoing.instead is not None:
            said = msgspec.structs.replace(answer.message, text=outgoing.instead)
            answer = msgspec.structs.replace(answer, message=said)
        statements: list[Statement] = [
            sessions.hold(
                state.session.id,
                state.fence,
                bool(outgoing) + bool(also),
                now,
                steer=len(rows),
                position=state.position,
            ),
            *s.gate.close(pending.intent.row, "done", assistant=state.assistant.id, usage=answer.usage),
            journal.insert(state.turn_id, model_step(n), ModelStep(answer), now),
            inbox.progressed(state.turn_id),
        ]
        if outgoing:
            statements += [*outgoing.statements, delivery_event(state.session.id, int(bool(also)), outgoing, now)]
        if also:
            statements += [*also.statements, delivery_event(state.session.id, 0, also, now)]
        state.journal[model_step(n)] = ModelStep(answer)
        state.stream, state.prepared = None, False  # what comes next grows in a message of its own
        try:
            statements += self._steer.take(state, n, rows)
            statements += await self._models.prepare(state, riding=True)
            receipt = await commit_patiently(s.store, operation("steer_step", statements), s.log)
        except (ExpectationFailed, ProviderFailed, TurnCut):
            self._steer.undo(state, n, rows)
            del state.journal[model_step(n)]
            state.pending, state.stream, state.prepared = pending, stream, True
            raise
        if stream is not None and stream.permit is not None:
            stream.permit.close()
        for one in (outgoing, also):
            if one:
                s.outbox.enqueued(one)
        s.live.committed(state.session.id)
        self._models.committed(state, receipt)

    async def _deliver(self, state: TurnState, answer: ModelAnswer) -> Outgoing | None:
        if state.stream is not None:
            return await self._ending.streamed(state, state.stream, _said(state, answer), ride=False)
        if not (text := quoted(answer.message.text.strip())):
            return None
        return await self._s.sending.compose(
            state.rules.name,
            state.room_id,
            text,
            kind="answer",
            language=state.language,
            session=state.session.id,
            turn=state.turn_id,
            assistant=state.assistant.id,
            reply_to=state.reply_to(),
        )

    async def _end_cut(self, state: TurnState, reason: CutReason) -> None:
        match reason:
            case "stop":
                await self._ending.cut(state, "stopped")
            case "interrupt":
                await self._ending.cut(state, "superseded")
            case "deadline":
                said = phrase("too_long", count=round(state.assistant.turn_seconds))
                await self._ending.failed(state, said, "out of time")

    async def _end_failed(self, state: TurnState, failed: ProviderFailed) -> None:
        self._s.metrics.incident(f"provider_{failed.kind}")
        await self._ending.failed(state, _why(failed), f"{failed.kind}: {failed}", usage=failed.usage)


def _said(state: TurnState, answer: ModelAnswer) -> Told:
    return quoted(answer.message.text.strip()) or state.say(phrase("empty"))


def _why(failed: ProviderFailed) -> Phrase:
    """What a person is told who gets no answer."""
    if isinstance(failed, ModelDenied):
        return told_of(failed.denial, "not_asked")
    match failed.kind:
        case "auth" | "credit" | "access":
            return phrase("failed_auth")
        case "context":
            return phrase("failed_context")
        case "rate" | "overload":
            return phrase("failed_busy")
        case "timeout":
            return phrase("failed_slow")
        case "network" | "cut" | "server":
            return phrase("failed_reach")
        case "invalid":
            return phrase("failed_request")
