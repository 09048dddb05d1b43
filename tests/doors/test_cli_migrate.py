"""`quarterdeck migrate` on both databases: it shows, applies, and refuses what a newer version has written."""

import asyncio
import fcntl
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from tests.doors.commands import SCRIPTED, Desk
from tests.postgresql import Cluster

pytestmark = pytest.mark.own_database


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    """What `database` says; a server's database is empty."""
    if request.param == "sqlite":
        return "sqlite"
    cluster: Cluster = request.getfixturevalue("postgresql")
    return cluster.create()


@pytest.fixture
def desk(tmp_path: Path, address: str) -> Desk:
    made = Desk(tmp_path)
    made.write(f"database = {json.dumps(address)}\n" + SCRIPTED.format(model="scripted/echo"))
    return made


async def test_it_shows_what_waits_and_applies_it_once(desk: Desk) -> None:
    before = await desk.rows("migrate", "--show")
    assert {row["state"] for row in before} == {"waiting"}
    assert before[0]["id"] == "0001_core"
    after = await desk.rows("migrate")
    assert {row["state"] for row in after} == {"applied"}
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert all(row["created_at"] for row in after)
    assert await desk.rows("migrate") == after == await desk.rows("migrate", "--show")


async def test_a_gateway_finds_its_work_done(desk: Desk) -> None:
    await desk.rows("migrate")
    said = await desk.run("chat", "hello")
    assert (said.code, said.out) == (0, "You said: hello\n"), said.err
    (session,) = await desk.rows("sessions", "list")
    assert session["connection"] == "terminal"


async def test_a_newer_database_is_status_4(desk: Desk, address: str) -> None:
    await desk.rows("migrate")
    newer = "INSERT INTO schema_migrations VALUES (9999, 'future', 0)"
    if address == "sqlite":
        with closing(sqlite3.connect(desk.data / "quarterdeck.db")) as file, file:
            file.execute(newer)
    else:
        connection = await asyncpg.connect(address, timeout=10)
        await connection.execute(newer)
        await connection.close()
    shown = await desk.rows("migrate", "--show")
    assert [row["id"] for row in shown if row["state"] == "newer"] == ["9999"]
    assert {row["state"] for row in shown} == {"applied", "newer"}
    for command in (("migrate",), ("chat", "hello")):
        said = await desk.run(*command)
        assert said.code == 4, said.err
        assert "install the newer version" in said.err


async def test_a_gateway_s_own_file_is_left_to_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.rows("migrate")
    with (desk.data / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        said = await desk.run("migrate")
        assert said.code == 3, said.err
        shown = await asyncio.wait_for(desk.rows("migrate", "--show"), 60)
        assert {row["state"] for row in shown} == {"applied"}
