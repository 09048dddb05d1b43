"""Our own client against a running gateway: answers, streams, resuming, retries that do nothing twice, refusals."""

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from itertools import islice
from typing import TypeVar

import pytest

from quarterdeck.client import (
    Answer,
    ApiFailure,
    AsyncClient,
    ChangedMeanwhile,
    Client,
    Conflict,
    Grown,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Unreachable,
    WrongRequest,
    asks,
)
from tests.doors.running import Running
from tests.waiting import until

T = TypeVar("T")


async def apart(work: Callable[[], T]) -> T:
    """The waiting client has a thread of its own: the gateway runs in this one's loop."""
    async with asyncio.timeout(60):
        return await asyncio.to_thread(work)


def test_it_is_light_and_needs_nothing_of_a_server() -> None:
    code = "import quarterdeck.client, sys; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout
    loaded = {name.partition(".")[0] for name in said.split()}
    assert not loaded & {"starlette", "aiohttp", "uvicorn", "uvloop", "jinja2", "cryptography", "structlog", "asyncio"}
    assert "quarterdeck.store" not in said.split()


async def test_it_asks_and_waits_for_the_answer(gateway: Running) -> None:
    token = await gateway.token("chat", "read")

    def work() -> tuple[Answer, Answer, list[str]]:
        with Client(gateway.url, token) as client:
            session = client.send(asks.begin_session(title="One"))
            first = client.say(session.id, "hello")
            helped = client.say(session.id, "/help")
            told = [one.text for one in client.send(asks.messages(session.id)).items]
            return first, helped, told

    first, helped, told = await apart(work)
    assert (first.text, first.outcome, first.receipt.state) == ("You said: hello", "answered", "accepted")
    assert (helped.outcome, helped.text.splitlines()[0]) == (
        "command", "What I understand besides ordinary messages:"
    )  # fmt: skip
    assert told[:2] == ["hello", "You said: hello"]


async def test_it_streams_pieces_and_then_the_whole(gateway: Running) -> None:
    token = await gateway.token("chat")

    def work() -> list[Grown | Answer]:
        client = Client(gateway.url, token)
        session = client.send(asks.begin_session("slow"))
        return list(client.stream(session.id, "hello"))

    *pieces, whole = await apart(work)
    assert isinstance(whole, Answer)
    assert len(pieces) >= 3
    assert "".join(one.text for one in pieces) == whole.text


async def test_the_same_for_asyncio(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    async with AsyncClient(gateway.url, token) as client:
        session = await client.send(asks.begin_session("slow"))
        upload = await client.send(asks.upload(b"content", "a b.txt", "text/plain"))
        assert (upload.name, upload.digest) == ("a b.txt", hashlib.sha256(b"content").hexdigest())
        found = [one async for one in client.stream(session.id, "hello", [upload])]
        whole = found.pop()
        assert isinstance(whole, Answer)
        assert "".join(one.text for one in found if isinstance(one, Grown)) == whole.text
        assert await client.send(asks.download(upload.digest)) == b"content"
        assert (await client.say(session.id, "/status")).outcome == "command"
        items = (await client.send(asks.messages(session.id))).items
        assert [one.name for one in items[0].attachments or ()] == ["a b.txt"]
        for _ in range(4):
            await client.send(asks.begin_session())
        assert len([one async for one in client.each(asks.sessions(limit=2))]) == 5


async def test_lists_tokens_and_edits(gateway: Running) -> None:
    token = await gateway.token("admin")

    def work() -> None:
        client = Client(gateway.url, token)
        sessions = [client.send(asks.begin_session(title=str(n))).id for n in range(5)]
        assert {one.id for one in client.each(asks.sessions(limit=2))} == set(sessions)
        made = client.send(asks.create_token("ci", ["chat"], 3600.0))
        turned = client.send(asks.rotate_token(made.id, 0))
        assert Client(gateway.url, turned.token).send(asks.me()).principal == made.id
        with pytest.raises(NotSignedIn):
            Client(gateway.url, made.token).send(asks.me())
        client.send(asks.revoke_token(made.id))
        assert [one.state for one in client.send(asks.tokens()).items if one.id == made.id] == ["revoked"]
        seen = client.tagged(asks.session(sessions[0]))
        changed = client.tagged(asks.change_session(sessions[0], seen.etag, title="New"))
        assert changed.value.title == "New"
        with pytest.raises(ChangedMeanwhile):
            client.send(asks.change_session(sessions[0], seen.etag, title="Newer"))
        file = client.tagged(asks.file("default", "SOUL.md"))
        assert client.send(asks.write_file("default", "SOUL.md", "Kind.", file.etag)).text == "Kind."
        assert client.send(asks.deliveries()).items == []
        assert client.send(asks.status()).ready
        assert client.send(asks.usage("model", assistant="default")).total.calls == 0

    await apart(work)


async def test_refusals_are_exceptions_with_the_problem(gateway: Running) -> None:
    token, reader = await gateway.token("chat"), await gateway.token("read")

    def work() -> None:
        client = Client(gateway.url, token)
        session = client.send(asks.begin_session()).id
        cases: list[tuple[type[ApiFailure], Callable[[], object], str]] = [
            (NotSignedIn, lambda: Client(gateway.url, "qd_no").send(asks.me()), "not_signed_in"),
            (NotAllowed, lambda: Client(gateway.url, reader).send(asks.begin_session()), "not_allowed"),
            (NotFound, lambda: client.send(asks.write("ses_none", "x")), "not_found"),
            (WrongRequest, lambda: client.send(asks.write(session, " ")), "bad_input"),
        ]
        for kind, act, code in cases:
            with pytest.raises(kind) as refused:
                act()
            assert refused.value.problem.code == code
            assert refused.value.problem.next_step
        client.send(asks.write(session, "one", key="k"))
        with pytest.raises(Conflict) as reused:
            client.send(asks.write(session, "two", key="k"))
        assert reused.value.problem.code == "key_reused"

    await apart(work)


# --- a network that breaks ------------------------------------------------------------------------------------


@asynccontextmanager
async def relay(gateway: Running, cuts: list[bytes]) -> AsyncIterator[str]:
    """Passes connections on; each text of the list cuts one off, right before the gateway says it."""
    _, _, port = gateway.host.partition(":")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection("127.0.0.1", int(port))

        async def forth() -> None:
            while data := await reader.read(65_536):
                to.write(data.replace(f"127.0.0.1:{own}".encode(), f"127.0.0.1:{port}".encode()))
                await to.drain()
            to.close()  # whoever listened has left

        async with asyncio.TaskGroup() as group:
            forward = group.create_task(forth())
            while data := await there.read(65_536):
                cut = bool(cuts) and cuts[0] in data
                writer.write(data.partition(cuts.pop(0))[0] if cut else data)
                await writer.drain()
                if cut:
                    break
            forward.cancel()
        to.close()
        writer.close()

    open_now: list[int] = []

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.append(1)
        try:
            await answer(reader, writer)
        finally:
            open_now.pop()

    server = await asyncio.start_server(counted, "127.0.0.1", 0)
    own = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{own}"
    await until(lambda: not open_now, what="the end of every connection")


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
async def test_an_answer_that_is_lost_is_asked_for_again_and_done_once(gateway: Running, kind: str) -> None:
    token = await gateway.token("chat", "read")
    cuts = [b"201 Created", b"202 Accepted", b"event: turn.started", b"event: delivery"]
    async with relay(gateway, cuts) as url:
        if kind == "sync":

            def work() -> Answer:
                client = Client(url, token, sleep=lambda seconds: None)
                return client.say(client.send(asks.begin_session()).id, "hello")

            answer = await apart(work)
        else:
            async with AsyncClient(url, token) as client:
                answer = await client.say((await client.send(asks.begin_session())).id, "hello", seconds=30)
    assert cuts == []
    assert (answer.text, answer.outcome, answer.receipt.state) == ("You said: hello", "answered", "duplicate")
    counted = await gateway.parts.store.fetch("SELECT (SELECT COUNT(*) FROM sessions), COUNT(*) FROM inbox", {})
    assert counted == [(1, 1)]


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
async def test_events_go_on_where_they_broke_off(gateway: Running, kind: str) -> None:
    token = await gateway.token("chat", "read")
    async with AsyncClient(gateway.url, token) as direct:
        session = (await direct.send(asks.begin_session())).id
        for n in range(3):
            await direct.say(session, f"m{n}")
        cuts = [b"m0", b"m1", b"m2"]
        await direct.say(session, "last")
        async with relay(gateway, cuts) as url, asyncio.timeout(30):
            if kind == "sync":
                client = Client(url, token, sleep=lambda seconds: None)
                seqs = await apart(lambda: [e.number("seq") for e in islice(client.events(session), 16) if e])
            else:
                async with AsyncClient(url, token) as other, aclosing(other.events(session)) as events:
                    seqs = [(await anext(events)).number("seq") for _ in range(16)]
    assert cuts == []
    assert seqs == list(range(1, 17))


async def test_nobody_there(gateway: Running) -> None:
    waits: list[float] = []

    def work() -> None:
        with pytest.raises(Unreachable):
            Client("http://127.0.0.1:9", "qd_x", sleep=waits.append).send(asks.me())

    await apart(work)
    assert len(waits) == 4
    assert waits == sorted(waits)
