"""The tool `time`: reads only, under a permit that fits."""

import pytest

from quarterdeck.base.errors import BadInput, NotAllowed
from quarterdeck.model.action import ToolRun
from quarterdeck.model.permit import MintingKey, Permit
from quarterdeck.ports import ToolContext
from quarterdeck.tools.clock.tool import TimeTool

pytestmark = pytest.mark.proves("tool.time", "G1")

ABOUT = ToolContext("default", "ses_1", "loop", "r1", "idy_1")


class Fixed:
    """A clock that stands still on 2026-07-01 12:00 UTC."""

    def now(self) -> float:
        return 1_782_907_200.0

    def monotonic(self) -> float:
        return 0.0


def asked(arguments: str) -> ToolRun:
    return ToolRun("time", arguments, "turn_1", "m1.t0", "none", repeatable=True)


def permit(run: ToolRun) -> Permit:
    return Permit(MintingKey(), "int_1", run.digest(), run.route)


async def test_the_time_where_the_model_asks() -> None:
    run = asked('{"timezone":"Europe/Berlin"}')
    output = await TimeTool(Fixed()).run(run, ABOUT, permit(run))
    assert output.text == "Wednesday, 2026-07-01 14:00:00 CEST"


async def test_utc_when_nothing_is_said() -> None:
    run = asked("{}")
    assert (await TimeTool(Fixed()).run(run, ABOUT, permit(run))).text.endswith("12:00:00 UTC")


@pytest.mark.parametrize("zone", ["Mars/Phobos", "../../etc/passwd", "", "Europe"])
async def test_an_unknown_zone_is_told_to_the_model(zone: str) -> None:
    run = asked(f'{{"timezone":"{zone}"}}')
    with pytest.raises(BadInput, match="timezone"):
        await TimeTool(Fixed()).run(run, ABOUT, permit(run))


async def test_a_permit_for_another_call_is_refused() -> None:
    with pytest.raises(NotAllowed):
        await TimeTool(Fixed()).run(asked("{}"), ABOUT, permit(asked('{"timezone":"UTC"}')))


async def test_a_permit_is_spent_once() -> None:
    run = asked("{}")
    given = permit(run)
    await TimeTool(Fixed()).run(run, ABOUT, given)
    with pytest.raises(NotAllowed, match="already"):
        await TimeTool(Fixed()).run(run, ABOUT, given)
