"""What is built in may be wrong, too: nonsense of a tool or a cut costs its own call, never a turn or a lane."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from quarterdeck.model.action import ToolRun
from quarterdeck.model.message import ToolResult
from quarterdeck.ports import MARK_RESERVE, Rows, ToolContext, ToolOutput
from tests.flow.doubles import PlatformChannel, ToolDouble
from tests.flow.world import World

pytestmark = pytest.mark.proves("G3")

OUTPUTS: dict[str, Any] = {
    "nothing": None,
    "a text": "fine",
    "no text in it": ToolOutput(5),  # type: ignore[arg-type]
    "no rows in it": ToolOutput("fine", rows="INSERT"),  # type: ignore[arg-type]
    "rows of something else": ToolOutput("fine", rows=Rows(("INSERT",), lambda: None)),
}


@pytest.mark.parametrize("effect", ["none", "external"])
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
async def test_a_tool_that_brings_nonsense_has_failed(idle_world: World, output: Any, effect: Any) -> None:
    world = idle_world

    async def nonsense(run: ToolRun, context: ToolContext) -> ToolOutput:
        return output

    world.add_tool(ToolDouble("look", effect=effect, repeatable=False, do=nonsense))
    await world.start()
    world.main.use(("look", "{}"))
    world.main.say("done")
    await world.ended(await world.say("go"))
    await world.ended(await world.say("and then"))
    await world.rest()
    assert world.platform.texts() == ["done", "re: and then"]
    (result,) = [m for m in world.main.requests[1].messages if isinstance(m, ToolResult)]
    failed = ("error", "Failed inside the tool")
    status, text = ("unknown", "The outcome is unknown") if effect == "external" else failed
    assert (result.status, result.text[: len(text)]) == (status, text)
    assert len(world.log.named("tool.adapter_failed")) == 1
    world.log.lines.clear()


def raises(text: str) -> Sequence[str]:
    raise RuntimeError("a bug")


CUTS: dict[str, Callable[[str], Any]] = {
    "raises": raises,
    "nothing": lambda text: None,
    "no text at all": lambda text: [],
    "a text": lambda text: text,
    "no texts": lambda text: [text[:5], 5],
    "without end": lambda text: ["a"] * 100_000,
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
async def test_an_answer_is_sent_whatever_the_cut_does(idle_world: World, cut: Callable[[str], Any]) -> None:
    world = idle_world

    class Wrong(PlatformChannel):
        def cut(self, text: str) -> Sequence[str]:
            return cut(text)

    await world.start()
    parts = world.parts
    parts.directory.attach("wire", Wrong(world.platform, world.settings.capabilities, lambda: False))
    size = world.settings.capabilities.text_limit - MARK_RESERVE
    world.main.say("a" * size + "b")
    await world.ended(await world.say("go"))
    await world.ended(await world.say("next"))
    await world.rest()
    assert world.platform.texts() == ["a" * size, "b", "re: next"]
    assert bool(world.log.named("send.cut_failed")) == (cut("x") != [] if cut is not raises else True)
