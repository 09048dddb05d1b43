"""Do control routes, the record and the process do what the object does?"""

import asyncio
import base64
import http.client
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.standins import cpu_seconds, spawned
from tests.standins.loopback import TOKEN, Inject, LoopbackStandin, Room, Settings, loopback_standin
from tests.standins.loopback.bot import Bot, bot_of

pytestmark = pytest.mark.timeout(60)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def platform() -> AsyncIterator[LoopbackStandin]:
    async with loopback_standin(Settings(keys=True)) as standin:
        yield standin


@pytest.fixture
async def bot(platform: LoopbackStandin) -> AsyncIterator[Bot]:
    async with bot_of(platform.url, TOKEN) as made:
        yield made


async def test_control_does_over_http_what_the_object_does(platform: LoopbackStandin, bot: Bot) -> None:
    upload = {"name": "a.txt", "mime": "text/plain", "data": base64.b64encode(b"abc").decode()}
    room = {"id": "g1", "kind": "group", "title": "Crew"}
    batch = [{"room": room, "text": "one", "attachments": [upload]}, {"room": room, "text": "two"}]
    _, injected = await bot.call("POST", "/_control/inject", batch, headers={"Authorization": ""})
    assert [event["seq"] for event in injected["events"]] == [1, 2]
    edit = {"kind": "edit", "id": injected["events"][1]["id"], "room": room, "text": "three"}
    assert (await bot.call("POST", "/_control/inject", edit))[1]["events"][0]["revision"] == 2
    read = [(event["room"]["kind"], event["text"], len(event["attachments"])) for event in await bot.events()]
    assert read == [("group", "one", 1), ("group", "two", 0), ("group", "three", 0)]

    _, settings = await bot.call("POST", "/_control/settings", {"limit": 3})
    assert (settings["limit"], settings["keys"]) == (3, True)
    assert (await bot.send("four", room="g1"))[0] == 400
    await bot.call("POST", "/_control/faults", {"route": "effect", "kind": "status", "status": 503})
    assert (await bot.call("POST", "/effect"))[0] == 503
    await bot.call("POST", "/_control/faults", {"route": "effect", "kind": "status", "count": 9})
    await bot.call("DELETE", "/_control/faults")
    await bot.call("POST", "/effect", {})
    await bot.send("yes", room="g1", key="k")
    await bot.events(after=2)

    _, log = await bot.call("GET", "/_control/log")
    assert [(entry["author"], entry["text"], entry["key"]) for entry in log["rooms"]["g1"]] == [
        ("u1", "one", None),
        ("u1", "three", None),
        ("bot", "yes", "k"),
    ]
    assert (log["acked"], [event["seq"] for event in log["pending"]]) == ([1, 2], [3])
    assert [effect["n"] for effect in log["effects"]] == [1]
    assert [request["route"] for request in log["requests"]].count("effect") == 2


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("inject", {"txt": "x"}, 400),
        ("inject", {"kind": "edit", "id": "m9", "text": "x"}, 409),
        ("inject", {"id": "known", "text": "x", "room": {"id": "r1"}}, 409),
        ("faults", {"route": "mesages", "kind": "hang"}, 400),
        ("settings", {"limits": 5}, 400),
    ],
)
async def test_control_refuses_what_it_does_not_know(
    platform: LoopbackStandin, bot: Bot, path: str, body: object, status: int
) -> None:
    platform.inject(Inject(id="known", text="x", room=Room("r1")))
    assert (await bot.call("POST", f"/_control/{path}", body))[0] == status


async def test_the_record_of_a_process_tells_the_whole_story(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"

    def talk(url: str) -> None:
        address = urlsplit(url).netloc
        connection = http.client.HTTPConnection(address, timeout=30)
        ask(connection, "POST", "/_control/inject", {"text": "hello", "room": {"id": "r1"}})
        assert ask(connection, "GET", "/events")["events"][0]["text"] == "hello"
        ask(connection, "GET", "/events?after=1")
        sent = ask(connection, "POST", "/rooms/r1/messages", {"text": "re: hello", "key": "k1"})
        assert ask(connection, "POST", "/rooms/r1/messages", {"text": "re: hello", "key": "k1"}) == sent
        ask(connection, "POST", "/effect", {"n": 1})
        ask(connection, "POST", "/_control/faults", {"route": "messages", "kind": "drop_after"})
        with pytest.raises(http.client.RemoteDisconnected):
            ask(connection, "POST", "/rooms/r1/messages", {"text": "lost"})
        connection.close()

    async with spawned("loopback", "--record", str(path), "--keys") as (url, _):
        await asyncio.to_thread(talk, url)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [line["event"] for line in lines if line["event"] not in ("request", "end")]
    assert told == ["inject", "ack", "message", "message", "effect", "message"]
    messages = [line for line in lines if line["event"] == "message"]
    assert [(line["key"], line["repeated"]) for line in messages] == [
        ("k1", False),
        ("k1", True),
        (None, False),
    ]
    ends = {line["n"]: line["fate"] for line in lines if line["event"] == "end"}
    assert [ends[line["n"]] for line in lines if line["event"] == "request"] == ["answered"] * 5 + ["dropped_after"]


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: object = None) -> Any:
    connection.request(method, path, json.dumps(body) if body is not None else None, BEARER)
    return json.loads(connection.getresponse().read())


async def test_it_is_cheap() -> None:
    """At least 200 requests a second of one core that others use as well, by the process's own CPU time."""
    async with spawned("loopback") as (url, pid), bot_of(url, TOKEN) as bot:
        await bot.call("POST", "/_control/inject", {"text": "x", "room": {"id": "r1"}})
        before = cpu_seconds(pid)
        for number in range(500):
            assert (await bot.send(f"message {number}", key=str(number)))[0] == 200
        assert cpu_seconds(pid) - before < 2.5
