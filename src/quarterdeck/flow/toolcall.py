"""The calls of one model answer: check them, record their intents, run them at once, record each result.

The answer and the intents of its tools are one operation; each result is one; the last result's operation
carries the next model intent and takes in what steers. A running effect is never cut, only awaited.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from quarterdeck.base.errors import BadInput, Refused, Retry
from quarterdeck.flow import context, files, forms, screening
from quarterdeck.flow.arguments import check_arguments
from quarterdeck.flow.groups import first_error
from quarterdeck.flow.modelcall import ModelCalls
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import TurnCut, TurnState
from quarterdeck.flow.steer import Steer
from quarterdeck.governance.gate import CloseState, Denied, Intent
from quarterdeck.model.action import ToolRun
from quarterdeck.model.asking import AnswerForm, ToolSpec
from quarterdeck.model.hook import Denial, HookOutcome, ToolSubject
from quarterdeck.model.message import ToolCall, ToolResult
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import ModelAnswer, ModelStep, ToolStep, model_step, tool_step
from quarterdeck.ports import ProviderFailed, Rows, Tool, ToolContext, ToolOutcomeUnknown, ToolOutput
from quarterdeck.store import events, inbox, journal, sessions
from quarterdeck.store.operations import ExpectationFailed, Statement, operation

MAX_RESULT = 16_000  # characters of a result that a model is shown
UNKNOWN = "The outcome is unknown: the process ended while this ran. Do not repeat it; a person has been told."


@dataclass
class Planned:
    """A call that may run: its intent goes into the answer's operation, its permit comes back."""

    step: str
    call: ToolCall
    tool: Tool
    run: ToolRun
    intent: Intent
    permit: Permit | None = None


@dataclass
class Finished:
    """What became of a run."""

    result: ToolResult
    state: CloseState
    rows: Rows | None = None


class ToolCalls:
    """Runs the calls of turns."""

    def __init__(self, services: Services, models: ModelCalls, steer: Steer) -> None:
        self._s = services
        self._models = models
        self._steer = steer

    async def record_and_run(self, state: TurnState, answer: ModelAnswer) -> None:
        """Journal an answer that asks for tools, run them, and leave the next model intent pending."""
        s, now = self._s, self._s.clock.now()
        pending = state.pending
        assert pending is not None
        n = context.model_steps(state.journal) + 1
        plans, refused = await self._plan(state, n, answer, range(len(answer.message.calls)))
        statements: list[Statement] = [sessions.hold(state.session.id, state.fence, 1, now)]
        statements += s.gate.close(pending.intent.row, "done", assistant=state.assistant.id, usage=answer.usage)
        statements += [journal.insert(state.turn_id, model_step(n), ModelStep(answer), now)]
        statements.append(inbox.progressed(state.turn_id))
        for plan in plans:
            statements += plan.intent.statements
        for step, (result, denied) in refused.items():
            statements += [journal.insert(state.turn_id, step, ToolStep(result), now), *denied]
        statements.append(self._event(state, n, answer, now))
        state.journal[model_step(n)] = ModelStep(answer)
        state.journal.update({step: ToolStep(result) for step, (result, _) in refused.items()})
        state.pending = None
        receipt = await commit_patiently(s.store, operation("model_step", statements), s.log)
        for plan in plans:
            plan.permit = s.gate.permit(plan.intent, receipt)
        s.live.committed(state.session.id)
        await self._run_permitted(state, plans)

    async def run_open(self, state: TurnState, n: int) -> None:
        """Go on with calls of answer n that an earlier attempt left without a result: new attempts, new intents."""
        step = state.journal[model_step(n)]
        assert isinstance(step, ModelStep)
        plans, refused = await self._plan(state, n, step.answer, context.open_calls(n, state.journal))
        now = self._s.clock.now()
        statements: list[Statement] = [sessions.hold(state.session.id, state.fence, 0, now)]
        for plan in plans:
            statements += plan.intent.statements
        for name, (result, denied) in refused.items():
            statements += [journal.insert(state.turn_id, name, ToolStep(result), now), *denied]
            state.journal[name] = ToolStep(result)
        receipt = await commit_patiently(self._s.store, operation("model_step", statements), self._s.log)
        for plan in plans:
            plan.permit = self._s.gate.permit(plan.intent, receipt)
        await self._run_permitted(state, plans)

    # --- planning ---------------------------------------------------------------------------------------------

    async def _plan(
        self, state: TurnState, n: int, answer: ModelAnswer, which: Iterable[int]
    ) -> tuple[list[Planned], dict[str, tuple[ToolResult, list[Statement]]]]:
        """Which calls may run, and at once the results of those that may not."""
        plans: list[Planned] = []
        refused: dict[str, tuple[ToolResult, list[Statement]]] = {}
        theirs = {spec.name: spec for spec in state.options.client_tools}
        for k in which:
            call, step, notes = answer.message.calls[k], tool_step(n, k), list[Statement]()
            if (spec := theirs.get(call.name)) is not None:
                refused[step] = (_given(call, spec), [])
                continue
            tool = self._s.directory.tool(call.name)
            if tool is None or call.name not in state.assistant.tools:
                known = ", ".join(state.assistant.tools) or "none"
                text = f"There is no tool {call.name!r}. Your tools: {known}."
                refused[step] = (self._invalid(state, n, call, text), [])
                continue
            try:
                arguments = check_arguments(call.arguments, tool.spec)
            except BadInput as error:
                refused[step] = (self._invalid(state, n, call, f"Not run. {error}"), [])
                continue
            if self._s.hooks is not None:
                judged = await screening.screen_call(self._s.hooks, state, step, tool.spec, arguments)
                if judged.denied is not None:
                    refused[step] = (_denied(call, judged.denied), judged.statements)
                    continue
                arguments, notes = check_arguments(judged.subject.arguments, tool.spec), judged.statements
            run = ToolRun(call.name, arguments, state.turn_id, step, tool.effect, tool.repeatable)
            verdict = self._s.gate.check(run, state.scope(step), riding=True)
            if isinstance(verdict, Denied):
                result = ToolResult(call.id, call.name, verdict.sentence, "denied")
                refused[step] = (result, [*notes, *verdict.statements])
                continue
            if notes:
                verdict = msgspec.structs.replace(verdict, statements=(*verdict.statements, *notes))
            plans.append(Planned(step, call, tool, run, verdict))
        return plans, refused

    def _invalid(self, state: TurnState, n: int, call: ToolCall, text: str) -> ToolResult:
        """A call that is wrong in itself: the model is told what is wrong, once; then it is refused."""
        if context.was_invalid(call.name, n, state.journal):
            text = f"Refused: {call.name} was called wrongly before. Do not call it again; say what you could not do."
            return ToolResult(call.id, call.name, text, "denied")
        return ToolResult(call.id, call.name, text, "invalid")

    def _event(self, state: TurnState, n: int, answer: ModelAnswer, now: float) -> Statement:
        data: dict[str, object] = {
            "turn": state.turn_id,
            "step": model_step(n),
            "tools": [call.name for call in answer.message.calls],
        }
        return events.insert(state.session.id, 0, "step", data, now)

    # --- running ----------------------------------------------------------------------------------------------

    async def _run_permitted(self, state: TurnState, plans: list[Planned]) -> None:
        """Run what may run. An intent that was left out means that a stop covers the turn."""
        permitted = [plan for plan in plans if plan.permit is not None]
        if len(permitted) < len(plans):
            state.cut.request("stop")
        await self._run(state, permitted)

    async def _run(self, state: TurnState, plans: list[Planned]) -> None:
        """Run all at once; results are committed one after another, the last with the next model intent."""
        if not plans:
            await self._go_on(state)
            return
        left = len(plans)
        lock = asyncio.Lock()

        async def one(plan: Planned) -> None:
            nonlocal left
            finished = await self._attempt(state, plan)
            async with lock:
                left -= 1
                await self._record(state, plan, finished, last=left == 0)

        with first_error():
            async with asyncio.TaskGroup() as group:
                for plan in plans:
                    group.create_task(one(plan))
        state.cut.check()

    async def _attempt(self, state: TurnState, plan: Planned) -> Finished:
        """Run one call, whatever it does."""
        call = plan.call
        if state.cut.reason is not None:  # not started yet, and the turn is to end
            return Finished(context.skipped(call), "failed")
        assert plan.permit is not None
        about = ToolContext(
            state.assistant.id,
            state.session.id,
            state.rules.name,
            state.room_id,
            state.newest.identity_id,
            files.at_hand(state),
        )
        begun = self._s.clock.monotonic()
        self._s.crash.reach("tool.before")
        try:
            async with asyncio.timeout(state.assistant.turn_seconds):
                output = _sound(await plan.tool.run(plan.run, about, plan.permit))
        except (Refused, Retry) as error:
            finished = Finished(ToolResult(call.id, call.name, f"Failed. {error}", "error"), "failed")
        except ToolOutcomeUnknown as error:
            finished = self._unknown(plan, state, str(error))
        except TimeoutError:
            finished = self._late(plan, state)
        except Exception as error:
            self._s.log.error("tool.adapter_failed", tool=call.name, turn=state.turn_id, exc_info=error)
            finished = self._crashed(plan, error)
        else:
            text = output.text[:MAX_RESULT]
            result = ToolResult(call.id, call.name, text, "ok" if output.ok else "error")
            finished = Finished(result, "done" if output.ok else "failed", output.rows)
        self._s.crash.reach("tool.after")
        self._s.metrics.tool(call.name, finished.result.status)
        if self._s.tracing is not None:
            self._s.tracing.ran(plan.run, plan.intent, begun, finished.result.status)
        return finished

    def _unknown(self, plan: Planned, state: TurnState, reason: str) -> Finished:
        """What acts on the world may have acted: nobody repeats it, a person looks."""
        self._s.log.error("tool.unknown", tool=plan.call.name, turn=state.turn_id, reason=reason, alert=True)
        self._s.metrics.incident("tool_unknown")
        return Finished(ToolResult(plan.call.id, plan.call.name, UNKNOWN, "unknown"), "unknown")

    def _late(self, plan: Planned, state: TurnState) -> Finished:
        if plan.run.effect == "external":
            return self._unknown(plan, state, "no end in time")
        return Finished(ToolResult(plan.call.id, plan.call.name, "Failed: it took too long.", "error"), "failed")

    def _crashed(self, plan: Planned, error: Exception) -> Finished:
        """A tool broke: what acts on the world may have acted, everything else has merely failed."""
        if plan.run.effect == "external":
            return Finished(ToolResult(plan.call.id, plan.call.name, UNKNOWN, "unknown"), "unknown")
        text = f"Failed inside the tool ({type(error).__name__})."
        return Finished(ToolResult(plan.call.id, plan.call.name, text, "error"), "failed")

    async def _record(self, state: TurnState, plan: Planned, finished: Finished, *, last: bool) -> None:
        """One result with its outcome and its rows; the last one takes in what steers and asks the model again."""
        state.journal[plan.step] = ToolStep(finished.result)
        go_on = last and state.cut.reason is None and not self._at_rest(state)
        n = context.model_steps(state.journal)
        refused: ProviderFailed | TurnCut | None = None
        while True:
            rows = await self._steer.waiting(state) if go_on else []
            statements = self._outcome(state, plan, finished, steer=len(rows))
            if go_on:
                try:
                    statements += self._steer.take(state, n, rows)
                    statements += await self._models.prepare(state, riding=True)
                except (ProviderFailed, TurnCut) as error:  # what the tool did is recorded all the same
                    self._steer.undo(state, n, rows)
                    refused, go_on = error, False
                    continue
            try:
                receipt = await commit_patiently(self._s.store, operation("tool_result", statements), self._s.log)
                break
            except ExpectationFailed as failed:
                if failed.statement != "inbox.take":
                    raise
                self._steer.undo(state, n, rows)  # one was edited or stopped meanwhile: look again
        self._s.live.committed(state.session.id)
        if finished.rows is not None:
            finished.rows.committed()
        if self._s.hooks is not None:
            subject = ToolSubject(plan.run.tool, plan.run.arguments)
            outcome = HookOutcome(finished.result.status, finished.result.text)
            self._s.hooks.after(subject, screening.about(state, plan.step), outcome)
        if refused is not None:
            raise refused
        if go_on:
            self._models.committed(state, receipt)

    def _outcome(self, state: TurnState, plan: Planned, finished: Finished, *, steer: int) -> list[Statement]:
        s, now = self._s, self._s.clock.now()
        statements: list[Statement] = [
            sessions.hold(state.session.id, state.fence, 1, now, steer=steer),
            *s.gate.close(plan.intent.row, finished.state, assistant=state.assistant.id, detail=finished.result.text),
            journal.insert(state.turn_id, plan.step, ToolStep(finished.result), now),
            inbox.progressed(state.turn_id),
            self._result_event(state, plan, finished, now),
        ]
        if finished.rows is not None:
            statements += [one for one in finished.rows.statements if isinstance(one, Statement)]
        return statements

    def _result_event(self, state: TurnState, plan: Planned, finished: Finished, now: float) -> Statement:
        data: dict[str, object] = {
            "turn": state.turn_id,
            "step": plan.step,
            "tool": plan.call.name,
            "status": finished.result.status,
        }
        return events.insert(state.session.id, 0, "tool.result", data, now)

    async def _go_on(self, state: TurnState) -> None:
        """Nothing was run; ask the model again."""
        state.cut.check()
        if self._at_rest(state):
            return
        following = await self._models.prepare(state, riding=True)
        hold = sessions.hold(state.session.id, state.fence, 0, self._s.clock.now())
        receipt = await self._s.store.commit(operation("model_intent", hold, following))
        self._models.committed(state, receipt)

    def _at_rest(self, state: TurnState) -> bool:
        """Whether the model is not to be asked again: it has been asked often enough, or the client is to act."""
        asked = context.model_steps(state.journal)
        return asked >= state.assistant.max_steps or bool(context.handed(state.journal))


class BadOutput(Exception):
    """What a run brought cannot be recorded. It never leaves this file."""


def _sound(output: object) -> ToolOutput:
    """Raises BadOutput for what is no output of a tool."""
    if not isinstance(output, ToolOutput):
        raise BadOutput(f"it brought a {type(output).__name__}")
    found = msgspec.structs.asdict(output)
    rows = found["rows"]
    if not isinstance(found["text"], str) or not isinstance(rows, Rows | None):
        raise BadOutput("its output has fields of other types")
    if rows is not None and not all(isinstance(one, Statement) for one in rows.statements):
        raise BadOutput("its rows are no statements")
    return output


def _given(call: ToolCall, spec: ToolSpec) -> ToolResult:
    """A call of a client's own tool is no effect of ours: whoever has the tool decides. It is given to the client."""
    if spec.strict:
        fit = forms.fitted(AnswerForm(spec.parameters), call.arguments or "{}")
        if isinstance(fit, forms.Misfit):
            return ToolResult(call.id, call.name, f"Not given to the client. {fit.reason}", "error")
    return ToolResult(call.id, call.name, context.GIVEN, "given")


def _denied(call: ToolCall, denial: Denial) -> ToolResult:
    """A call that a hook does not want."""
    return ToolResult(call.id, call.name, denial.sentence, "denied")
