"""Connections from every door: seen, tried, paused and resumed, over a restart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doors.commands import Desk
from tests.doors.running import CONFIG, Running, running
from tests.doors.test_cli_gateway import bot, types, wire
from tests.standins.loopback import Inject, LoopbackStandin, loopback_standin
from tests.waiting import until

ONE = "/api/v1/connections/loop"
LOOP = """
[connections.loop]
channel = "loopback"
api_root = "{url}"
token = {{ env = "LOOP_TOKEN" }}
"""


@pytest.fixture
async def platform() -> AsyncIterator[LoopbackStandin]:
    async with loopback_standin() as found:
        yield found


@pytest.fixture
async def wired(tmp_path: Path, platform: LoopbackStandin) -> AsyncIterator[Running]:
    config = CONFIG + LOOP.format(url=platform.url)
    async with running(tmp_path, config, {"LOOP_TOKEN": "loopback-token"}) as found:
        yield found


async def test_a_pause_holds_over_a_restart_and_loses_nothing(tmp_path: Path, platform: LoopbackStandin) -> None:
    desk = Desk(tmp_path)
    wire(desk, platform)
    async with desk.gateway():
        paused = (await desk.run("connections", "pause", "loop", "--reason", "it moves", "--json")).row
        assert (paused["state"], paused["reason"]) == ("paused", "it moves")
        assert (await desk.run("connections", "pause", "loop")).code == 1
        platform.inject(Inject(text="hello"))
        (tried,) = await desk.rows("connections", "test", "loop")
        assert tried["state"] == "paused"
        assert bot(platform) == []
    async with desk.gateway():
        rows = {row["id"]: row for row in await desk.rows("connections", "list")}
        assert (rows["loop"]["state"], rows["web"]["state"]) == ("paused", "built_in")
        assert bot(platform) == []
        assert (await desk.rows("inbox", "list")) == []
        resumed = (await desk.run("connections", "resume", "loop", "--json")).row
        assert resumed["state"] != "paused"
        await until(lambda: bot(platform) == ["You said: hello"], 20, "the answer")
    kinds = await types(desk)
    assert {"change.connection.paused", "change.connection.resumed", "change.connection.tested"} <= set(kinds)


async def test_the_api_shows_and_changes_it(wired: Running) -> None:
    reader, operator = await wired.token("read"), await wired.token("operate")
    items = (await wired.call("GET", "/api/v1/connections", token=reader)).json()["items"]
    assert [(one["id"], one["state"]) for one in items][:2] == [("api", "built_in"), ("loop", "down")]
    assert (await wired.call("POST", f"{ONE}/pause", token=reader, json={})).status == 403
    key = {"Idempotency-Key": "pause-1"}
    first = await wired.call("POST", f"{ONE}/pause", token=operator, json={"reason": "it moves"}, headers=key)
    assert (first.status, first.json()["state"], first.json()["paused"]["reason"]) == (200, "paused", "it moves")
    again = await wired.call("POST", f"{ONE}/pause", token=operator, json={"reason": "it moves"}, headers=key)
    assert (again.status, again.body) == (200, first.body)
    assert (await wired.call("POST", f"{ONE}/pause", token=operator, json={})).status == 409
    tried = await wired.call("POST", f"{ONE}/test", token=operator)
    assert (tried.status, tried.json()["state"]) == (200, "paused")
    resumed = await wired.call("POST", f"{ONE}/resume", token=operator)
    assert (resumed.status, resumed.json()["state"], resumed.json()["paused"]) == (200, "down", None)
    assert (await wired.call("POST", f"{ONE}/resume", token=operator)).status == 409
    assert (await wired.call("POST", "/api/v1/connections/web/pause", token=operator, json={})).status == 400
    assert (await wired.call("GET", "/api/v1/connections/nobody", token=reader)).status == 404
    assert (await wired.call("GET", ONE, token=reader)).json()["state"] == "down"


async def test_home_says_that_it_is_paused(wired: Running) -> None:
    operator = await wired.token("operate")
    await wired.call("POST", f"{ONE}/pause", token=operator, json={"reason": "it moves"})
    async with wired.http.get(f"{wired.url}/console", headers=await wired.browser()) as page:
        text = await page.text()
    assert "Connection loop was paused by" in text
    assert "it moves" in text
