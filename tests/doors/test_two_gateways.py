"""Two gateways on one PostgreSQL are one for whoever comes to either: growing answers, events, stops, keys."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.chaos.fleet import Fleet
from tests.crash.gateway import Runtime
from tests.doors.running import ENDLESS, Events, Sent
from tests.postgresql import Cluster
from tests.reading import Reader
from tests.standins.model import ModelStandin, model_standin
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)

SLOW = "[[stream 200 10]]"
"""An answer of so many pieces, a hundredth of a second apart."""

LONG = "[[stream 3000 10]]"
"""One of half a minute."""

HELD = "[[stream 300 10]] [[hold 100]]"
"""One that does not end before the model is told to go on."""

CONFIG = """
data_dir = "./data"
database = "{database}"
[server]
port = 0
[providers.main]
kind = "openai-compatible"
base_url = "{model}/v1"
api_keys = [{{ env = "MODEL_KEY" }}]
[assistants.default]
model = "main/test"
introduce = false
"""

HOLDS = "SELECT p.pid AS pid FROM leases l JOIN processes p ON p.id = l.process WHERE l.name = ?"
RUN = "SELECT p.pid AS pid FROM turns t JOIN sessions s ON s.id = t.session_id JOIN processes p ON p.id = s.owner"
RUNNING = f"{RUN} WHERE s.id = ? AND t.state = 'running'"
RUNS = "SELECT p.pid AS pid FROM sessions s JOIN processes p ON p.id = s.owner WHERE s.id = ?"

MODEL_CALLS = "SELECT state FROM intents WHERE kind = 'model'"


class Two:
    """The gateways `a` and `b`: the fleet's first and second; a client with one token for both; their model."""

    model: ModelStandin

    def __init__(self, fleet: Fleet, urls: list[str], token: str, http: aiohttp.ClientSession, reader: Reader) -> None:
        self.fleet = fleet
        self.a, self.b = self.urls = urls
        self.reader = reader
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}

    async def post(self, url: str, path: str, body: object, key: str = "") -> dict[str, Any]:
        """The answer."""
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        async with self._http.post(url + path, json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            return dict(await answer.json())

    async def get(self, url: str, path: str) -> dict[str, Any]:
        """The answer."""
        async with self._http.get(url + path, headers=self._headers) as answer:
            assert answer.status == 200, await answer.text()
            return dict(await answer.json())

    async def guarded(self, method: str, url: str, path: str, match: str, body: object) -> tuple[int, str, Any]:
        """A call for something that has a tag, `match` if it has to be that one: status, tag and answer."""
        headers = self._headers | {"If-Match": match}
        async with self._http.request(method, url + path, json=body, headers=headers) as answer:
            return answer.status, answer.headers.get("ETag", ""), await answer.json()

    @asynccontextmanager
    async def events(self, url: str, session: str, after: str = "") -> AsyncIterator[Events]:
        """The stream of a session, from the cursor that a browser sends when it connects again."""
        headers = self._headers | ({"Last-Event-ID": after} if after else {})
        path = f"/api/v1/sessions/{session}/events"
        async with self._http.get(url + path, headers=headers, timeout=ENDLESS) as answer:
            assert answer.status == 200
            yield Events(answer)

    async def begin(self) -> str:
        """A session that is there at both."""
        made = await self.post(self.a, "/api/v1/sessions", {})
        return str(made["id"])

    async def say(self, url: str, session: str, text: str) -> None:
        """Write a message."""
        await self.post(url, f"/api/v1/sessions/{session}/messages", {"text": text})

    async def upload(self, url: str, data: bytes, name: str) -> str:
        """Hand a file in; its digest."""
        headers = self._headers | {"X-File-Name": name, "Content-Type": "application/octet-stream"}
        async with self._http.post(f"{url}/api/v1/blobs", data=io.BytesIO(data), headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            return str((await answer.json())["digest"])

    async def download(self, url: str, digest: str) -> bytes:
        """The bytes of a file."""
        async with self._http.get(f"{url}/api/v1/blobs/{digest}", headers=self._headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()

    async def let_in(self, url: str, most: int) -> bool:
        """Whether a gateway says that it lets in so many requests of one token a minute."""
        async with self._http.get(f"{url}/api/v1/me", headers=self._headers) as answer:
            return answer.headers["ratelimit-policy"] == f'"asker";q={most};w=60'

    def runs(self, session: str) -> int:
        """Which gateway has run the newest turn of a session."""
        return self._which(RUNS, session)

    async def runner(self, session: str) -> int:
        """Which gateway runs the turn of a session, once one does: seldom another than the one it was written at."""
        await until(lambda: self.reader.rows(RUNNING, (session,)), 20, "a turn that runs")
        return self._which(RUNNING, session)

    def holds(self, lease: str) -> int:
        """Which gateway has a lease."""
        return self._which(HOLDS, lease)

    def _which(self, sql: str, what: str) -> int:
        (row,) = self.reader.rows(sql, (what,))
        files = [(gateway.data / "runtime.json").read_bytes() for gateway in self.fleet.gateways]
        return [msgspec.json.decode(file, type=Runtime).pid for file in files].index(row["pid"])


@asynccontextmanager
async def two(
    folder: Path,
    database: str,
    more: str = "",
    scopes: Sequence[str] = ("chat", "read"),
    way: str = "",
    ahead: Sequence[float] = (),
) -> AsyncIterator[Two]:
    """Both started; `more` stands behind the configuration, `way` behind the address of their database.

    `ahead` says what their clocks show.
    """
    async with model_standin() as model, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
        fleet = Fleet(folder, 2, lambda _: CONFIG.format(database=database + way, model=model.url) + more, ahead)
        status, printed = await fleet.gateways[0].command(
            *("token", "create", "--name", "t"), *(word for scope in scopes for word in ("--scope", scope))
        )
        assert status == 0, printed
        token = msgspec.json.decode(printed, type=dict[str, Any])["token"]
        with closing(Reader(database)) as reader:
            async with asyncio.TaskGroup() as group:
                kept = group.create_task(fleet.keep())
                found = Two(fleet, await fleet.ready(), token, http, reader)
                found.model = model
                yield found
                kept.cancel()


@pytest.fixture
def database(postgresql: Cluster) -> str:
    return postgresql.create()


def ids(events: list[Sent]) -> list[int]:
    return [int(event.id) for event in events if event.id is not None]


def grown(events: list[Sent]) -> str:
    """The text of the pieces, as a page puts it together; an answer ends without the blanks of its last one."""
    text = ""
    for event in events:
        if event.kind == "delta":
            text = event.data["text"] if event.data.get("whole") else text + event.data["text"]
    return text.rstrip()


async def some(stream: Events, pieces: int) -> list[Sent]:
    """All events up to so many pieces."""
    found: list[Sent] = []
    while sum(event.kind == "delta" for event in found) < pieces:
        event = await stream.next()
        assert event is not None
        found.append(event)
    return found


async def test_an_answer_is_seen_growing_at_the_other_gateway_and_nothing_is_missed_when_that_dies(
    database: str, tmp_path: Path
) -> None:
    async with two(tmp_path, database) as both:
        session = await both.begin()
        begun = time.monotonic()
        await both.say(both.a, session, f"first {HELD}")
        there = both.urls[1 - await both.runner(session)]
        async with both.events(there, session) as watching:
            found = await some(watching, 1)
            async with both.events(there, session) as late:
                joined = await some(late, 1)
                both.model.go_on.set()
                joined += await late.until("turn.ended")
            found += await watching.until("turn.ended")
            seconds = time.monotonic() - begun
            pieces = [event.data for event in found if event.kind == "delta"]
            answer = next(event.data["text"] for event in found if event.kind == "delivery")
            assert 5 < len(pieces) <= seconds * 10 + 1
            assert [piece.get("whole", False) for piece in pieces] == [True] + [False] * (len(pieces) - 1)
            assert grown(found) == grown(joined) == answer
            assert [event.kind for event in found][-2:] == ["delivery", "turn.ended"]

        both.model.go_on.clear()
        await both.say(both.a, session, f"second {HELD}")
        here = await both.runner(session)
        async with both.events(both.urls[1 - here], session, str(ids(found)[-1])) as watching:
            before = await some(watching, 1)
            await both.fleet.gateways[1 - here].kill()
        async with both.events(both.urls[here], session, str(ids(before)[-1])) as on:
            after = await some(on, 1)
            both.model.go_on.set()
            after += await on.until("turn.ended")
        answer = next(event.data["text"] for event in after if event.kind == "delivery")
        assert grown(after) == answer
        seen = ids(found) + ids(before) + ids(after)
        assert seen == list(range(1, len(seen) + 1))
        async with both.events(await both.fleet.gateways[1 - here].ready(), session) as again:
            assert ids(await again.until("turn.ended") + await again.until("turn.ended")) == seen


async def test_a_stop_a_key_and_a_drain_at_the_other_gateway(database: str, tmp_path: Path) -> None:
    async with two(tmp_path, database) as both:
        session = await both.begin()
        async with both.events(both.b, session) as at_b:
            await both.say(both.a, session, f"never ends {LONG}")
            await some(at_b, 1)
            other = both.urls[1 - await both.runner(session)]
            await both.post(other, f"/api/v1/sessions/{session}/stop", {})
            ended = (await at_b.until("turn.ended"))[-1]
            assert ended.data["outcome"] == "stopped"

            ask = {"model": "default", "messages": [{"role": "user", "content": "only once"}]}
            first = await both.post(both.a, "/v1/chat/completions", ask, "key-1")
            again = await both.post(both.b, "/v1/chat/completions", ask, "key-1")
            assert (first["id"], first["choices"]) == (again["id"], again["choices"])

            await both.fleet.gateways[1].stop(last=True)
            assert (await at_b.until("bye"))[-1].data == {}


@pytest.mark.proves("G6")
async def test_a_stop_at_the_other_gateway_takes_effect_in_time_though_nobody_hears_of_it(
    database: str, tmp_path: Path
) -> None:
    """Through a pgbouncer in transaction mode nobody hears what others say: the rows have to be enough.

    The time is the middle one of five, for the machine has other work, too.
    """
    times: list[float] = []
    async with two(tmp_path, database, way="?pgbouncer=true") as both:
        for path, body in (("stop", {}), ("messages", {"text": "/stop"})) * 2 + (("stop", {}),):
            session = await both.begin()
            await both.say(both.a, session, LONG)
            here = await both.runner(session)
            async with both.events(both.urls[here], session) as events:
                await some(events, 1)
                begun = time.monotonic()
                await both.post(both.urls[1 - here], f"/api/v1/sessions/{session}/{path}", body)
                ended = await events.until("turn.ended")
                times.append(time.monotonic() - begun)
            assert ended[-1].data["outcome"] == "stopped"
        assert sorted(times)[2] <= 2.0, times
        assert {str(row["state"]) for row in both.reader.rows(MODEL_CALLS, ())} == {"lost"}


async def test_a_gateway_that_drains_says_so_and_holds_nothing_while_it_finishes_its_turn(
    database: str, tmp_path: Path
) -> None:
    async with two(tmp_path, database) as both:
        session = await both.begin()
        for url in both.urls:
            await until(lambda url=url: both.let_in(url, 3000), what="half of the limit for each")
        await both.say(both.a, session, HELD)
        here = await both.runner(session)
        async with both.events(both.urls[1 - here], session) as events:
            await some(events, 1)
            (first,) = both.reader.rows("SELECT owner FROM sessions", ())
            seen = both.reader.rows("SELECT facts FROM processes WHERE state = 'live'", ())
            assert [msgspec.json.decode(row["facts"], type=dict[str, Any])["free"] > 0 for row in seen] == [True, True]
            async with asyncio.TaskGroup() as group:
                group.create_task(both.fleet.gateways[here].stop(last=True))
                await until(lambda: _held(both.reader, first["owner"]) == ("draining", 0))
                asked = "/api/v1/replicas?state=draining"  # a command may take longer to start than a drain lasts
                status, _, shown = await both.guarded("GET", both.urls[1 - here], asked, "*", None)
                assert (status, [(row["id"], row["leases"]) for row in shown["items"]]) == (200, [(first["owner"], [])])
                both.model.go_on.set()
                ended = (await events.until("turn.ended"))[-1]
        assert ended.data["outcome"] == "answered"
        await until(lambda: both.let_in(both.urls[1 - here], 6000), what="the whole limit for the one that is left")
        assert _held(both.reader, first["owner"]) == ("ended", 0)
        assert both.reader.rows("SELECT attempt, outcome FROM turns", ()) == [{"attempt": 1, "outcome": "answered"}]
        assert both.reader.rows("SELECT kind, state FROM intents", ()) == [{"kind": "model", "state": "done"}]


def _held(reader: Reader, process: str) -> tuple[str, int]:
    """The state of a process, and how many leases it has."""
    (row,) = reader.rows(
        "SELECT state, (SELECT COUNT(*) FROM leases l WHERE l.process = p.id) AS held FROM processes p WHERE id = ?",
        (process,),
    )
    return str(row["state"]), int(row["held"])
