"""Crash points: armed by tests alone, hit as often as asked, and each one is somewhere in the code."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import quarterdeck
from quarterdeck.base.crash import PLACES, CrashPoints, from_environment
from quarterdeck.base.errors import BadInput

SOURCE = Path(quarterdeck.__file__).parent


def test_without_a_setting_nothing_is_armed() -> None:
    points = from_environment({})
    for place in PLACES:
        points.reach(place)


@pytest.mark.parametrize(
    "environ",
    [
        {"QUARTERDECK_CRASH_AT": "send.before"},
        {"QUARTERDECK_CRASH_AT": "send.before", "QUARTERDECK_TESTING": "0"},
        {"QUARTERDECK_CRASH_TRACE": "somewhere"},
        {"QUARTERDECK_CRASH_AT": "send.before:soon", "QUARTERDECK_TESTING": "1"},
        {"QUARTERDECK_CRASH_AT": "send.before:-1", "QUARTERDECK_TESTING": "1"},
    ],
)
def test_what_is_not_permitted_or_malformed_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="QUARTERDECK_CRASH_AT"):
        from_environment(environ)


@pytest.mark.parametrize(("setting", "hits"), [("here", 1), ("here:1", 1), ("here:3", 3)])
def test_the_process_dies_at_the_hit(setting: str, hits: int) -> None:
    code = (
        "import os\n"
        "from quarterdeck.base.crash import from_environment\n"
        "points = from_environment(os.environ)\n"
        "for n in range(1, 9):\n"
        "    points.reach('elsewhere')\n"
        "    print(n, flush=True)\n"
        "    points.reach('here')\n"
    )
    environ = {"QUARTERDECK_CRASH_AT": setting, "QUARTERDECK_TESTING": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=30)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == [str(n) for n in range(1, hits + 1)]


def test_a_trace_names_each_point_once_in_order(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    points = CrashPoints(trace=str(trace))
    for point in ("b", "a", "b", "c", "a"):
        points.reach(point)
    assert trace.read_text().split() == ["b", "a", "c"]


def test_every_place_is_reached_somewhere_and_nothing_else_is() -> None:
    text = "\n".join(file.read_text("utf-8") for file in SOURCE.rglob("*.py"))
    reached = set(re.findall(r"\breach\(\s*\"([a-z_.]+)\"", text))
    assert reached == set(PLACES)
