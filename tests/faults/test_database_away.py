"""The database goes, in each way that it can, and comes back: the gateway says nothing that is not so, and goes on.

The gateway is one on PostgreSQL, through a proxy whose network fails; a message is being answered when it does.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.databases import PostgresqlDatabase, only_postgresql, own_reader
from tests.doors.commands import SCRIPTED, Desk
from tests.doors.running import Answer
from tests.faults.gateway import Faulty, faulty
from tests.flow.rest import broken_rules
from tests.ports import free_port
from tests.postgresql import Cluster, own_postgresql
from tests.standins.proxy import Proxy
from tests.standins.telegram import in_process
from tests.store.behind_a_proxy import network
from tests.waiting import until

__all__ = ["network", "only_postgresql", "own_postgresql", "own_reader"]
pytestmark = [pytest.mark.timeout(120), pytest.mark.proves("M1", "M2", "M3")]
BACK_S = 20.0  # from the return of the database to the last answer, on a busy machine; a quiet one takes 5


@dataclass
class Outage:
    """A way in which a database is away."""

    begin: Callable[[Proxy, Cluster], None]
    end: Callable[[Proxy, Cluster], None]


OUTAGES = {
    "cut": Outage(lambda network, server: network.cut(), lambda network, server: network.heal()),
    "half open": Outage(lambda network, server: network.hang(), lambda network, server: network.heal()),
    "restarted": Outage(lambda network, server: server.stop(), lambda network, server: server.start()),
    "crashed": Outage(lambda network, server: server.crash(), lambda network, server: server.start()),
}


@asynccontextmanager
async def gateway(folder: Path, database: PostgresqlDatabase, server: Cluster, network: Proxy) -> AsyncIterator[Faulty]:
    url = database.url.replace(f":{server.port}/", f":{network.port}/")
    async with faulty(folder, database=url) as running:
        running.token = await running.running.token("chat", "read", "operate")
        yield running


async def say(f: Faulty, session: str, text: str) -> Answer:
    """A message over the API, always with the key of its text."""
    headers = {"Idempotency-Key": text}
    path = f"/api/v1/sessions/{session}/messages"
    return await f.running.call("POST", path, token=f.token, json={"text": text}, headers=headers)


async def readiness(f: Faulty) -> dict[str, Any]:
    answer = await f.running.call("GET", "/readyz")
    body: dict[str, Any] = answer.json()
    assert (answer.status == 200) == body["ready"]
    return body


async def sent_texts(f: Faulty) -> list[str]:
    return [str(one["text"]) for one in await f.telegram.sent()]


@pytest.mark.parametrize("way", OUTAGES)
async def test_nothing_is_acknowledged_that_is_not_kept_and_all_goes_on_by_itself(
    tmp_path: Path, database: PostgresqlDatabase, postgresql: Cluster, network: Proxy, way: str
) -> None:
    outage = OUTAGES[way]
    async with gateway(tmp_path, database, postgresql, network) as f:
        made = await f.running.call("POST", "/api/v1/sessions", token=f.token, json={})
        session = made.json()["id"]
        await f.telegram.write("before")
        await f.telegram.sent(2)  # an introduction, and the answer
        await f.telegram.write("[[delay 2.5]]running")
        await until(lambda: len(f.model.calls) == 2, 5, "the call of a model")
        confirmed = len(await f.telegram.acked())

        await asyncio.to_thread(outage.begin, network, postgresql)
        waiting = asyncio.create_task(say(f, session, "by the API"))
        await f.telegram.write("meanwhile")
        reasons = await until(lambda: unready(f), 12, "the end of readiness")
        assert any("database" in reason for reason in reasons or []), reasons
        said = await waiting
        assert (said.status, said.json()["code"]) == (503, "retry")
        assert int(said.headers["retry-after"]) >= 1
        assert said.headers["content-type"] == "application/problem+json"
        assert (await f.running.call("GET", "/healthz")).status == 200
        await until(lambda: f.model.calls[1].kind == "text", 5, "an answer that cannot be recorded")
        assert len(f.model.calls) == 2, "nothing is begun without an intent"
        assert len(await sent_texts(f)) == 2
        assert len(await f.telegram.acked()) == confirmed, "what is not kept is not confirmed"

        await asyncio.to_thread(outage.end, network, postgresql)
        await until(lambda: ready(f), BACK_S, "readiness")
        assert (await say(f, session, "by the API")).status == 202
        await f.telegram.sent(4, BACK_S)
        await until(lambda: len(f.model.calls) >= 4, 5, "the question by the API")
        outages = "SELECT 1 FROM audit WHERE CAST(leaf AS TEXT) LIKE '%store.outage%'"
        await until(lambda: database.rows(outages, {}), BACK_S, "the outage in the record")
        await until(lambda: not broken_rules(database.path), 10, "a database at rest")
        assert len(await sent_texts(f)) == 4
    asked = [str(one["content"]) for one in database.rows("SELECT content FROM inbox", {})]
    assert len(asked) == 4


async def ready(f: Faulty) -> bool:
    return bool((await readiness(f))["ready"])


async def unready(f: Faulty) -> list[str]:
    return list((await readiness(f))["reasons"])


# -- a whole process, with every service that it has -----------------------------------------------------------

ADDRESS = "https://gateway.example"
TOKEN = "4242424242:stand-in-bot-token"
WHOLE = """
database = "{database}"
data_dir = "./data"
[server]
port = 0
public_url = "{address}"
[assistants.default]
model = "scripted/echo"
introduce = false
[connections.tg]
channel = "telegram"
api_root = "{telegram}"
token = {{ env = "TG" }}
mode = "webhook"
dm_policy = "open"
webhook_check_seconds = 0.2
"""


async def test_a_process_lives_through_an_outage_and_a_webhook_is_not_answered_with_yes_meanwhile(
    tmp_path: Path, database: PostgresqlDatabase, postgresql: Cluster, network: Proxy
) -> None:
    desk = Desk(tmp_path)
    url = database.url.replace(f":{postgresql.port}/", f":{network.port}/")
    async with in_process() as telegram:
        desk.secrets["TG"] = telegram.token
        port = free_port()
        desk.write(
            WHOLE.format(database=url, address=ADDRESS, telegram=telegram.url).replace("port = 0", f"port = {port}")
        )
        await telegram.driver.place(ADDRESS, f"http://127.0.0.1:{port}")
        async with desk.gateway() as process:
            await telegram.driver.requests("setWebhook", 1, answered=True)
            await telegram.driver.write("before")
            await telegram.driver.sent(1)
            network.cut()
            await telegram.driver.write("meanwhile")
            called = await telegram.driver.events("called", 3)
            assert {one["status"] for one in called[1:]} == {503}
            assert len(await telegram.driver.acked()) == 1
            await until(lambda: desk.logged("timers.later"), 10, "a look for timers that fails")
            await until(lambda: desk.logged("fork.late"), 15, "a look for forks that fails")
            network.heal()
            assert [one["text"] for one in await telegram.driver.sent(2, timeout=15)] == [
                "You said: before",
                "You said: meanwhile",
            ]
            assert process.returncode is None
            await until(lambda: desk.logged("store.recovered"), 5, "the end of the outage in the log")
    assert not desk.logged("service.fatal")
    unheard = Counter(str(line["reason"]) for line in desk.logged("process.unheard"))
    assert max(unheard.values()) <= 3, "said five times a second, and not written each time"


async def test_a_server_that_is_not_there_yet_is_waited_for_and_that_is_said(
    tmp_path: Path, database: PostgresqlDatabase, postgresql: Cluster
) -> None:
    desk = Desk(tmp_path)
    desk.write(f'database = "{database.url}"\n' + SCRIPTED.format(model="scripted/echo"))
    await asyncio.to_thread(postgresql.stop)
    migrating = asyncio.create_task(desk.run("migrate"))
    begun = asyncio.create_task(begun_when_missed(desk, postgresql))
    async with desk.gateway():
        await begun
    (line,) = desk.logged("store.awaited")
    assert "the database is not reached" in str(line["reason"])
    said = await migrating
    assert (said.code, said.err.count("it is tried again for 30 s")) == (0, 1), said


async def begun_when_missed(desk: Desk, server: Cluster) -> None:
    """Start the server once a gateway has said that it waits for it."""
    await until(lambda: desk.log.exists() and desk.logged("store.awaited"), 20, "a gateway that waits")
    await asyncio.to_thread(server.start)
