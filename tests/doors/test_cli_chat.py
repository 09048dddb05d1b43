"""`quarterdeck chat` on a terminal: a prompt, states, an answer that grows, Ctrl-C."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.doors.commands import SCRIPTED, Desk
from tests.doors.screen import terminal
from tests.waiting import until

pytestmark = pytest.mark.proves("channel.terminal")

CTRL_C, CTRL_D = b"\x03", b"\x04"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, "scripted/help")


@pytest.mark.parametrize("running", [True, False], ids=["beside a gateway", "without one"])
async def test_a_conversation(desk: Desk, running: bool) -> None:
    @asynccontextmanager
    async def gateway() -> AsyncIterator[None]:
        if not running:
            yield
            return
        async with desk.gateway():
            yield

    async with gateway(), terminal(desk, "chat") as screen:
        await screen.sees("you> ")
        screen.type(b"good day\r")
        await screen.sees("(queued)")
        await screen.sees("You said:")  # before the whole is there
        await screen.sees("start again.")
        await screen.sees("you> ")
        screen.type(b"/status\r")
        await screen.sees("I am idle")
        await screen.sees("you> ")
        screen.type(CTRL_D)
        assert await screen.ends() == 0
        assert "Traceback" not in screen.seen


async def test_ctrl_c_stops_the_turn_and_then_leaves(desk: Desk) -> None:
    async with desk.gateway(), terminal(desk, "chat") as screen:
        await screen.sees("you> ")
        screen.type(b"/status\r")
        await screen.sees("I am idle")
        await screen.sees("you> ")
        screen.type(b"a long story " + b"and more " * 400 + b"\r")
        await screen.sees("You said:")
        screen.type(CTRL_C)
        await screen.sees("(stopped)")
        await screen.sees("you> ")
        states = [row["state"] for row in await desk.rows("turns", "list")]
        assert states == ["stopped"]
        screen.type(CTRL_C)
        assert await screen.ends() == 0


async def test_a_second_ctrl_c_leaves_a_turn_that_does_not_stop(desk: Desk) -> None:
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if line:
            asked.append(str(json.loads(line)["command"]))
            rows = [{"hello": "0"}, {"row": {"kind": "state", "state": "tool", "tools": ["slow"]}}]
            lines = rows if asked[-1] == "chat" else [{"hello": "0"}, {"end": {}}]
            writer.write(b"".join(json.dumps(row).encode() + b"\n" for row in lines))
            await reader.read()
        writer.close()

    desk.data.mkdir()
    slow = await asyncio.start_unix_server(answer, str(desk.data / "control.sock"))
    async with slow, terminal(desk, "chat") as screen:
        await screen.sees("you> ")
        screen.type(b"do something slow\r")
        await screen.sees("(tool slow)")
        screen.type(CTRL_C)
        await until(lambda: asked == ["chat", "chat stop"], 20, "the request to stop")
        assert screen.process.returncode is None
        screen.type(CTRL_C)
        assert await screen.ends() == 0


async def test_json_shows_every_state(desk: Desk) -> None:
    desk.write(SCRIPTED.format(model="scripted/help"))
    said = await desk.run("chat", "hello", "--json")
    assert said.code == 0, said.err
    kinds = [(row["kind"], row.get("state")) for row in said.rows]
    assert kinds[:2] == [("state", "queued"), ("state", "thinking")]
    assert ("delta", None) in kinds
    assert kinds[-2:] == [("answer", None), ("ended", None)]
    deltas = "".join(str(row["text"]) for row in said.rows if row["kind"] == "delta")
    assert deltas == said.rows[-2]["text"]
    assert said.rows[-1]["outcome"] == "answered"


async def test_a_failed_turn_is_status_1(desk: Desk) -> None:
    desk.write(SCRIPTED.format(model="scripted/nonsense"))
    said = await desk.run("chat", "hello")
    assert said.code == 1
    assert "could not get an answer" in said.out


async def test_rooms_and_assistants(desk: Desk) -> None:
    desk.write(SCRIPTED.format(model="scripted/help") + '[assistants.echo]\nmodel = "scripted/echo"\n')
    said = await desk.run("chat", "hello", "--assistant", "echo", "--room", "other")
    assert said.out == "You said: hello\n"
    unknown = await desk.run("chat", "hello", "--assistant", "nobody")
    assert (unknown.code, "there is no assistant 'nobody'" in unknown.err) == (1, True)
