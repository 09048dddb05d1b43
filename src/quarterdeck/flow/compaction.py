"""Step 0 of a turn whose past has grown long: its oldest part is summarized, once, before the first answer.

The summary is a model call like any other (intent, permit, settlement) and a journalled step. The messages stay
stored; the summary says which of them it stands for and can be dropped again. Where it cannot be had the turn goes
on without: then the oldest messages are left out of the request, with a mark.
"""

from quarterdeck.flow import budget
from quarterdeck.flow.budget import Past
from quarterdeck.flow.minutes import INSTRUCTIONS, transcript
from quarterdeck.flow.modelcall import ModelCalls
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import TurnState
from quarterdeck.model.message import UserMessage
from quarterdeck.model.turn import COMPACT_STEP, CompactStep, Usage, model_step
from quarterdeck.ports import ModelRequest, ProviderFailed
from quarterdeck.store import inbox, journal, sessions, summaries
from quarterdeck.store.operations import Statement, operation
from quarterdeck.store.summaries import Summary

TRIGGER, KEPT = 0.7, 0.3  # of what messages may have: when a past is long, and how much of it stays word for word
MANY, KEPT_MESSAGES = 90, 40  # the same in messages
LEAST = 6  # messages: fewer are not worth a summary
SUMMARY_TOKENS = 1_500


class Compaction:
    """Summarizes pasts."""

    def __init__(self, services: Services, models: ModelCalls) -> None:
        self._s = services
        self._models = models

    def wanted(self, state: TurnState) -> bool:
        """Whether the turn's past is long, and nothing was answered or tried in this turn yet."""
        begun = COMPACT_STEP in state.journal or model_step(1) in state.journal
        return not begun and self._long(state)

    async def run(self, state: TurnState) -> None:
        """Summarize and journal what became of it. Raises TurnCut."""
        first = self._first_kept(state)
        old = Past(state.past.messages[:first], summary=state.past.summary)
        try:
            step, usage = await self._ask(state, old)
        except ProviderFailed as failed:
            self._s.log.warning("context.summary_failed", turn=state.turn_id, kind=failed.kind, reason=str(failed))
            step, usage = CompactStep("", 0, failed.kind), failed.usage
        await self._record(state, step, first, usage)

    def _long(self, state: TurnState) -> bool:
        past = state.past
        if len(past.messages) < LEAST or not self._models.summarizes(state):
            return False
        limit = self._models.limit(state)
        return (past.size > TRIGGER * limit or len(past.messages) > MANY) and self._first_kept(state) > 0

    def _first_kept(self, state: TurnState) -> int:
        return budget.split(state.past, int(KEPT * self._models.limit(state)), KEPT_MESSAGES)

    async def _ask(self, state: TurnState, old: Past) -> tuple[CompactStep, Usage]:
        """The summary. Raises ProviderFailed where none can be had."""
        s = self._s
        text = transcript(old, self._models.limit(state))
        statements = await self._models.prepare_quietly(
            state, COMPACT_STEP, lambda model: ModelRequest(
                model, INSTRUCTIONS, (UserMessage(text),), max_tokens=SUMMARY_TOKENS
            )
        )  # fmt: skip
        hold = sessions.hold(state.session.id, state.fence, 0, s.clock.now())
        receipt = await s.store.commit(operation("model_intent", hold, statements))
        self._models.committed(state, receipt)
        answer = await self._models.answer_quietly(state)
        summary = answer.message.text.strip()
        if not summary or answer.finish in ("filter", "refusal"):
            raise ProviderFailed("invalid", "the summary is empty", retryable=False, usage=answer.usage)
        return CompactStep(summary, len(old.messages)), answer.usage

    async def _record(self, state: TurnState, step: CompactStep, first: int, usage: Usage | None) -> None:
        s, now, pending = self._s, self._s.clock.now(), state.pending
        statements: list[Statement] = [sessions.hold(state.session.id, state.fence, 0, now)]
        if pending is not None:
            outcome = "failed" if step.failed else "done"
            statements += s.gate.close(pending.intent.row, outcome, assistant=state.assistant.id, usage=usage)
        statements += [journal.insert(state.turn_id, COMPACT_STEP, step, now), inbox.progressed(state.turn_id)]
        if step.summary:
            position, part = state.past.places[first - 1]
            row = Summary(
                s.new_id("sum"), state.session.id, position, part, step.summary, step.messages, state.turn_id,
                pending.call.route if pending else "", now,
            )  # fmt: skip
            statements += [summaries.insert(row), sessions.change_mind(state.session.id)]
        receipt = await commit_patiently(s.store, operation("compact", statements), s.log)
        state.journal[COMPACT_STEP], state.pending = step, None
        s.metrics.summary("failed" if step.failed else "made")
        if step.summary:
            state.keep_in_mind(int(receipt.one("sessions.change_mind")[0] or 0))
            state.past = await s.history.read(state.session)
