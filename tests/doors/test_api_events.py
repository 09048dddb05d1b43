"""Server-sent events: every committed event exactly once from any cursor, pieces between them, and a goodbye."""

from contextlib import AsyncExitStack

import pytest

from tests.doors.running import Running, Sent
from tests.doors.test_api_sessions import answered, begin, write
from tests.waiting import until

pytestmark = pytest.mark.proves("event.inbox.accepted", "event.turn.started", "event.delivery", "event.turn.ended")


def seqs(events: list[Sent]) -> list[int]:
    return [int(event.id) for event in events if event.id is not None]


async def test_a_message_shows_as_events_with_pieces(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token, assistant="slow")
    async with gateway.events(f"/api/v1/sessions/{session}/events", token) as stream:
        receipt = await write(gateway, token, session, "hello")
        events = await stream.until("turn.ended")
    kinds = [event.kind for event in events]
    assert [kind for kind in kinds if kind != "delta"] == ["inbox.accepted", "turn.started", "delivery", "turn.ended"]
    assert kinds.index("turn.started") < kinds.index("delta")
    assert len(kinds) - 1 - kinds[::-1].index("delta") < kinds.index("delivery")
    pieces = [event for event in events if event.kind == "delta"]
    assert len(pieces) >= 3
    assert all(piece.id is None for piece in pieces)
    assert [piece.data["seq"] for piece in pieces] == list(range(1, len(pieces) + 1))
    delivery = next(event for event in events if event.kind == "delivery")
    assert "".join(piece.data["text"] for piece in pieces) == delivery.data["text"]
    accepted = events[0]
    assert (accepted.data["inbox"], accepted.data["text"]) == (receipt["inbox_id"], "hello")
    assert accepted.data["created_at"].endswith("Z")
    assert (accepted.data["seq"], accepted.data["event"]) == (int(accepted.id or 0), "inbox.accepted")


async def test_a_stream_begins_with_a_comment_and_a_retry(gateway: Running) -> None:
    token = await gateway.token("chat")
    session = await begin(gateway, token)
    headers = {"Authorization": f"Bearer {token}"}
    async with gateway.http.get(f"{gateway.url}/api/v1/sessions/{session}/events", headers=headers) as response:
        assert await response.content.readline() == b": quarterdeck\n"
        assert await response.content.readline() == b"retry: 1000\n"
        assert response.headers["cache-control"] == "no-store"


async def test_reconnecting_in_the_middle_of_an_answer(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token, assistant="slow")
    path = f"/api/v1/sessions/{session}/events"
    async with gateway.events(path, token) as stream:
        await write(gateway, token, session, "hello")
        first = await stream.until("delta")
    cursor = seqs(first)[-1]
    # A browser sends its old address and the newer header.
    async with gateway.events(f"{path}?cursor=0", token, {"Last-Event-ID": str(cursor)}) as stream:
        second = await stream.until("turn.ended")
    async with gateway.events(path, token) as stream:
        whole = await stream.until("turn.ended")
    assert any(event.kind == "delta" for event in second)
    assert seqs(first) + seqs(second) == seqs(whole) == list(range(1, len(seqs(whole)) + 1))


async def test_who_joins_in_mid_answer_gets_what_has_grown_and_then_the_rest(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token, assistant="slow")
    path = f"/api/v1/sessions/{session}/events"
    async with gateway.events(path, token) as first:
        await write(gateway, token, session, " ".join(f"word{n}" for n in range(80)))
        seen = ""
        while "word3" not in seen:
            event = await first.next()
            assert event is not None
            seen += event.data["text"] if event.kind == "delta" else ""
        async with gateway.events(path, token) as second:
            found = await second.until("turn.ended")
    kinds = [event.kind for event in found]
    assert kinds[:3] == ["inbox.accepted", "turn.started", "delta"]
    pieces = [event.data for event in found if event.kind == "delta"]
    assert [piece.get("whole", False) for piece in pieces] == [True] + [False] * (len(pieces) - 1)
    assert pieces[0]["text"].startswith(seen)
    assert [piece["seq"] for piece in pieces] == list(range(pieces[0]["seq"], pieces[0]["seq"] + len(pieces)))
    delivery = next(event for event in found if event.kind == "delivery")
    assert "".join(piece["text"] for piece in pieces) == delivery.data["text"]


async def test_every_cursor_gives_exactly_what_follows(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    for n in range(3):
        await write(gateway, token, session, f"m{n}")
        await answered(gateway, token, session, n + 1)
    head = (await gateway.call("GET", f"/api/v1/sessions/{session}", token=token)).json()["head"]
    async with AsyncExitStack() as stack:
        path = f"/api/v1/sessions/{session}/events?cursor="
        streams = [await stack.enter_async_context(gateway.events(f"{path}{n}", token)) for n in range(head)]
        found = [[await stream.next() for _ in range(cursor, head)] for cursor, stream in enumerate(streams)]
        await write(gateway, token, session, "last")
        for stream, events in zip(streams, found, strict=True):
            events += await stream.until("turn.ended")
    for cursor, events in enumerate(found):
        assert seqs([event for event in events if event]) == list(range(cursor + 1, head + 5))


async def test_more_events_than_one_page(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    for n in range(110):  # two events each
        await write(gateway, token, session, "/help", key=f"k{n}")
    async with gateway.events(f"/api/v1/sessions/{session}/events", token) as stream:
        found = [await stream.next() for _ in range(220)]
    assert [int(event.id or 0) for event in found if event] == list(range(1, 221))


async def test_now_gives_only_what_comes(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    await write(gateway, token, session, "before")
    await answered(gateway, token, session, 1)
    for path in (f"/api/v1/sessions/{session}/events?cursor=now", "/api/v1/events?cursor=now"):
        async with gateway.events(path, token) as stream:
            await write(gateway, token, session, "after")
            assert (await stream.until("inbox.accepted"))[0].data["text"] == "after"
            await stream.until("turn.ended")


async def test_the_feed_over_all_sessions(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    one, two = await begin(gateway, token), await begin(gateway, token)
    async with gateway.events("/api/v1/events", token) as stream:
        await write(gateway, token, one, "first")
        first = await stream.until("turn.ended")
        await write(gateway, token, two, "second")
        second = await stream.until("turn.ended")
    assert {event.data["session"] for event in first} == {one}
    assert {event.data["session"] for event in second} == {two}
    assert [event.kind for event in second] == ["inbox.accepted", "turn.started", "delivery", "turn.ended"]
    async with gateway.events(f"/api/v1/events?cursor={first[-1].id}", token) as stream:
        again = await stream.until("turn.ended")
    assert [event.id for event in again] == [event.id for event in second]


async def test_a_wrong_cursor_is_named(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    said = await gateway.call("GET", "/api/v1/events?cursor=-1", token=token)
    assert (said.status, said.json()["field"]) == (400, "cursor")


async def test_a_stream_says_goodbye_when_the_process_stops(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    async with gateway.events("/api/v1/events", token) as stream:
        gateway.app.streams.close()
        assert [event.kind for event in await stream.until("bye")] == ["bye"]
        assert await stream.next() is None
    assert (await gateway.call("GET", "/api/v1/status", token=token)).status == 200


async def test_a_stopping_server_ends_its_streams(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    async with gateway.events("/api/v1/events", token) as stream:
        await gateway.supervisor.stop("http")
        assert (await stream.until("bye"))[-1].kind == "bye"


async def test_a_client_that_left_is_forgotten(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    async with gateway.events(f"/api/v1/sessions/{session}/events", token) as stream:
        await write(gateway, token, session, "hello")
        await stream.until("turn.ended")
        assert gateway.parts.live.watched(session)
    await until(lambda: not gateway.parts.live.watched(session), what="the watcher to be gone")
