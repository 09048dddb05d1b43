"""Does a gateway under load survive kills at random times? A few here, 1,000 in `python -m tests.crash`."""

import os
from pathlib import Path

import pytest

from tests.crash.load import segment
from tests.crash.tally import TALLY

SEED = os.environ.get("QUARTERDECK_CRASH_SEED", "0")
KILLS = 10


pytestmark = [pytest.mark.timeout(600), pytest.mark.proves("M1", "M2", "M3", "A1", "A5", "channel.loopback")]


@pytest.mark.parametrize("number", [0, 3])
async def test_random_kills_under_load(number: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    ran = await segment(number, KILLS, tmp_path / "load", f"{SEED} {number}")
    request.config.stash[TALLY].random_kills += ran.kills
    assert not ran.violations, "\n".join(map(str, ran.violations))
    assert not ran.complaints, "\n".join(ran.complaints)
    assert ran.kills == KILLS
    assert ran.acts > KILLS
