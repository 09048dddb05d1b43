"""Is a scenario none the worse for a kill on PostgreSQL? A handful of them, each at points of its own; the same judge.

What is different there is the store, so each kind of durable operation is there once: plain, with tools, streamed,
steered, stopped, from the doors.
"""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.crash.catalogue import SCENARIOS
from tests.crash.run import run
from tests.postgresql import Cluster

pytestmark = [pytest.mark.timeout(300), pytest.mark.proves("M1", "M2", "M3", "A1")]

KILLS = [
    ("dm", ""),
    ("dm", "op.accept.after:1"),
    ("dm", "op.take.after:1"),
    ("dm", "group.before_commit:4"),
    ("dm", "group.after_commit:5"),
    ("dm", "send.after:1"),
    ("dm", "op.seal.before:1"),
    ("tool_external", "op.tool_result.before:1"),
    ("steer_tool", "op.take.after:1"),
    ("streamed", "op.stream_id.after:1"),
    ("stop", "op.accept.after:2"),
    ("tool_row", "op.end_turn.before:1"),
    ("attachment", "op.blob_part.after:1"),
    ("attachment", "op.media.after:1"),
    ("api_message", "group.after_commit:6"),
    ("findable", "op.search.after:1"),
]


@pytest.mark.parametrize(("name", "crash"), KILLS)
def test_a_scenario_on_postgresql_survives(name: str, crash: str, postgresql: Cluster, tmp_path: Path) -> None:
    scenario = SCENARIOS[name]()
    scenario.settings = msgspec.structs.replace(scenario.settings, database=postgresql.create())
    point, _, hit = crash.rpartition(":")
    crashes = scenario.crash_settings(point, int(hit)) if crash else scenario.crashes
    ran = asyncio.run(run(scenario, crashes, tmp_path / "run", f"0 {name}"))
    assert ran.fine, str(ran)
    assert ran.reached, f"it was not killed at {crash}"
