"""One model answer: the intent of each attempt, the call under its permit, retry and fallback by error class."""

import asyncio
import random
from collections.abc import Callable

import msgspec

from quarterdeck.base.errors import NotFound
from quarterdeck.base.standing import CutOff
from quarterdeck.flow import budget, context, files, screening, streaming
from quarterdeck.flow.budget import Gauge, size_of
from quarterdeck.flow.groups import first_error
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.flow.routes import Routes
from quarterdeck.flow.screening import ModelDenied
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import Pending, TurnState
from quarterdeck.flow.streaming import Show
from quarterdeck.governance.gate import Denied
from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.hook import Denial
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import ModelAnswer, model_step
from quarterdeck.ports import ModelProfile, ModelRequest, OnDelta, Provider, ProviderFailed
from quarterdeck.store import sessions
from quarterdeck.store.operations import Receipt, Statement, operation

BACKOFF_S = (0.5, 20.0)
PATIENCE_S = 10.0  # a provider that asks for a longer wait is passed over where there is another
LONG_HISTORY = 40  # messages: a model that is shown fewer is not one for summaries
KEY_CHANGES = 20  # in one turn
SQUEEZES = 3  # how often a turn tries with half as much


class ModelCalls:
    """Prepares, commits and makes model calls of turns."""

    def __init__(self, services: Services) -> None:
        self._s = services
        self._routes = Routes(services.clock)
        self._gauge = Gauge()

    async def prepare(self, state: TurnState, *, riding: bool = False) -> list[Statement]:
        """Build the next request and check it; sets `state.pending`. Raises ProviderFailed when it is denied.

        The statements go into the next operation; `committed` must be called with its receipt.
        """
        route, provider, profile = self._route(state)
        model = route.partition("/")[2]
        tools = self._tools(state) if profile.tools else ()
        limit = self.limit(state)
        messages = budget.fit(state.past, state.messages(), limit, profile.history_messages)
        steps, options = context.model_steps(state.journal), state.options
        if steps and options.tool_choice not in ("", "none"):  # what was to be called has been called
            options = msgspec.structs.replace(options, tool_choice="")
        if options.client_tools and not profile.tools:
            raise ProviderFailed("invalid", f"{route} calls no tools, and the client has some", retryable=False)
        named = not state.session.identity_id
        request = context.request(
            state.assistant, profile, model, messages, tools, state.session.id, options, named=named
        )
        request = await files.enclosed(self._s, request, profile)
        step, shown, statements = model_step(steps + 1), None, list[Statement]()
        if self._s.hooks is not None:
            request, shown, statements = await screening.screen_request(self._s.hooks, state, step, route, request)
        statements = self._check(state, step, provider, profile, provider.prepare(request), riding, statements)
        assert state.pending is not None
        state.pending.shown = shown
        state.pending.size = 0 if request.files else size_of(messages, state.past) + self._overhead(state, profile)
        if not state.prepared:
            state.prepared = True
            statements += await streaming.begin(self._s, state, riding=riding)
        return statements

    async def prepare_quietly(
        self, state: TurnState, step: str, request: Callable[[str], ModelRequest]
    ) -> list[Statement]:
        """Check a request of our own, whose answer nobody is shown: `request` is given the model's name."""
        route, provider, profile = self._route(state)
        asking, shown, statements = request(route.partition("/")[2]), None, list[Statement]()
        if self._s.hooks is not None:
            asking, shown, statements = await screening.screen_request(self._s.hooks, state, step, route, asking)
        statements = self._check(state, step, provider, profile, provider.prepare(asking), True, statements)
        assert state.pending is not None
        state.pending.shown = shown
        return statements

    def summarizes(self, state: TurnState) -> bool:
        """Whether the model that is asked is one that can write a summary."""
        try:
            _, _, profile = self._route(state)
        except ProviderFailed:
            return False
        return profile.system is None and profile.history_messages >= LONG_HISTORY

    def limit(self, state: TurnState) -> int:
        """Bytes that the messages of the next request may have. Raises ProviderFailed without a provider."""
        route, _, profile = self._route(state)
        answer = min(profile.max_tokens, state.options.max_tokens or profile.max_tokens)
        overhead = self._gauge.tokens(route, self._overhead(state, profile))
        tokens = budget.room_for_messages(profile.window, state.assistant.context_tokens, answer, overhead)
        return min([self._gauge.size(route, tokens), *state.squeezed])

    def _route(self, state: TurnState) -> tuple[str, Provider, ModelProfile]:
        """Who is asked next."""
        if not state.routes_left:
            wanted = [state.session.model or state.assistant.model, *state.assistant.fallback]
            state.routes_left = self._routes.order(state.session.id, wanted)
        route = state.routes_left[0]
        provider = self._provider(route)
        return route, provider, provider.profile(route.partition("/")[2])

    def _overhead(self, state: TurnState, profile: ModelProfile) -> int:
        """Bytes of what a request has beside its messages."""
        prompt = sum(len(text) for _, text in state.assistant.files) if profile.system is None else len(profile.system)
        options = state.options
        tools = (*self._tools(state), *options.client_tools) if profile.tools else ()
        form = len(options.form.schema) if options.form else 0
        wished = len(options.instructions) + form
        return prompt + wished + sum(len(tool.parameters) + len(tool.description) for tool in tools)

    def _check(
        self,
        state: TurnState,
        step: str,
        provider: Provider,
        profile: ModelProfile,
        call: ModelCall,
        riding: bool,
        noted: list[Statement],
    ) -> list[Statement]:
        """What is to be committed for a call, behind what hooks had noted; sets `state.pending`.

        Raises ModelDenied, whose record is left for the turn's end in `state.notes`.
        """
        allowed = (*self._s.directory.models, state.assistant.model, *state.assistant.fallback)
        verdict = self._s.gate.check(call, state.scope(step, models=allowed), riding=riding)
        if isinstance(verdict, Denied):
            state.notes += [*noted, *verdict.statements]
            raise ModelDenied(Denial(verdict.rule, verdict.reason, verdict.next_step))
        state.pending = Pending(step, provider, profile, call, verdict)
        return [*noted, *verdict.statements]

    def committed(self, state: TurnState, receipt: Receipt) -> None:
        """The operation with the next intent is on disk; its permits can be minted."""
        pending, stream = state.pending, state.stream
        assert pending is not None
        pending.permit = self._s.gate.permit(pending.intent, receipt)
        if stream is not None and stream.intent and f"intent:{stream.intent.row.id}" in receipt.touched:
            stream.permit = self._s.gate.stream_permit(stream.intent, receipt)
            if stream.permit is None:
                stream.intent = None
        if pending.permit is None:  # a stop left the intent out: nothing to close
            state.pending = None
            state.cut.request("stop")
            state.cut.check()

    async def answer(self, state: TurnState) -> tuple[ModelAnswer, Show]:
        """Make the pending call, and further attempts where they help. Raises ProviderFailed or TurnCut."""
        tries, keys = 0, 0
        while True:
            pending = state.pending
            assert pending is not None
            tries += 1
            try:
                answer, show = await self._attempt(state, pending)
            except ProviderFailed as failed:
                self._note(state, pending, failed)
                if failed.retry_after == 0.0 and keys < KEY_CHANGES:  # another key is ready
                    tries, keys = tries - 1, keys + 1
                elif failed.kind == "context" and self._squeeze(state):
                    tries = 0
                elif self._worth_waiting(state, pending, failed, tries):
                    async with state.cut.scope():
                        await asyncio.sleep(_backoff(tries, failed.retry_after))
                elif not self._give_up(state, pending, failed):
                    raise
                else:
                    tries = 0
                await self._retry(state, pending, failed)
            else:
                self._answered(state, pending, answer)
                return answer, show

    async def answer_quietly(self, state: TurnState) -> ModelAnswer:
        """Make the pending call once; nobody is shown how its answer grows. Raises ProviderFailed or TurnCut."""
        pending = state.pending
        assert pending is not None
        assert pending.permit is not None
        begun = self._s.clock.monotonic()
        result: ModelAnswer | ProviderFailed | None = None
        try:
            async with state.cut.scope():
                self._s.crash.reach("provider.before")
                result = await self._ask(pending, pending.permit, lambda delta: None)
            self._s.crash.reach("provider.after")
            return result
        except ProviderFailed as failed:
            result = failed
            raise
        finally:
            self._count(pending, begun, result)
            if self._s.hooks is not None:
                answer = result if isinstance(result, ModelAnswer) else None
                screening.tell_answer(self._s.hooks, state, pending.step, pending.shown, answer)

    def _count(self, pending: Pending, begun: float, result: ModelAnswer | ProviderFailed | None) -> None:
        """A call ended; None where it was cut."""
        metrics, call = self._s.metrics, pending.call
        said = "answered" if isinstance(result, ModelAnswer) else "failed"
        metrics.model(call.provider, said, self._s.clock.monotonic() - begun)
        if result is not None and result.usage is not None:
            cost = self._s.gate.prices.cost(call.route, result.usage, pending.intent.row.created_at)
            metrics.used(call.provider, call.model, result.usage, *cost)
        if self._s.tracing is not None:
            self._s.tracing.asked(pending, begun, result)

    def _note(self, state: TurnState, pending: Pending, failed: ProviderFailed) -> None:
        self._s.log.warning(
            "model.failed",
            turn=state.turn_id,
            provider=pending.call.provider,
            key=pending.call.key,
            kind=failed.kind,
            reason=str(failed),
        )
        if self._s.hooks is not None:
            screening.tell_answer(self._s.hooks, state, pending.step, pending.shown, None, failed)

    def _answered(self, state: TurnState, pending: Pending, answer: ModelAnswer) -> None:
        wanted = state.session.model or state.assistant.model
        self._routes.answered(state.session.id, wanted, pending.call.route)
        if answer.usage.reported and pending.size:
            self._gauge.learn(pending.call.route, pending.size, answer.usage.input)
        if self._s.hooks is not None:
            screening.tell_answer(self._s.hooks, state, pending.step, pending.shown, answer)

    def _worth_waiting(self, state: TurnState, pending: Pending, failed: ProviderFailed, tries: int) -> bool:
        """Whether the same route is tried again."""
        if not failed.retryable or tries > self._s.directory.retries(pending.call.provider):
            return False
        return len(state.routes_left) == 1 or (failed.retry_after or 0.0) <= PATIENCE_S

    def _give_up(self, state: TurnState, pending: Pending, failed: ProviderFailed) -> bool:
        """Pass over a route; whether another is left."""
        self._routes.gave_up(pending.call.route, failed.kind, failed.retry_after)
        if len(state.routes_left) == 1:
            return False
        del state.routes_left[0]
        self._s.metrics.fallback(pending.call.provider, failed.kind)
        return True

    def _squeeze(self, state: TurnState) -> bool:
        """The model says that it is too much: show it half as much, where something can be left out."""
        if len(state.squeezed) >= SQUEEZES or not (state.past.messages or context.model_steps(state.journal)):
            return False
        past = state.past
        shown = size_of(budget.fit(past, state.messages(), self.limit(state), len(past.messages)), past)
        state.squeezed.append(shown // 2)
        return True

    async def _retry(self, state: TurnState, pending: Pending, failed: ProviderFailed) -> None:
        """A retry or fallback is a new intent, committed with the failed one's outcome."""
        close = self._s.gate.close(
            pending.intent.row, "failed", assistant=state.assistant.id, usage=failed.usage, detail=str(failed)
        )
        following = await self.prepare(state, riding=True)
        hold = sessions.hold(state.session.id, state.fence, 0, self._s.clock.now())
        retry = operation("model_retry", hold, close, following)
        receipt = await commit_patiently(self._s.store, retry, self._s.log)
        self.committed(state, receipt)

    async def _attempt(self, state: TurnState, pending: Pending) -> tuple[ModelAnswer, Show]:
        show = Show(self._s, state)
        begun = self._s.clock.monotonic()
        result: ModelAnswer | ProviderFailed | None = None
        try:
            with self._s.live.grows(state.session.id, show):
                async with state.cut.scope():
                    self._s.crash.reach("provider.before")
                    result = msgspec.structs.replace(await self._beside(pending, show), route=pending.call.route)
            self._s.crash.reach("provider.after")
            return result, show
        except ProviderFailed as failed:
            result = failed
            raise
        finally:
            pending.said = show.text
            self._count(pending, begun, result)

    async def _beside(self, pending: Pending, show: Show) -> ModelAnswer:
        """The call, and beside it what people see of it."""
        assert pending.permit is not None
        with first_error():
            async with asyncio.TaskGroup() as group:
                group.create_task(show.beside())
                try:
                    return await self._ask(pending, pending.permit, show.delta)
                finally:
                    show.end()

    async def _ask(self, pending: Pending, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
        try:
            return await pending.provider.complete(pending.call, permit, on_delta)
        except (ProviderFailed, CutOff):
            raise
        except Exception as error:
            self._s.log.error("model.adapter_failed", provider=pending.call.provider, exc_info=error)
            raise ProviderFailed("invalid", f"the adapter failed: {type(error).__name__}", retryable=False) from error

    def _provider(self, route: str) -> Provider:
        try:
            return self._s.directory.provider(route.partition("/")[0])
        except NotFound as error:
            raise ProviderFailed("invalid", str(error), retryable=False) from error

    def _tools(self, state: TurnState) -> tuple[ToolSpec, ...]:
        found = (self._s.directory.tool(name) for name in state.assistant.tools)
        return tuple(tool.spec for tool in found if tool is not None)


def _backoff(tries: int, retry_after: float | None) -> float:
    """Seconds before the next attempt: what the provider says, else doubling with a little chance."""
    if retry_after is not None:
        return min(retry_after, 120.0)
    return min(BACKOFF_S[1], BACKOFF_S[0] * 2.0 ** (tries - 1)) * random.uniform(0.8, 1.2)  # noqa: S311  spreading load is no secret
