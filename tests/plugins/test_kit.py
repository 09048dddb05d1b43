"""Does the conformance kit notice? Each check is held against an implementation that breaks just its promise."""

import asyncio
import itertools
from collections.abc import Sequence

import msgspec
import pytest

from quarterdeck.base.errors import BadInput, Retry
from quarterdeck.model.action import Effect, ModelCall, ToolRun
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.message import AssistantMessage
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.ports import (
    Delta,
    Embeddings,
    ListedModel,
    ModelProfile,
    ModelRequest,
    OnDelta,
    ProviderFailed,
    Rows,
    ToolContext,
    ToolOutcomeUnknown,
    ToolOutput,
)
from quarterdeck.testing.provider import ProviderConformance, Trouble
from quarterdeck.testing.tool import ToolConformance

pytestmark = pytest.mark.proves("plugin.kit")


class Breaking:
    """Both the tool and what the kit is told of it. `wrong` names the promise that it breaks."""

    arguments, wrong_arguments = '{"n":1}', '{"n":-1}'
    repeatable = True

    def __init__(self, wrong: str = "") -> None:
        self.breaks = wrong
        self.count = 0
        self.hanging = False
        self.effect: Effect = "external"
        self.tool = self

    @property
    def wrong(self) -> str:
        return self.wrong_arguments

    @property
    def spec(self) -> ToolSpec:
        name = "a tool" if self.breaks == "name" else "count"
        return ToolSpec(name, "" if self.breaks == "description" else "Counts.", '{"type":"object","properties":{}}')

    async def effects(self) -> int:
        return self.count

    async def hang(self) -> bool:
        self.hanging = True
        return True

    async def run(self, run: ToolRun, context: ToolContext, permit: Permit) -> ToolOutput:
        if self.breaks == "acts first":
            self.count += 1
        if self.breaks != "no permit":
            permit.spend(run)
        if self.hanging:
            await self._hang()
        if run.arguments == self.wrong_arguments:
            raise ValueError("n") if self.breaks == "raises" else BadInput("n", "is less than nothing", "Count.")
        if self.breaks == "once" and self.count:
            raise Retry("only once")
        self.count += 1
        rows = Rows((), lambda: None) if self.breaks == "rows" else None
        return ToolOutput("" if self.breaks == "silent" else str(self.count), rows=rows)

    async def _hang(self) -> None:
        try:
            async with asyncio.timeout(60 if self.breaks == "waits" else 1.0):
                await asyncio.Event().wait()
        except TimeoutError:
            raise Retry("late") if self.breaks == "certain" else ToolOutcomeUnknown("late") from None
        except asyncio.CancelledError:
            if self.breaks != "swallows":
                raise
            raise ToolOutcomeUnknown("cancelled") from None


TOOLS = {
    "name": "test_it_says_what_it_is",
    "description": "test_it_says_what_it_is",
    "no permit": "test_a_permit_for_something_else_does_nothing",
    "acts first": "test_a_permit_for_something_else_does_nothing",
    "rows": "test_a_run_brings_text",
    "silent": "test_a_run_brings_text",
    "once": "test_what_is_repeatable_may_be_run_again",
    "raises": "test_wrong_arguments_are_told_to_the_model",
    "certain": "test_a_silent_world_is_not_waited_for",
    "waits": "test_a_silent_world_is_not_waited_for",
    "swallows": "test_cancellation_ends_a_run_soon",
}


@pytest.mark.parametrize("check", [name for name in vars(ToolConformance) if name.startswith("test_")])
async def test_a_good_tool_passes(check: str) -> None:
    await getattr(ToolConformance(), check)(Breaking())


@pytest.mark.parametrize(("wrong", "check"), TOOLS.items())
async def test_a_broken_tool_is_noticed(wrong: str, check: str) -> None:
    with pytest.raises((AssertionError, ValueError, Retry)):
        await getattr(ToolConformance(), check)(Breaking(wrong))


class BreakingProvider:
    """Both the provider and what the kit is told of it."""

    name, model, unreachable = "main", "m", None

    def __init__(self, wrong: str = "") -> None:
        self.breaks = wrong
        self.requests = 0
        self.chance = itertools.count()
        self.provider = self
        self.trouble: Trouble | None = None

    async def asked(self) -> int:
        return self.requests

    async def meet(self, trouble: Trouble) -> str | None:
        self.trouble = trouble
        return f"meet {trouble}"

    def profile(self, model: str) -> ModelProfile:
        return ModelProfile(max_tokens=0 if self.breaks == "profile" else 100)

    def prepare(self, request: ModelRequest) -> ModelCall:
        if self.breaks == "asks early":
            self.requests += 1
        body = msgspec.json.encode(
            [request.messages, request.tools, next(self.chance) if self.breaks == "chance" else 0]
        )
        return ModelCall(self.name, "m2" if self.breaks == "renames" else request.model, body, 10, 10)

    async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
        if self.breaks == "asks first":
            self.requests += 1
        if self.breaks != "no permit":
            permit.spend(call)
        self.requests += 2 if self.breaks == "asks twice" else 1
        if self.trouble is not None and b"meet" in call.body:
            await self._fail(self.trouble)
        on_delta(Delta("hello "))
        if self.breaks != "loses":
            on_delta(Delta("you"))
        return ModelAnswer(AssistantMessage("hello you"), "stop", Usage(5, 0 if self.breaks == "uncounted" else 2))

    async def _fail(self, trouble: Trouble) -> None:
        if trouble == "silent":
            await self._hang()
        kind = {"auth": "auth", "rate": "rate", "server": "server", "cut": "cut", "silent": "timeout"}[trouble]
        if self.breaks == "vague":
            raise RuntimeError("it failed")
        kind = "invalid" if self.breaks == "wrong kind" else kind
        retryable = trouble != "auth" or self.breaks == "hopeful"
        raise ProviderFailed(kind, trouble, retryable=retryable)  # type: ignore[arg-type]

    async def _hang(self) -> None:
        try:
            async with asyncio.timeout(60 if self.breaks == "waits" else 1.0):
                await asyncio.Event().wait()
        except TimeoutError:
            return
        except asyncio.CancelledError:
            if self.breaks != "swallows":
                raise

    def prepare_embedding(self, model: str, texts: Sequence[str], dimensions: int | None) -> ModelCall:
        return ModelCall(self.name, model, msgspec.json.encode(texts), 1, 0)

    async def embed(self, call: ModelCall, permit: Permit) -> Embeddings:
        if self.breaks != "free vectors":
            permit.spend(call)
        return Embeddings(((1.0,), (2.0,)), Usage(1, 0))

    async def models(self) -> Sequence[ListedModel]:
        return (ListedModel("" if self.breaks == "nameless" else "m"),)

    async def close(self) -> None:
        return


PROVIDERS = {
    "no permit": "test_a_permit_for_something_else_asks_nothing",
    "asks first": "test_a_changed_call_is_refused",
    "asks twice": "test_a_permit_is_good_for_one_attempt",
    "asks early": "test_preparing_is_deterministic_and_asks_nothing",
    "chance": "test_preparing_is_deterministic_and_asks_nothing",
    "renames": "test_preparing_is_deterministic_and_asks_nothing",
    "profile": "test_its_profile_can_be_relied_on",
    "loses": "test_the_pieces_add_up_to_the_answer",
    "uncounted": "test_the_pieces_add_up_to_the_answer",
    "vague": "test_every_failure_is_of_a_known_kind",
    "wrong kind": "test_every_failure_is_of_a_known_kind",
    "hopeful": "test_every_failure_is_of_a_known_kind",
    "waits": "test_a_silent_service_is_not_waited_for",
    "swallows": "test_cancellation_ends_a_call_soon",
    "free vectors": "test_embeddings_are_permitted_or_refused",
    "nameless": "test_models_are_listed",
}


@pytest.mark.parametrize("check", [name for name in vars(ProviderConformance) if name.startswith("test_")])
async def test_a_good_provider_passes(check: str) -> None:
    await getattr(ProviderConformance(), check)(BreakingProvider())


@pytest.mark.parametrize(("wrong", "check"), PROVIDERS.items())
async def test_a_broken_provider_is_noticed(wrong: str, check: str) -> None:
    with pytest.raises((AssertionError, RuntimeError)):
        await getattr(ProviderConformance(), check)(BreakingProvider(wrong))
