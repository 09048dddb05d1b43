"""The one outgoing client against raw sockets: what is known to be sent, and what is not."""

import asyncio
import gzip
import socket
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import uvloop
from tests.standins.raw_http import OK, Names, Peer, answer, forever, serving
from tests.waiting import slowly, until

from quarterdeck.net.client import Blocked, Client, MaybeSent, NetError, NotSent, TooLarge
from quarterdeck.net.outgoing import Outgoing, Part, Timeouts, encode_multipart

PATIENT = Timeouts(connect=20, first_byte=20, idle=20, total=40)  # runs out for nobody whose peer does something
QUICK = Timeouts(connect=20, first_byte=0.3, idle=20, total=40)  # for a peer that is to be given up


def post(url: str, **changes: Any) -> Outgoing:
    out = Outgoing(method="POST", url=url, trusted=True, body=b'{"text":"hello"}', timeouts=PATIENT)
    return msgspec.structs.replace(out, **changes)


def get(url: str, **changes: Any) -> Outgoing:
    return post(url, **({"method": "GET", "body": None} | changes))


# -- what was sent -----------------------------------------------------------------------------------


async def test_an_answer_comes_back_and_the_connection_is_reused() -> None:
    async with serving(answer) as peer, Client() as client:
        first = await client.request(post(peer.url, headers={"Content-Type": "application/json"}))
        second = await client.request(get(peer.url))
    assert (first.status, first.body, second.body) == (200, b"ok", b"ok")
    assert first.headers["content-length"] == "2"
    assert peer.connections == 1
    assert peer.requests[0].startswith(b"POST /bot123:SECRET/send HTTP/1.1\r\n")
    assert peer.requests[0].endswith(b'\r\n\r\n{"text":"hello"}')
    assert b"Content-Type: application/json" in peer.requests[0]


async def test_an_error_status_is_an_answer() -> None:
    async def refuse(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n")

    async with serving(refuse) as peer, Client() as client:
        response = await client.request(post(peer.url))
    assert (response.status, response.headers["retry-after"], response.body) == (429, "3", b"")


async def test_a_refused_connection_is_not_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with Client() as client:
            with pytest.raises(NotSent) as caught:
                await client.request(post(f"http://127.0.0.1:{unused.getsockname()[1]}/bot123:SECRET"))
    assert caught.value.timeout is None
    assert "SECRET" not in str(caught.value)


async def test_a_name_that_does_not_exist_is_not_sent() -> None:
    async with Client(resolver=Names({})) as client:
        with pytest.raises(NotSent):
            await client.request(post("http://nowhere.example/"))


async def test_a_connection_that_takes_too_long_is_not_sent() -> None:
    with socket.socket() as full, socket.socket() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.connect(full.getsockname())  # fills the backlog, so that the next SYN is dropped
        with socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(full.getsockname())
            async with Client() as client:
                out = post(f"http://127.0.0.1:{full.getsockname()[1]}/", timeouts=Timeouts(connect=0.5))
                with pytest.raises(NotSent) as caught:
                    await client.request(out)
    assert caught.value.timeout == "connect"


async def test_a_full_pool_is_not_sent() -> None:
    async def hang(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        await forever(reader)

    async with serving(hang) as peer, Client(max_connections=1) as client, asyncio.TaskGroup() as group:
        first = group.create_task(outcome(client, post(peer.url)))
        await until(lambda: len(peer.requests) == 1)
        second = await outcome(client, post(peer.url, timeouts=Timeouts(connect=0.5)))
        first.cancel()
    assert isinstance(second, NotSent)
    assert second.timeout == "connect"
    assert len(peer.requests) == 1


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE", "HEAD"])
async def test_a_request_that_was_read_and_not_answered_is_maybe_sent_and_never_repeated(method: str) -> None:
    async def read_and_close(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)

    body = b"x" * 9 if method in ("POST", "PUT") else None
    async with serving(read_and_close) as peer, Client() as client:
        with pytest.raises(MaybeSent) as caught:
            await client.request(post(peer.url, method=method, body=body))
        await until(lambda: peer.open == 0)
        assert peer.connections == 1
    assert len(peer.requests) == 1
    assert caught.value.timeout is None
    assert caught.value.status is None
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__  # aiohttp's own text may hold the whole address


async def test_a_connection_that_is_reset_before_reading_is_maybe_sent() -> None:
    async def reset(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)  # at least one byte had left the client
        writer.transport.abort()

    async with serving(reset) as peer, Client() as client:
        with pytest.raises(MaybeSent):
            await client.request(post(peer.url, body=b"x" * 4_000_000))
        assert peer.connections == 1


async def accepted_then_closed(client: Client, out: Outgoing, linger: Callable[[socket.socket], None]) -> object:
    """Accept by hand and close at once, without reading."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        port = listener.getsockname()[1]
        call = asyncio.ensure_future(outcome(client, post(f"http://127.0.0.1:{port}/", body=out.body, timeouts=QUICK)))
        accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
        linger(accepted)
        accepted.close()
        return await asyncio.wait_for(call, 10)


async def test_a_connection_that_is_closed_unread_is_never_called_answered() -> None:
    """Whether the bytes left before the close is a race; both verdicts are right, each in its case."""
    async with Client() as client:
        result = await accepted_then_closed(client, post("http://x/"), lambda accepted: None)
    assert isinstance(result, NotSent | MaybeSent)
    assert not isinstance(result, Blocked)


async def test_half_an_answer_is_maybe_sent_and_says_its_status() -> None:
    async def half(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async with serving(half) as peer, Client() as client:
        with pytest.raises(MaybeSent) as caught:
            await client.request(post(peer.url))
    assert caught.value.status == 200


async def test_an_answer_that_is_not_http_is_maybe_sent() -> None:
    async def babble(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await forever(reader)

    async with serving(babble) as peer, Client() as client:
        with pytest.raises(MaybeSent):
            await client.request(post(peer.url))


@pytest.mark.parametrize("body", [b"x", None])
async def test_a_peer_that_hangs_times_out_as_first_byte(body: bytes | None) -> None:
    async def hang(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        await forever(reader)

    async with serving(hang) as peer, Client() as client:
        with pytest.raises(MaybeSent) as caught:
            await client.request(post(peer.url, body=body, timeouts=QUICK))
        await until(lambda: peer.open == 0, what="the client to close the connection")
    assert caught.value.timeout == "first_byte"


async def test_silence_within_the_answer_times_out_as_idle() -> None:
    async def stall(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await forever(reader)

    # Longer than idle: the wait for the head must not be what ends the body.
    slow_head = Timeouts(connect=20, first_byte=20, idle=0.2, total=40)
    async with serving(stall) as peer, Client() as client:
        with pytest.raises(MaybeSent) as caught:
            await client.request(post(peer.url, timeouts=slow_head))
    assert (caught.value.timeout, caught.value.status) == ("idle", 200)


async def test_a_slow_drip_is_ended_by_the_total() -> None:
    async def drip(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await slowly(0.02)

    async with serving(drip) as peer, Client() as client:
        with pytest.raises(MaybeSent) as caught:
            await client.request(post(peer.url, timeouts=Timeouts(total=1.0)))
    assert caught.value.timeout == "total"


async def test_a_slow_head_is_ended_by_the_wait_for_the_first_byte() -> None:
    async def drip(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await slowly(0.02)

    async with serving(drip) as peer, Client() as client:
        with pytest.raises(MaybeSent) as caught:
            await client.request(post(peer.url, timeouts=QUICK))
    assert caught.value.timeout == "first_byte"


async def test_a_long_upload_is_not_ended_by_the_wait_for_the_first_byte() -> None:
    async def slow_reader(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await slowly(2.5)  # longer than the wait that is meant; far more comes than sockets hold
        rest = 30_000_000
        while rest:
            rest -= len(await reader.read(2_000_000))
        writer.write(OK)

    async with serving(slow_reader) as peer, Client() as client:
        response = await client.request(post(peer.url, body=b"x" * 30_000_000, timeouts=Timeouts(first_byte=2)))
    assert response.status == 200


async def outcome(client: Client, out: Outgoing) -> object:
    try:
        return await client.request(out)
    except NetError as exc:
        return exc


# -- pooled connections ------------------------------------------------------------------------------


async def stale_pool() -> tuple[int, int]:
    """(connections, requests) after a second request, the peer having closed the pooled connection."""

    async def once(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(OK)
        await writer.drain()

    async with serving(once) as peer, Client() as client:
        await client.request(post(peer.url))
        await until(lambda: peer.open == 0)
        await client.request(post(peer.url))
        return peer.connections, len(peer.requests)


async def test_a_pooled_connection_that_was_closed_while_idle_costs_a_new_one_and_no_doubt() -> None:
    assert await stale_pool() == (2, 2)


def test_the_same_on_uvloop() -> None:
    assert uvloop.run(stale_pool()) == (2, 2)


async def test_a_fin_that_the_loop_has_not_seen_yet_is_seen_before_writing() -> None:
    """The FIN lies in the kernel and no other task has run since: two turns of the loop must find it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        async with Client() as client:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            first = asyncio.ensure_future(client.request(post(url)))
            peer, _ = await loop.sock_accept(listener)
            await loop.sock_recv(peer, 65536)
            await loop.sock_sendall(peer, OK)
            await first
            peer.close()  # no await from here to the request
            second = asyncio.ensure_future(client.request(post(url)))
            again, _ = await asyncio.wait_for(loop.sock_accept(listener), 5)
            with again:
                await loop.sock_recv(again, 65536)
                await loop.sock_sendall(again, OK)
                assert (await second).status == 200


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_reused_connection_that_breaks_after_writing_is_maybe_sent(method: str) -> None:
    async def second_unanswered(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(OK)
        await peer.read(reader)

    async with serving(second_unanswered) as peer, Client() as client:
        await client.request(get(peer.url))
        with pytest.raises(MaybeSent):
            await client.request(get(peer.url) if method == "GET" else post(peer.url))
        await until(lambda: peer.open == 0)
        assert peer.connections == 1  # aiohttp would repeat a GET here by itself
    assert len(peer.requests) == 2


async def test_what_came_unasked_on_an_idle_connection_is_nobodys_answer() -> None:
    first, written = asyncio.Event(), asyncio.Event()

    async def unasked(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(OK)
        if peer.connections == 1:
            await first.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
            await writer.drain()
            written.set()
        await forever(reader)

    async with serving(unasked) as peer, Client() as client:
        await client.request(post(peer.url))
        first.set()
        await asyncio.wait_for(written.wait(), 5)
        assert (await client.request(post(peer.url))).body == b"ok"
        assert peer.connections == 2


# -- size --------------------------------------------------------------------------------------------


async def test_a_huge_body_is_cut_off() -> None:
    async def flood(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65536)
            await writer.drain()

    async with serving(flood) as peer, Client() as client:
        with pytest.raises(TooLarge) as caught:
            await client.request(get(peer.url, max_bytes=100_000))
        await until(lambda: peer.open == 0)
    assert caught.value.status == 200


async def test_a_decompression_bomb_is_cut_off() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)

    async def send(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        writer.write(head.encode() + bomb)
        await forever(reader)

    async with serving(send) as peer, Client() as client:
        with pytest.raises(TooLarge):
            await client.request(get(peer.url, max_bytes=1_000_000))


async def test_exactly_the_limit_is_allowed() -> None:
    async with serving(answer) as peer, Client() as client:
        assert (await client.request(get(peer.url, max_bytes=2))).body == b"ok"
        with pytest.raises(TooLarge):
            await client.request(get(peer.url, max_bytes=1))


# -- streams and forms -------------------------------------------------------------------------------


async def test_chunks_arrive_while_the_answer_is_still_being_written() -> None:
    more = asyncio.Event()

    async def stream(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await more.wait()
        writer.write(b"6\r\nsecond\r\n0\r\n\r\n")
        await forever(reader)

    async with serving(stream) as peer, Client() as client, client.stream(post(peer.url)) as streamed:
        chunks = streamed.chunks()
        assert await anext(chunks) == b"first"
        more.set()
        assert [chunk async for chunk in chunks] == [b"second"]


async def test_leaving_a_stream_early_closes_its_connection() -> None:
    async def endless(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await forever(reader)

    async with serving(endless) as peer, Client() as client:
        async with client.stream(post(peer.url)) as streamed:
            assert streamed.status == 200
        await until(lambda: peer.open == 0)


async def test_a_multipart_form_is_sent_whole() -> None:
    parts = (Part("chat_id", b"5"), Part("document", b"\0\xff", 'a"b\r\n.bin', "application/octet-stream"))
    async with serving(answer) as peer, Client() as client:
        await client.request(post(peer.url, body=None, multipart=parts, headers={}))
    (request,) = peer.requests
    assert b"Content-Type: multipart/form-data; boundary=" in request
    assert b'name="chat_id"\r\n\r\n5\r\n--' in request
    assert b'filename="a%22b%0D%0A.bin"\r\nContent-Type: application/octet-stream\r\n\r\n\0\xff\r\n--' in request
    content_type, body = encode_multipart(parts)
    assert body.endswith(f"--{content_type.partition('=')[2]}--\r\n".encode())


def test_printing_shows_no_path_and_no_header() -> None:
    shown = repr(post("https://api.example/bot123:SECRET/x", headers={"Authorization": "SECRET"}))
    assert shown == "Outgoing(POST https://api.example)"
