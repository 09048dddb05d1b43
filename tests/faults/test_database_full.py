"""The disk of the database server is full, and then it is not: a gateway says yes to nothing that is not kept.

A full disk is no clean outage: what still has room in its pages is written meanwhile, anything else is not.
"""

import asyncio
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import PostgresqlDatabase, only_postgresql, reading
from tests.faults.gateway import Faulty, faulty
from tests.flow.rest import broken_rules
from tests.postgresql import Cluster, programs, running
from tests.reading import Reader
from tests.standins.small_disk import fill, permitted
from tests.waiting import until

__all__ = ["only_postgresql"]
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.proves("M1", "M2"),
    pytest.mark.skipif(not permitted(), reason="this machine lets nobody mount a small disk"),
]
SIZE = 48 * 1024 * 1024
LONG = "long " * 600
MOST = 200  # messages until the room in the pages is used up


@pytest.fixture(scope="module")
def server() -> Generator[Cluster]:
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed")
    with running(disk=SIZE) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def postgresql_reader(server: Cluster) -> Generator[Reader]:
    yield from reading(server)


async def status(f: Faulty, session: str, text: str) -> int:
    """What a message over the API is answered; its text is its key."""
    answer = await f.running.call(
        "POST", f"/api/v1/sessions/{session}/messages", token=f.token, json={"text": text},
        headers={"Idempotency-Key": text[:20]},
    )  # fmt: skip
    return answer.status


async def ready(f: Faulty) -> dict[str, Any]:
    return (await f.running.call("GET", "/readyz")).json()


async def test_a_gateway_lives_through_a_full_disk_of_its_database(
    tmp_path: Path, server: Cluster, database: PostgresqlDatabase, capfd: pytest.CaptureFixture[str]
) -> None:
    async with faulty(tmp_path, database=database.url) as f:
        f.token = await f.running.token("chat", "read", "operate")
        session = (await f.running.call("POST", "/api/v1/sessions", token=f.token, json={})).json()["id"]
        await f.telegram.write("before")
        await f.telegram.sent(2)  # an introduction, and the answer

        filler = await asyncio.to_thread(fill, server.small_disk)
        said: dict[str, int] = {}
        for number in range(MOST):
            text = f"number {number:03} {LONG}"
            said[text] = await status(f, session, text)
            if said[text] != 202:
                break
        assert set(said.values()) == {202, 503}, "some had room, then one had none"
        reasons = (await until(lambda: unready(f), 12, "the end of readiness")) or []
        assert any("No space left on device" in reason for reason in reasons), reasons
        await f.telegram.write("meanwhile " + LONG)
        assert (await f.running.call("GET", "/healthz")).status == 200

        filler.unlink()
        await until(lambda: is_ready(f), 20, "readiness")
        for text in [text for text, answered in said.items() if answered == 503]:
            assert await status(f, session, text) == 202
        await f.telegram.sent(3, 20)
        await until(lambda: not broken_rules(database.path), 30, "a database at rest")
    kept = [json.loads(one["content"])["text"] for one in database.rows("SELECT content FROM inbox", {})]
    assert sorted(kept) == sorted([*said, "before", "meanwhile " + LONG])
    outcomes = {one["outcome"] for one in database.rows("SELECT outcome FROM inbox", {})}
    assert outcomes == {"answered"}
    assert "task.failed" not in capfd.readouterr().err, "a turn that can go on later has not failed"


async def is_ready(f: Faulty) -> bool:
    return bool((await ready(f))["ready"])


async def unready(f: Faulty) -> list[str]:
    return list((await ready(f))["reasons"])
