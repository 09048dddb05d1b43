"""The WebSocket, by an independent client library: the same events, cursors, several sessions, and honest ends."""

import asyncio
import json
import socket
from collections.abc import Mapping
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from quarterdeck.governance.audit import SYSTEM
from tests.doors.running import CONFIG, Running, running
from tests.doors.test_api_sessions import answered, begin, write
from tests.waiting import until

APP = "https://app.example"


def opened(gateway: Running, token: str = "", headers: Mapping[str, str] | None = None, **more: Any) -> connect:
    sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    return connect(f"ws://{gateway.host}/api/v1/ws", additional_headers=sent, proxy=None, **more)


async def say(client: ClientConnection, do: str, **what: str) -> None:
    await client.send(json.dumps({"do": do, **what}))


async def told(client: ClientConnection, seconds: float = 20) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        return json.loads(await client.recv())


async def heard(client: ClientConnection, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """All that is told up to the so manieth of this kind."""
    found: list[dict[str, Any]] = []
    while sum(one["kind"] == kind for one in found) < count:
        found.append(await told(client))
    return found


async def closed(client: ClientConnection, seconds: float = 20) -> tuple[int, str]:
    """Code and reason of the end; what is told before it is read away."""
    async with asyncio.timeout(seconds):
        try:
            while True:
                await client.recv()
        except ConnectionClosed as end:
            return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "it ended without a reason")


async def test_the_same_events_as_over_a_stream(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token, assistant="slow")
    async with opened(gateway, token) as client:
        await say(client, "subscribe", session=session)
        assert await told(client) == {"kind": "subscribed", "feed": session, "cursor": "0", "data": None}
        await write(gateway, token, session, "hello")
        found = await heard(client, "turn.ended")
    pieces = [one for one in found if one["kind"] == "delta"]
    events = [one for one in found if one["kind"] != "delta"]
    assert len(pieces) >= 3
    assert {one["cursor"] for one in pieces} == {""}
    delivery = next(one for one in events if one["kind"] == "delivery")
    assert "".join(one["data"]["text"] for one in pieces) == delivery["data"]["text"]
    async with gateway.events(f"/api/v1/sessions/{session}/events", token) as stream:
        sent = await stream.until("turn.ended")
    assert [(one["kind"], one["cursor"], one["data"]) for one in events] == [(e.kind, e.id, e.data) for e in sent]
    assert {one["feed"] for one in found} == {session}


async def test_from_every_cursor_exactly_what_follows(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    await write(gateway, token, session, "one")
    await answered(gateway, token, session, 1)
    async with opened(gateway, token) as client:
        for cursor in (0, 2, 3):
            await say(client, "subscribe", session=session, cursor=str(cursor))
            await heard(client, "subscribed")
            seqs = [int(one["cursor"]) for one in await heard(client, "turn.ended") if one["cursor"]]
            assert seqs == list(range(cursor + 1, 5))
        await say(client, "subscribe", session=session, cursor="now")
        assert (await told(client))["cursor"] == "4"
        await write(gateway, token, session, "two")
        assert (await heard(client, "turn.ended"))[0]["data"]["text"] == "two"


async def test_several_sessions_and_all_of_them(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    one, two, three = [await begin(gateway, token) for _ in range(3)]
    async with opened(gateway, token) as some, opened(gateway, token) as everything:
        for session in (one, two):
            await say(some, "subscribe", session=session)
        await heard(some, "subscribed", 2)
        await say(everything, "subscribe")
        await heard(everything, "subscribed")
        for session in (three, two, one):
            await write(gateway, token, session, session)
            await answered(gateway, token, session, 1)
        found = await heard(some, "turn.ended", 2)
        assert [f["feed"] for f in found if f["kind"] == "turn.ended"] == [two, one]
        assert all(f["feed"] == f["data"]["session"] for f in found if f["cursor"])
        whole = await heard(everything, "turn.ended", 3)
        assert [f["data"]["session"] for f in whole if f["kind"] == "turn.ended"] == [three, two, one]
        assert {f["feed"] for f in whole} == {""}
        await say(some, "unsubscribe", session=one)
        await heard(some, "unsubscribed")
        for session in (one, two):
            await write(gateway, token, session, "more")
            await answered(gateway, token, session, 2)
        assert {f["feed"] for f in await heard(some, "turn.ended")} == {two}


async def test_who_may_hear_what(gateway: Running) -> None:
    chat, other = await gateway.token("chat"), await gateway.token("chat")
    mine, theirs = await begin(gateway, chat), await begin(gateway, other)
    async with opened(gateway, chat) as client:
        for session, status in ((theirs, 404), ("ses_none", 404), ("", 403)):
            await say(client, "subscribe", session=session)
            refused = await told(client)
            assert (refused["kind"], refused["feed"], refused["data"]["status"]) == ("refused", session, status)
            assert refused["data"]["next_step"]
        await say(client, "subscribe", session=mine, cursor="x")
        assert (await told(client))["data"]["field"] == "cursor"
        await say(client, "subscribe", session=mine)
        assert (await told(client))["kind"] == "subscribed"
    with pytest.raises(InvalidStatus) as refusal:
        await opened(gateway, await gateway.token("audit"))
    assert refusal.value.response.status_code == 403


async def test_the_first_message_may_say_who_asks(gateway: Running) -> None:
    token = await gateway.token("read")
    async with opened(gateway) as client:
        await say(client, "sign_in", token=token)
        assert (await told(client))["kind"] == "signed_in"
        await say(client, "subscribe")
        assert (await told(client))["kind"] == "subscribed"
        await say(client, "sign_in", token=token)
        assert (await closed(client))[0] == 4400
    for do, what in (("sign_in", {"token": "qd_none"}), ("subscribe", {})):
        async with opened(gateway) as client:
            await say(client, do, **what)
            assert (await closed(client))[0] == 4401
    for said in ("{}", "no json", b"\x00", json.dumps({"do": "subscribe", "cursor": 1})):
        async with opened(gateway, token) as client:
            await client.send(said)
            assert (await closed(client))[0] == 4400, said
    async with opened(gateway, token) as client:
        await client.send("x" * 70_000)
        assert (await closed(client))[0] == 1009


async def test_a_wrong_token_and_one_in_the_address_are_nobody(gateway: Running) -> None:
    token = await gateway.token("read")
    with pytest.raises(InvalidStatus) as refused:
        await opened(gateway, "qd_none")
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body or b"")["code"] == "not_signed_in"
    async with connect(f"ws://{gateway.host}/api/v1/ws?token={token}", proxy=None) as client:
        await say(client, "subscribe")
        assert (await closed(client))[0] == 4401


async def test_pages_of_other_sites_are_kept_out(gateway: Running) -> None:
    browser = await gateway.browser()
    cookie = {"Cookie": browser["Cookie"]}
    async with opened(gateway, headers={**cookie, "Origin": gateway.url}) as client:
        await say(client, "subscribe")
        assert (await told(client))["kind"] == "subscribed"
    for origin in ("https://evil.example", "null"):
        for headers in (cookie, {"Authorization": f"Bearer {await gateway.token('read')}"}):
            with pytest.raises(InvalidStatus) as refused:
                await opened(gateway, headers={**headers, "Origin": origin})
            assert refused.value.response.status_code == 403
    async with opened(gateway, headers=cookie) as client:  # no page: a cookie alone proves nothing
        await say(client, "subscribe")
        assert (await closed(client))[0] == 4401
    name, _, port = gateway.host.partition(":")
    with pytest.raises(InvalidStatus) as elsewhere:
        await connect(f"ws://evil.example:{port}/api/v1/ws", host=name, port=int(port), proxy=None)
    assert elsewhere.value.response.status_code == 403


async def test_a_named_sites_page_needs_a_token(tmp_path: Any) -> None:
    async with running(tmp_path, CONFIG.replace("port = 0", f'port = 0\ncors_origins = ["{APP}"]')) as gateway:
        cookie = {"Cookie": (await gateway.browser())["Cookie"], "Origin": APP}
        async with opened(gateway, headers=cookie) as client:
            await say(client, "subscribe")
            assert (await closed(client))[0] == 4401
        async with opened(gateway, headers={"Origin": APP}) as client:
            await say(client, "sign_in", token=await gateway.token("read"))
            assert (await told(client))["kind"] == "signed_in"


async def test_a_token_that_ends_ends_what_was_opened_with_it(gateway: Running) -> None:
    made = await gateway.parts.tokens.create("ci", ["read"], None, SYSTEM)
    async with opened(gateway, made.token) as client:
        await say(client, "subscribe")
        await heard(client, "subscribed")
        await gateway.parts.tokens.revoke(made.id, SYSTEM)
        assert (await closed(client))[0] == 4401


async def test_a_goodbye_with_a_hint_when_the_process_stops(gateway: Running) -> None:
    token = await gateway.token("read")
    async with opened(gateway, token) as idle, opened(gateway, token) as client:
        await say(client, "subscribe")
        await heard(client, "subscribed")
        await gateway.supervisor.stop("http")
        for one in (idle, client):
            assert (await heard(one, "bye"))[-1]["data"] == {"reconnect_seconds": 1}
            assert (await closed(one))[0] == 1012


async def test_a_client_that_left_is_forgotten(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    async with opened(gateway, token) as client:
        await say(client, "subscribe", session=session)
        await heard(client, "subscribed")
        await until(lambda: gateway.parts.live.watched(session), what="the watcher")
    await until(lambda: not gateway.parts.live.watched(session), what="the watcher to be gone")


async def test_who_does_not_read_is_closed_with_the_reason_and_goes_on_from_its_cursor(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)

    async def so_many(turns: int) -> bool:
        """Without reading the large history over and over."""
        rows = await gateway.parts.store.fetch("SELECT COUNT(*) FROM turns WHERE outcome = 'answered'", {})
        return rows[0][0] == turns

    for n in range(8):
        await write(gateway, token, session, "x" * 900_000, key=f"k{n}")
        await until(lambda n=n: so_many(n + 1), 20, "an answer")
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, _, port = gateway.host.partition(":")
    small.setblocking(False)
    await asyncio.get_running_loop().sock_connect(small, (host, int(port)))
    cursors: list[int] = []
    async with opened(gateway, token, sock=small, max_queue=1, max_size=None) as client:
        await say(client, "subscribe", session=session)
        await until(lambda: gateway.parts.live.watched(session), 30, "the subscription")
        await until(lambda: not gateway.parts.live.watched(session), 30, "the gateway to give up")
        code = 0
        async with asyncio.timeout(30):
            while not code:
                try:
                    one = json.loads(await client.recv())
                    cursors += [int(one["cursor"])] if one["kind"] not in ("delta", "subscribed") else []
                except ConnectionClosed as end:
                    code = end.rcvd.code if end.rcvd else 1006
    assert code == 4408
    assert cursors
    assert cursors == list(range(1, len(cursors) + 1))
    assert len(cursors) < 32
    async with opened(gateway, token, max_size=None) as client:
        await say(client, "subscribe", session=session, cursor=str(cursors[-1]))
        while cursors[-1] < 32:
            one = await told(client)
            cursors += [int(one["cursor"])] if one["kind"] != "subscribed" else []
    assert cursors == list(range(1, 33))
