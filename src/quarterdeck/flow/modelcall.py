"""One model answer: the intent of each attempt, the call under its permit, retry and fallback by error class."""

import asyncio
import random

import msgspec

from quarterdeck.base.errors import NotFound
from quarterdeck.flow import context, streaming
from quarterdeck.flow.groups import first_error
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import Pending, TurnState
from quarterdeck.flow.streaming import Show
from quarterdeck.governance.gate import Denied
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import ModelAnswer, model_step
from quarterdeck.ports import Provider, ProviderFailed
from quarterdeck.store import sessions
from quarterdeck.store.operations import Receipt, Statement, operation

TRIES_PER_ROUTE = 3
BACKOFF_S = (0.5, 20.0)


class ModelCalls:
    """Prepares, commits and makes model calls of turns."""

    def __init__(self, services: Services) -> None:
        self._s = services

    async def prepare(self, state: TurnState, *, riding: bool = False) -> list[Statement]:
        """Build the next request and check it; sets `state.pending`. Raises ProviderFailed when it is denied.

        The statements go into the next operation; `committed` must be called with its receipt.
        """
        if not state.routes_left:
            state.routes_left = [state.session.model or state.assistant.model, *state.assistant.fallback]
        route = state.routes_left[0]
        provider = self._provider(route)
        model = route.partition("/")[2]
        profile = provider.profile(model)
        tools = self._tools(state) if profile.tools else ()
        request = context.request(
            state.assistant, profile, model, state.history, state.messages(), tools, state.session.id
        )
        call = provider.prepare(request)
        step = model_step(context.model_steps(state.journal) + 1)
        allowed = (*self._s.directory.models, state.assistant.model, *state.assistant.fallback)
        verdict = self._s.gate.check(call, state.scope(step, models=allowed), riding=riding)
        if isinstance(verdict, Denied):
            raise ProviderFailed("invalid", verdict.sentence, retryable=False)
        statements = list(verdict.statements)
        state.pending = Pending(step, provider, profile, call, verdict)
        if not state.prepared:
            state.prepared = True
            statements += await streaming.begin(self._s, state, riding=riding)
        return statements

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
        tries = 0
        while True:
            pending = state.pending
            assert pending is not None
            tries += 1
            try:
                return await self._attempt(state, pending)
            except ProviderFailed as failed:
                provider = pending.call.provider
                self._s.log.warning(
                    "model.failed",
                    turn=state.turn_id,
                    provider=provider,
                    kind=failed.kind,
                    reason=str(failed),
                )
                if failed.retryable and tries < TRIES_PER_ROUTE:
                    async with state.cut.scope():
                        await asyncio.sleep(_backoff(tries, failed.retry_after))
                elif len(state.routes_left) > 1:
                    del state.routes_left[0]
                    tries = 0
                else:
                    raise
                await self._retry(state, pending, failed)

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
        result = "failed"
        answer: ModelAnswer | None = None
        try:
            async with state.cut.scope():
                self._s.crash.reach("provider.before")
                answer = msgspec.structs.replace(await self._beside(pending, show), route=pending.call.route)
            self._s.crash.reach("provider.after")
            result = "answered"
            return answer, show
        finally:
            show.flush()
            usage = answer.usage if answer else None
            self._s.metrics.model(
                pending.call.provider,
                result,
                self._s.clock.monotonic() - begun,
                usage.input if usage else 0,
                usage.output if usage else 0,
            )

    async def _beside(self, pending: Pending, show: Show) -> ModelAnswer:
        """The call, and beside it what people see of it."""
        assert pending.permit is not None
        with first_error():
            async with asyncio.TaskGroup() as group:
                group.create_task(show.beside())
                try:
                    return await self._ask(pending, pending.permit, show)
                finally:
                    show.end()

    async def _ask(self, pending: Pending, permit: Permit, show: Show) -> ModelAnswer:
        try:
            return await pending.provider.complete(pending.call, permit, show.delta)
        except ProviderFailed:
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
