"""Does the loopback stand-in keep its protocol? Asked in plain HTTP, by aiohttp and the standard library."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.standins.loopback import (
    TOKEN,
    Fault,
    Inject,
    LoopbackStandin,
    Room,
    Settings,
    Upload,
    loopback_standin,
)
from tests.standins.loopback.bot import Bot, bot_of
from tests.waiting import until

pytestmark = pytest.mark.timeout(60)
ROOM = Room("r1", "dm", "Ada")


@pytest.fixture
async def platform() -> AsyncIterator[LoopbackStandin]:
    async with loopback_standin(Settings(rooms=(ROOM,), keys=True)) as standin:
        yield standin


@pytest.fixture
async def bot(platform: LoopbackStandin) -> AsyncIterator[Bot]:
    async with bot_of(platform.url, TOKEN) as made:
        yield made


def say(text: str, **more: Any) -> Inject:
    return Inject(text=text, room=ROOM, **more)


# -- events ----------------------------------------------------------------------------------------------


async def test_events_arrive_in_order_until_they_are_confirmed(platform: LoopbackStandin, bot: Bot) -> None:
    for number in range(1, 4):
        platform.inject(say(f"text {number}", sent_at=float(number)))
    first = await bot.events()
    assert [(event["seq"], event["text"], event["sent_at"]) for event in first] == [
        (1, "text 1", 1.0),
        (2, "text 2", 2.0),
        (3, "text 3", 3.0),
    ]
    assert first[0]["room"] == {"id": "r1", "kind": "dm", "title": "Ada"}
    assert first[0]["sender"] == {"id": "u1", "name": "Ada"}
    assert (first[0]["kind"], first[0]["revision"], first[0]["attachments"]) == ("message", 1, [])
    assert await bot.events() == first
    assert platform.acks == []
    assert [event["seq"] for event in await bot.events(after=2)] == [3]
    assert [ack.seqs for ack in platform.acks] == [[1, 2]]
    assert [event["seq"] for event in await bot.events()] == [3]
    assert [event["seq"] for event in await bot.events(limit=0)] == []


async def test_limit_takes_the_oldest(platform: LoopbackStandin, bot: Bot) -> None:
    for number in range(5):
        platform.inject(say(str(number)))
    assert [event["seq"] for event in await bot.events(limit=2)] == [1, 2]
    assert [event["seq"] for event in await bot.events(after=2, limit=2)] == [3, 4]


async def test_a_waiting_poll_wakes_at_once_and_otherwise_ends_empty(platform: LoopbackStandin, bot: Bot) -> None:
    began = time.monotonic()
    assert await bot.events(wait=0.2) == []
    assert 0.2 <= time.monotonic() - began < 5
    async with asyncio.TaskGroup() as group:
        poll = group.create_task(bot.events(wait=30))
        await until(lambda: len(platform.requests) == 2)
        platform.inject(say("wake"))
    assert [event["text"] for event in poll.result()] == ["wake"]
    assert time.monotonic() - began < 10


async def test_the_older_of_two_polls_gets_409(platform: LoopbackStandin, bot: Bot) -> None:
    async with asyncio.TaskGroup() as group:
        older = group.create_task(bot.call("GET", "/events?wait=30"))
        await until(lambda: len(platform.requests) == 1)
        newer = group.create_task(bot.call("GET", "/events?wait=30"))
        await until(older.done)
        assert older.result() == (409, {"error": "conflict"})
        assert not newer.done()
        platform.inject(say("for the newer"))
    status, body = newer.result()
    assert (status, [event["text"] for event in body["events"]]) == (200, ["for the newer"])


async def test_a_poll_whose_client_left_holds_nothing(platform: LoopbackStandin, bot: Bot) -> None:
    with pytest.raises(TimeoutError):
        await bot.call("GET", "/events?wait=30", timeout=aiohttp.ClientTimeout(total=1))
    await until(lambda: platform.requests[0].disconnected)
    assert platform.requests[0].fate is None
    platform.inject(say("still there"))
    assert [event["text"] for event in await bot.events(wait=5)] == ["still there"]


async def test_edits_and_duplicates_keep_their_id(platform: LoopbackStandin, bot: Bot) -> None:
    native_id = platform.inject(say("first"))[0].id
    platform.inject(Inject(kind="edit", id=native_id, room=ROOM, text="second"))
    platform.inject(Inject(id=native_id, room=ROOM, duplicate=True))
    platform.inject(say("twice", duplicate=True))
    seen = [(event["seq"], event["kind"], event["revision"], event["text"]) for event in await bot.events()]
    assert seen == [
        (1, "message", 1, "first"),
        (2, "edit", 2, "second"),
        (3, "edit", 2, "second"),
        (4, "message", 1, "twice"),
        (5, "message", 1, "twice"),
    ]
    assert [event["id"] for event in (await bot.events())[:3]] == [native_id] * 3
    shown = platform.messages("r1")
    assert [entry.text for entry in shown] == ["second", "twice"]
    assert [version.text for version in shown[0].edits] == ["second"]


# -- messages --------------------------------------------------------------------------------------------


async def test_what_the_bot_sends_is_shown_in_order(platform: LoopbackStandin, bot: Bot) -> None:
    native_id = platform.inject(say("question"))[0].id
    status, body = await bot.send("answer", reply_to=native_id)
    assert status == 200
    assert [(entry.author, entry.text, entry.reply_to) for entry in platform.messages("r1")] == [
        ("u1", "question", None),
        ("bot", "answer", native_id),
    ]
    assert platform.messages("r1")[1].id == body["id"] != native_id


async def test_the_rules_of_a_message(platform: LoopbackStandin, bot: Bot) -> None:
    platform.settings = Settings(limit=4, rooms=(Room("r2"),), blocked=("r2",))
    assert (await bot.send("\N{GRINNING FACE}" * 4))[0] == 200
    assert await bot.send("\N{GRINNING FACE}" * 5) == (400, {"error": "too_long"})
    assert await bot.send("  ") == (400, {"error": "empty"})
    assert await bot.send("hi", room="nowhere") == (404, {"error": "unknown_room"})
    assert await bot.send("hi", room="r2") == (403, {"error": "blocked"})
    status, body = await bot.call("POST", "/rooms/r1/messages", {"txt": "hi"})
    assert (status, body["error"].partition(":")[0]) == (400, "bad_body")
    assert [len(platform.messages(room)) for room in ("r1", "r2")] == [1, 0]


async def test_keys_make_a_repeat_harmless_inside_their_window(platform: LoopbackStandin, bot: Bot) -> None:
    first = await bot.send("once", key="k1")
    assert await bot.send("once", key="k1") == first
    assert await bot.send("other", key="k2") != first
    assert [(entry.text, entry.key, entry.posts) for entry in platform.messages("r1")] == [
        ("once", "k1", 2),
        ("other", "k2", 1),
    ]
    platform.settings = Settings(keys=True, key_window=0.0)
    assert await bot.send("once", key="k1") != first
    platform.settings = Settings(keys=False)
    await bot.send("ignored", key="k1")
    await bot.send("ignored", key="k1")
    assert [entry.text for entry in platform.messages("r1")][-2:] == ["ignored", "ignored"]


async def test_the_bot_edits_its_own_messages(platform: LoopbackStandin, bot: Bot) -> None:
    _, sent = await bot.send("draft")
    path = f"/rooms/r1/messages/{sent['id']}"
    assert await bot.call("PUT", path, {"text": "final"}) == (200, sent)
    (entry,) = platform.messages("r1")
    assert (entry.text, [version.text for version in entry.edits]) == ("final", ["final"])
    theirs = platform.inject(say("mine"))[0].id
    for native_id in ("m999", theirs):
        answer = await bot.call("PUT", f"/rooms/r1/messages/{native_id}", {"text": "x"})
        assert answer == (404, {"error": "unknown_message"})
    assert (await bot.call("PUT", path, {"text": "x" * 2001}))[0] == 400
    platform.settings = Settings(edits=False)
    assert await bot.call("PUT", path, {"text": "late"}) == (405, {"error": "no_edits"})
    assert platform.messages("r1")[0].text == "final"


async def test_a_reaction_stands_until_it_is_taken_off(platform: LoopbackStandin, bot: Bot) -> None:
    path = f"/rooms/r1/messages/{platform.inject(say('mine'))[0].id}/reaction"
    for method, stands in (("PUT", True), ("PUT", True), ("DELETE", False), ("DELETE", False)):
        assert await bot.call(method, path) == (200, {"ok": True})
        assert platform.messages("r1")[0].reacted is stands
    assert await bot.call("PUT", "/rooms/r1/messages/m999/reaction") == (404, {"error": "unknown_message"})
    assert (await bot.call("PUT", path.replace("r1", "nowhere")))[0] == 404


async def test_typing_and_files(platform: LoopbackStandin, bot: Bot) -> None:
    assert await bot.call("POST", "/rooms/r1/typing") == (200, {"ok": True})
    assert (await bot.call("POST", "/rooms/nowhere/typing"))[0] == 404
    platform.inject(say("see", attachments=(Upload("a.png", "image/png", b"\x89PNG"),)))
    (attachment,) = (await bot.events())[0]["attachments"]
    assert {**attachment, "id": ""} == {"id": "", "name": "a.png", "mime": "image/png", "size": 4}
    async with bot.session.get(f"/files/{attachment['id']}") as answer:
        assert (answer.content_type, await answer.read()) == ("image/png", b"\x89PNG")
    headers = {"X-File-Name": "b.txt", "Content-Type": "text/plain"}
    _, kept = await bot.call("POST", "/rooms/r1/files", headers=headers, data=b"bytes")
    async with bot.session.get(f"/files/{kept['id']}") as answer:
        assert (answer.content_type, await answer.read()) == ("text/plain", b"bytes")
    assert await bot.call("GET", "/files/f99") == (404, {"error": "unknown_file"})


async def test_every_route_of_the_bot_wants_the_token(platform: LoopbackStandin, bot: Bot) -> None:
    for method, path in (
        ("GET", "/events"),
        ("POST", "/rooms/r1/messages"),
        ("PUT", "/rooms/r1/messages/m1"),
        ("POST", "/rooms/r1/typing"),
        ("PUT", "/rooms/r1/messages/m1/reaction"),
        ("POST", "/rooms/r1/files"),
        ("GET", "/files/f1"),
    ):
        answer = await bot.call(method, path, headers={"Authorization": "Bearer wrong"})
        assert answer == (401, {"error": "unauthorized"})
    assert platform.messages("r1") == []


# -- effects and faults ----------------------------------------------------------------------------------


async def test_effects_are_counted_never_merged(platform: LoopbackStandin, bot: Bot) -> None:
    for number in (1, 2):
        answer = await bot.call("POST", "/effect", {"do": "it"}, headers={"Idempotency-Key": "k"})
        assert answer == (200, {"ok": True, "n": number})
    assert [(effect.n, effect.key, json.loads(effect.body)) for effect in platform.effects] == [
        (1, "k", {"do": "it"}),
        (2, "k", {"do": "it"}),
    ]


async def test_status_and_rate_faults_process_nothing(platform: LoopbackStandin, bot: Bot) -> None:
    platform.fault(Fault(route="messages", kind="rate", retry_after=1.5))
    platform.fault(Fault(route="messages", kind="status", status=502, count=2))
    async with bot.session.post("/rooms/r1/messages", json={"text": "x"}) as answer:
        assert answer.headers["Retry-After"] == "2"
        assert (answer.status, await answer.json()) == (429, {"error": "rate", "retry_after": 1.5})
    assert [(await bot.send("x"))[0] for _ in range(3)] == [502, 502, 200]
    assert len(platform.messages("r1")) == 1
    platform.fault(Fault(route="messages", kind="status"))
    platform.clear()
    assert (await bot.send("x"))[0] == 200


async def test_a_slow_answer_is_processed_at_once_and_answered_later(platform: LoopbackStandin, bot: Bot) -> None:
    platform.fault(Fault(route="messages", kind="slow", retry_after=0.2))
    answer = asyncio.create_task(bot.send("x"))
    await until(lambda: platform.messages("r1"))
    assert not answer.done()
    assert platform.requests[-1].fate is None
    assert (await answer)[0] == 200
    seconds = platform.requests[-1].seconds
    assert seconds is not None
    assert seconds >= 0.2
    assert (await bot.send("y"))[0] == 200


@pytest.mark.parametrize(
    "case",
    [
        ("messages", "POST", "/rooms/r1/messages", {"text": "new"}),
        ("edit", "PUT", "/rooms/r1/messages/m1", {"text": "new"}),
        ("effect", "POST", "/effect", {"text": "new"}),
        ("events", "GET", "/events?after=1", None),
    ],
)
@pytest.mark.parametrize(("kind", "done"), [("drop_before", False), ("drop_after", True), ("hang", False)])
async def test_a_dropped_request_is_processed_or_not(
    platform: LoopbackStandin, bot: Bot, case: tuple[Any, str, str, object], kind: Any, done: bool
) -> None:
    route, method, path, body = case
    platform.inject(say("a person's"))
    await bot.send("old")

    def state() -> object:
        texts = [entry.text for entry in platform.messages("r1")]
        return texts, len(platform.effects), len(platform.pending)

    target = path.replace("m1", platform.messages("r1")[1].id)
    before = state()
    platform.fault(Fault(route=route, kind=kind, count=2))  # aiohttp itself repeats a dropped GET or PUT once
    with pytest.raises((aiohttp.ServerDisconnectedError, TimeoutError)):
        await bot.call(method, target, body, timeout=aiohttp.ClientTimeout(total=1 if kind == "hang" else 10))
    assert (state() != before) == done
    fate = {"hang": "hung", "drop_before": "dropped_before", "drop_after": "dropped_after"}[kind]
    await until(lambda: platform.requests[-1].seconds is not None)
    assert (platform.requests[-1].fate, platform.requests[-1].status) == (fate, None)
    assert platform.requests[-1].disconnected == (kind == "hang")
    platform.clear()
    assert (await bot.call(method, target, body))[0] == 200
    assert state() != before


async def test_a_resend_after_a_lost_answer_doubles_only_without_keys(platform: LoopbackStandin, bot: Bot) -> None:
    for keys, shown in ((True, 1), (False, 3)):
        platform.settings = Settings(keys=keys)
        platform.fault(Fault(route="messages", kind="drop_after"))
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await bot.send("paid", key=f"key {keys}")
        assert (await bot.send("paid", key=f"key {keys}"))[0] == 200
        assert len(platform.messages("r1")) == shown
