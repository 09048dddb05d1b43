"""Two gateways on one PostgreSQL work by one shared configuration; one that cannot is an alert."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.doors.test_two_gateways import Two, database, two
from tests.waiting import until

__all__ = ["database"]

pytestmark = pytest.mark.timeout(240)

MORE = """
[limits]
queue_per_session = 50
[alerts]
every_seconds = 0.2
clear_seconds = 0.5
[assistants.guide]
model = "main/test"
introduce = false
"""
OTHER_PROVIDER = """
[providers.other]
kind = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
[assistants.third]
model = "other/test"
introduce = false
"""


def replace(both: Two, at: int, old: str, new: str) -> None:
    """Write it into the configuration file of one gateway."""
    file = both.fleet.gateways[at].data.parent / "config.toml"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


async def reload(both: Two, at: int) -> None:
    status, printed = await both.fleet.gateways[at].command("config", "reload")
    assert status == 0, printed


def living(both: Two) -> dict[int, tuple[int, str]]:
    """Which gateway works by which version, and what of the newest it does not."""
    rows = both.reader.rows("SELECT pid, configuration, drift FROM processes WHERE state = 'live'", ())
    files = [gateway.data / "runtime.json" for gateway in both.fleet.gateways]
    pids = [msgspec.json.decode(file.read_bytes(), type=dict[str, Any])["pid"] for file in files]
    return {pids.index(row["pid"]): (row["configuration"], row["drift"]) for row in rows if row["pid"] in pids}


async def work_by(both: Two, number: int) -> None:
    await until(lambda: living(both) == {0: (number, ""), 1: (number, "")}, 20, f"both by version {number}")


def drifted(both: Two) -> bool:
    found = living(both)
    return found.get(0) == (4, "") and "assistants.third.model" in found.get(1, ("", ""))[1]


async def assistants(both: Two, url: str) -> set[str]:
    _, _, shown = await both.guarded("GET", url, "/api/v1/assistants", "*", None)
    return {one["id"] for one in shown["items"]}


async def changes(both: Two) -> list[str]:
    """Which versions were made, the oldest first."""
    _, printed = await both.fleet.gateways[0].command("audit", "list", "--limit", "200")
    rows = [msgspec.json.decode(line, type=dict[str, Any]) for line in printed.splitlines()]
    made = [row for row in rows if row["type"] == "change.configuration.version"]
    return [str(row["outcome"]).split(" by ")[0] for row in reversed(made)]


def alerts(both: Two, state: str) -> list[dict[str, Any]]:
    asked = "SELECT subject, cause, owner FROM alerts WHERE rule = 'configuration_drift' AND state = ?"
    return both.reader.rows(asked, (state,))


@pytest.mark.proves("alert.configuration_drift")
async def test_a_change_is_taken_over_and_what_cannot_be_is_an_alert(database: str, tmp_path: Path) -> None:
    async with two(tmp_path, database, MORE, ("chat", "read", "operate")) as both:
        a, b = both.fleet.gateways
        await work_by(both, 1)

        replace(both, 0, "[assistants.guide]", "[assistants.host]")
        await reload(both, 0)
        await work_by(both, 2)
        assert await assistants(both, both.b) == await assistants(both, both.a) == {"default", "host"}
        await reload(both, 1)  # its file says what it said
        await b.kill()
        await both.fleet.ready()
        await work_by(both, 2)
        both.b = await b.ready()
        assert await assistants(both, both.b) == {"default", "host"}

        replace(both, 1, "[assistants.guide]", "[assistants.desk]")
        await b.kill()
        await both.fleet.ready()
        await work_by(both, 3)
        assert await assistants(both, both.a) == {"default", "desk"}

        replace(both, 0, "[assistants.host]", OTHER_PROVIDER + "[assistants.host]")
        await a.kill()  # only a start makes a provider
        await both.fleet.ready()
        await until(lambda: drifted(both), 20, "one that lacks the new provider")
        assert living(both)[1][0] == 3
        (alert,) = await until(lambda: alerts(both, "firing"), 40, "the alert")
        assert "works by version 3 of the shared configuration, not by 4: assistants.third.model" in alert["cause"]
        assert alert["owner"]
        _, printed = await a.command("replicas", "list", "--state", "live")
        shown = [msgspec.json.decode(line, type=dict[str, Any]) for line in printed.splitlines()]
        assert sorted((one["configuration"], bool(one["drift"])) for one in shown) == [(3, True), (4, False)]

        replace(both, 0, OTHER_PROVIDER, "")
        await reload(both, 0)
        await work_by(both, 5)
        await until(lambda: alerts(both, "resolved"), 20, "the end of the alert")
        assert await changes(both) == [f"version {n}" for n in range(1, 6)]
