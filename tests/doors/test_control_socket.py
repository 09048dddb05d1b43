"""The control socket itself: who may connect, and what it does with what is not a request."""

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from quarterdeck.actions.configuration import in_force
from quarterdeck.base.config import diff_reload, load_config
from quarterdeck.cli.control import CommandFailed, Line
from tests.doors.commands import SCRIPTED, Desk

NOBODY = 65_534
ASK = """
import json, os, socket, sys
os.setgroups([]), os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(20)
try:
    peer.connect(sys.argv[1])
except PermissionError:
    print(json.dumps({"refused": "by the mode"}))
    sys.exit()
peer.sendall(b'{"command": "status"}\\n')
print(peer.makefile().readline())
"""


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A short path: foreign clients here do not know how to connect to a long one."""
    folder = Path(tempfile.mkdtemp())
    yield Desk(folder)
    shutil.rmtree(folder)


async def raw(desk: Desk, sent: bytes) -> list[dict[str, object]]:
    """What the socket answers to some bytes."""
    reader, writer = await asyncio.open_unix_connection(str(desk.data / "control.sock"))
    try:
        writer.write(sent)
        async with asyncio.timeout(20):
            lines = (await reader.read()).splitlines()
    except ConnectionError:
        return []
    finally:
        writer.close()
    return [json.loads(line) for line in lines]


async def ask_as(desk: Desk, uid: int) -> dict[str, object]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ASK, str(desk.data / "control.sock"), str(uid)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    return json.loads(out)


async def test_only_the_owner_may_connect(desk: Desk) -> None:
    async with desk.gateway():
        place = desk.data / "control.sock"
        assert place.stat().st_mode & 0o777 == 0o600
        assert (await raw(desk, b'{"command": "status"}\n'))[0].keys() == {"hello"}
        if os.geteuid() != 0:
            return
        for folder in (desk.folder, desk.data):
            folder.chmod(0o711)
        assert await ask_as(desk, NOBODY) == {"refused": "by the mode"}
        place.chmod(0o666)  # were the mode ever lost, the kernel's word on the peer still holds
        answer = await ask_as(desk, NOBODY)
        assert answer["end"] == {
            "status": 1,
            "message": f"user {NOBODY} may not control this gateway; become the one that runs it, or root",
        }
        desk.folder.chmod(0o700)


async def test_what_is_no_request_gets_an_end(desk: Desk) -> None:
    async with desk.gateway():
        for sent, told in (
            (b"hello\n", "one line of JSON"),
            (b'{"command": "status", "arguments": []}\n', "one line of JSON"),
            (b'{"command": "explode"}\n', "knows no command explode"),
            (b'{"command": "status", "arguments": {"x": 1}}\n', "x: is unknown here"),
            (b'{"command": "turns show"}\n', "id: is missing"),
            (b'{"command": "turns show", "arguments": {"id": 7}}\n', "id: expected `str`"),
        ):
            lines = await raw(desk, sent)
            end = lines[-1]["end"]
            assert isinstance(end, dict)
            assert end["status"] == 2, (sent, lines)
            assert told in end["message"], (sent, lines)
        long = await raw(desk, b"x" * 3_000_000 + b"\n")
        assert all("row" not in line for line in long)
        assert (await desk.run("status")).code == 0


async def test_too_many_connections_are_turned_away_and_idle_ones_end(desk: Desk) -> None:
    async with desk.gateway():
        place = str(desk.data / "control.sock")
        idle = [await asyncio.open_unix_connection(place) for _ in range(32)]
        (line,) = await raw(desk, b'{"command": "status"}\n')
        assert "too many commands" in str(line["end"])
        async with asyncio.timeout(20):
            for reader, writer in idle:
                assert b"within 5 s" in await reader.read()
                writer.close()
        assert (await desk.run("status")).code == 0


def test_what_was_said_before_a_gateway_hung_up_is_heard() -> None:
    for said, heard in (
        (b'{"end": {"status": 1, "message": "too many commands"}}\n', "too many"),
        (b"", "ended before"),
    ):
        ours, theirs = socket.socketpair()
        with closing(ours), closing(theirs):
            theirs.sendall(said)
            theirs.close()
            with pytest.raises(CommandFailed, match=heard):
                list(Line(ours, "status", {}).rows())


async def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 60) / ("b" * 60)
    folder.mkdir(parents=True)
    desk = Desk(folder)
    async with desk.gateway():
        assert (await desk.rows("status"))[0]["state"] == "ready"


def test_everything_that_needs_a_restart_stays_as_it_was(tmp_path: Path) -> None:
    before = tmp_path / "before.toml"
    after = tmp_path / "after.toml"
    before.write_text(SCRIPTED.format(model="main/echo") + '[providers.main]\nkind = "scripted"\n')
    after.write_text(
        'data_dir = "./other"\ndatabase = "postgresql://x/y"\n[server]\nport = 9\nhost = "::1"\n'
        '[log]\nformat = "text"\nlevel = "error"\n[providers.main]\nkind = "scripted"\nmax_retries = 5\n'
        '[assistants.default]\nmodel = "main/help"\n[tools.http_post]\nurl = "http://127.0.0.1/"\n'
        "[limits]\nturn_steps = 3\n"
    )
    old, new = (load_config(file, {}, cwd=tmp_path).config for file in (before, after))
    mixed = in_force(old, new)
    applied, needs_restart = diff_reload(old, mixed)
    assert needs_restart == []
    assert {"limits.turn_steps", "log.level", "assistants.default.model"} <= set(applied)
    left, restart = diff_reload(mixed, new)
    assert left == []
    assert {path.partition(".")[0] for path in restart} == {
        "data_dir",
        "database",
        "server",
        "log",
        "providers",
        "tools",
    }
