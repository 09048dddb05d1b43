"""A plugin's provider or tool that raises, hangs, floods or answers nonsense: what its turn and others see of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from quarterdeck.model.action import Effect, ModelCall, ToolRun
from quarterdeck.model.message import AssistantMessage
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.plugins.guards.provider import GuardedProvider
from quarterdeck.plugins.guards.tool import GuardedTool
from quarterdeck.ports import Delta, ModelProfile, OnDelta, ProviderFailed, Rows, ToolContext, ToolOutput
from tests.flow.doubles import Model, ToolDouble
from tests.flow.test_tools import results
from tests.flow.world import World

pytestmark = pytest.mark.proves("plugin.provider", "plugin.tool")

Deed = Callable[[ModelAnswer, OnDelta], Awaitable[ModelAnswer]]

# --- providers ------------------------------------------------------------------------------------------------


class BadModel(Model):
    """A model that does one thing wrong."""

    def __init__(self, wrong: str) -> None:
        super().__init__("main")
        self.wrong = wrong

    def profile(self, model: str) -> ModelProfile:
        match self.wrong:
            case "profile raises":
                raise ValueError("what model?")
            case "profile is none":
                return None  # type: ignore[return-value]
            case "profile is odd":
                return ModelProfile(max_tokens="many")  # type: ignore[arg-type]
        return super().profile(model)

    def prepare(self, request: Any) -> ModelCall:
        call = super().prepare(request)
        match self.wrong:
            case "prepare raises":
                raise KeyError("x")
            case "prepare is a dict":
                return {"body": b""}  # type: ignore[return-value]
            case "another route":
                return msgspec.structs.replace(call, provider="spare")
            case "reserves less than nothing":
                return msgspec.structs.replace(call, reserve_in=-5)
        return call

    async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
        if self.wrong == "no permit":
            return good()
        answer = await super().complete(call, permit, on_delta)
        return await DEEDS.get(self.wrong, behaves)(answer, on_delta)


async def behaves(answer: ModelAnswer, on_delta: OnDelta) -> ModelAnswer:
    return answer


async def hangs(answer: ModelAnswer, on_delta: OnDelta) -> ModelAnswer:
    await asyncio.Event().wait()
    return answer


async def floods(answer: ModelAnswer, on_delta: OnDelta) -> ModelAnswer:
    while True:
        on_delta(Delta("x" * 1000))


async def floods_and_catches(answer: ModelAnswer, on_delta: OnDelta) -> ModelAnswer:
    try:
        while True:
            on_delta(Delta(""))
    except Exception:
        return answer


async def odd_piece(answer: ModelAnswer, on_delta: OnDelta) -> ModelAnswer:
    on_delta("hello")  # type: ignore[arg-type]
    return answer


def raises(error: BaseException) -> Deed:
    async def fail(answer: ModelAnswer, on_delta: OnDelta) -> ModelAnswer:
        raise error

    return fail


def answers(value: Any) -> Deed:
    async def say(answer: ModelAnswer, on_delta: OnDelta) -> ModelAnswer:
        return value

    return say


def good() -> ModelAnswer:
    return ModelAnswer(AssistantMessage("fine"), "stop", Usage(1, 1))


DEEDS: dict[str, Deed] = {
    "raises": raises(RuntimeError("a bug")),
    "exits": raises(SystemExit(3)),
    "cancels itself": raises(asyncio.CancelledError()),
    "hangs": hangs,
    "answers text": answers("hello"),
    "answers an odd answer": answers(ModelAnswer(AssistantMessage(5), "maybe", Usage())),  # type: ignore[arg-type]
    "odd piece": odd_piece,
    "floods": floods,
    "floods and catches": floods_and_catches,
    "odd usage": answers(msgspec.structs.replace(good(), usage=Usage(-3, 1))),
    "unknown failure": raises(ProviderFailed("sulking", "no", retryable=True)),  # type: ignore[arg-type]
    "odd wait": raises(ProviderFailed("rate", "no", retryable=True, retry_after=float("nan"))),
}
WRONG = (
    "profile raises",
    "profile is none",
    "profile is odd",
    "prepare raises",
    "prepare is a dict",
    "another route",
    "reserves less than nothing",
    "no permit",
    *DEEDS,
)


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_provider_that_breaks_fails_its_own_turn(idle_world: World, wrong: str) -> None:
    """The person is told, the room goes on, and a turn with another model is answered meanwhile."""
    world = idle_world
    bad = BadModel(wrong)
    world.main = GuardedProvider(bad, "main", world.log)  # type: ignore[assignment]
    world.settings.let(turn_seconds=0.4 if wrong == "hangs" else 30.0)
    await world.start()
    broken = await world.say("one")
    assert await world.ended(broken) == ["failed"]
    await world.rest()
    (told,) = world.platform.texts()
    assert told.startswith(("I could not get an answer", "I stopped after"))
    bad.wrong = ""
    assert await world.ended(await world.say("two")) == ["answered"]
    await world.rest()
    assert world.platform.texts()[1] == "re: two"


# --- tools ----------------------------------------------------------------------------------------------------


class BadTool(ToolDouble):
    def __init__(self, wrong: str, effect: Effect) -> None:
        super().__init__("look", effect=effect, repeatable=False)
        self.wrong = wrong

    async def run(self, run: ToolRun, context: ToolContext, permit: Permit) -> ToolOutput:
        if self.wrong != "no permit":
            permit.spend(run)
        match self.wrong:
            case "raises":
                raise LookupError("a bug")
            case "exits":
                raise SystemExit
            case "cancels itself":
                raise asyncio.CancelledError
            case "hangs":
                await asyncio.Event().wait()
            case "none":
                return None  # type: ignore[return-value]
            case "odd":
                return ToolOutput(b"bytes")  # type: ignore[arg-type]
            case "rows":
                return ToolOutput("done", rows=Rows((), lambda: None))
        return ToolOutput("done")


@pytest.mark.parametrize("effect", ["none", "external"])
@pytest.mark.parametrize("wrong", ["raises", "exits", "cancels itself", "hangs", "none", "odd", "rows", "no permit"])
async def test_a_tool_that_breaks_is_told_to_its_model(idle_world: World, wrong: str, effect: Effect) -> None:
    """What acts on the world may have acted; everything else has merely failed. The turn goes on."""
    world = idle_world
    world.tools["look"] = GuardedTool(BadTool(wrong, effect))  # type: ignore[assignment]
    world.settings.let(tools=("look",), turn_seconds=2.0 if wrong == "hangs" else 30.0)
    await world.start()
    world.main.use(("look", "{}"))
    outcomes = await world.ended(await world.say("go"))
    assert outcomes == (["failed"] if wrong == "hangs" else ["answered"])  # its time was the turn's
    await world.rest()
    stored = [text for kind, text in world.history() if kind == "tool"]
    assert stored[0].startswith("The outcome is unknown" if effect == "external" else "Failed")
    if wrong != "hangs":
        assert results(world)[0].status == ("unknown" if effect == "external" else "error")
    world.log.lines = [line for line in world.log.lines if line[0] != "tool.adapter_failed"]  # that was the test
