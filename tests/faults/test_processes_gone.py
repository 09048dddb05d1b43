"""A process of a fleet dies, and with it a role: that is said until it is there again, and nothing is lost."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.doors.test_split_roles import GATEWAY, SCHEDULER, WORKER, Split, database, split
from tests.waiting import until

__all__ = ["database"]

pytestmark = pytest.mark.timeout(240)

SOON_S = 30


def alerts(fleet: Split, state: str) -> dict[str, dict[str, Any]]:
    """By their rules."""
    rows = fleet.reader.rows("SELECT * FROM alerts WHERE state = ?", (state,))
    return {row["rule"]: row for row in rows if row["rule"] in ("process_dead", "role_missing")}


async def replicas(fleet: Split) -> list[dict[str, Any]]:
    """What the gateway says over HTTP, the first to start first."""
    _, _, page = await fleet.guarded("GET", fleet.a, "/api/v1/replicas", "*", None)
    return list(reversed(page["items"]))


@pytest.mark.proves("alert.process_dead", "alert.role_missing", "D3")
async def test_a_worker_that_dies_is_missed_until_it_is_there_again(database: str, tmp_path: Path) -> None:
    async with split(tmp_path, database) as (fleet, group):
        before = {one["roles"][0]: one for one in await replicas(fleet)}
        assert {(one["state"], one["died"]) for one in before.values()} == {("live", False)}
        assert sorted(before) == ["gateway", "scheduler", "worker"]

        await fleet.kill(WORKER)
        await fleet.people.write("while nobody answers")
        await until(lambda: len(alerts(fleet, "firing")) == 2, SOON_S, "both alerts")
        found = alerts(fleet, "firing")
        dead = next(one for one in await replicas(fleet) if one["died"])
        assert dead["id"] == before["worker"]["id"] == found["process_dead"]["subject"]
        assert found["process_dead"]["cause"].startswith(f"{dead['id']} on {dead['host']} died ")
        assert found["process_dead"]["affected"] == "Nobody yet: 2 processes go on with its work"
        assert found["role_missing"]["subject"] == "worker"
        assert found["role_missing"]["cause"].startswith("None of 2 processes has had the role worker for ")
        assert {one["owner"] for one in found.values()} == {"Otto"}
        _, printed = await fleet.fleet.gateways[GATEWAY].command("replicas", "list")
        told = [msgspec.json.decode(line, type=dict[str, Any]) for line in printed.splitlines()]
        assert [one["id"] for one in told if one["died"]] == [dead["id"]]
        _, printed = await fleet.fleet.gateways[GATEWAY].command("status")
        living = msgspec.json.decode(printed, type=dict[str, Any])["replicas"]
        assert sorted(one["roles"][0] for one in living) == ["gateway", "scheduler"]

        fleet.start(WORKER, group)
        (answer,) = await fleet.texts(1)
        assert "while nobody answers" in answer
        await until(lambda: len(alerts(fleet, "resolved")) == 2, SOON_S, "the end of both alerts")

        await fleet.fleet.gateways[WORKER].stop(last=False)
        await fleet.fleet.gateways[WORKER].ready()
        assert "process_dead" not in alerts(fleet, "firing")
        assert [one["died"] for one in await replicas(fleet)].count(True) == 1, "who drains did not die"
        assert fleet.holds("watch") == SCHEDULER
