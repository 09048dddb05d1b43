"""A whole gateway in this process, on a free port, with the scripted provider; and a client that checks answers.

Every answer that `Running.call` gets is held against the gateway's own OpenAPI document.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import jsonschema

from quarterdeck import wiring
from quarterdeck.api.app import Application
from quarterdeck.api.server import HttpServer, bind
from quarterdeck.base.config import load_config
from quarterdeck.base.supervise import Service, Supervisor
from quarterdeck.governance.audit import SYSTEM
from quarterdeck.wiring.running import application, begin
from tests import gateway_database

CONFIG = """
data_dir = "./data"
[server]
port = 0
[log]
level = "error"
[providers.script]
kind = "scripted"
[assistants.default]
model = "script/echo"
introduce = false
[assistants.slow]
model = "script/help"
introduce = false
[prices."script/help"]
input = "0.5"
output = "1.5"
currency = "EUR"
"""


ENDLESS = aiohttp.ClientTimeout(total=None)
"""Of a stream: each event has a deadline of its own."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Sent:
    """One server-sent event."""

    kind: str
    id: str | None
    data: dict[str, Any]


@dataclass
class Running:
    url: str
    parts: wiring.Gateway
    app: Application
    supervisor: Supervisor
    http: aiohttp.ClientSession
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    async def token(self, *scopes: str) -> str:
        return (await self.parts.tokens.create("test", scopes, None, SYSTEM)).token

    async def record(self) -> list[dict[str, Any]]:
        """The leaves of its audit record, the oldest first."""
        rows = await self.parts.store.fetch("SELECT leaf FROM audit ORDER BY rowid", {})
        return [json.loads(leaf) for (leaf,) in rows if isinstance(leaf, bytes)]

    async def call(
        self, method: str, path: str, *, token: str = "", headers: dict[str, str] | None = None, **body: Any
    ) -> Answer:
        """One request; `json=` or `data=` is its body."""
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        async with self.http.request(method, self.url + path, headers=sent, **body) as response:
            found = Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, await response.read())
        self.check(method, path.partition("?")[0], found)
        return found

    async def browser(self) -> dict[str, str]:
        """The headers of a signed-in browser."""
        code = await self.parts.signin.make_code(SYSTEM)
        said = await self.call("POST", "/api/v1/signin", json={"code": code.code})
        assert said.status == 204
        cookie = said.headers["set-cookie"].partition(";")[0]
        return {"Cookie": cookie, "X-Quarterdeck": "1", "Origin": self.url}

    def check(self, method: str, path: str, answer: Answer) -> None:
        """The answer is one that the document describes."""
        for template, operations in self.document["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in operations:
                break
        else:
            return
        responses = operations[method.lower()]["responses"]
        assert str(answer.status) in responses or path.startswith("/v1/"), (method, path, answer.status, answer.body)
        content = responses.get(str(answer.status), responses["default"]).get("content", {})
        media = answer.headers.get("content-type", "").partition(";")[0]
        if "application/octet-stream" in content:
            return
        assert (media in content) if content else not answer.body, (method, path, answer.status, media, content)
        if schema := content.get(media, {}).get("schema"):
            jsonschema.Draft202012Validator({**schema, "components": self.document["components"]}).validate(
                answer.json()
            )

    @asynccontextmanager
    async def events(self, path: str, token: str, headers: dict[str, str] | None = None) -> AsyncIterator["Events"]:
        sent = {"Authorization": f"Bearer {token}", **(headers or {})}
        async with self.http.get(self.url + path, headers=sent, timeout=ENDLESS) as response:
            assert response.status == 200, await response.text()
            assert response.headers["content-type"].startswith("text/event-stream")
            yield Events(response)


class Events:
    """Reads a stream of server-sent events, each wait with a deadline."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.comments: list[str] = []

    async def next(self, timeout: float = 10) -> Sent | None:
        """The next event; None at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(timeout):
            while line := await self._response.content.readline():
                text = line.decode().rstrip("\n")
                if text.startswith(":"):
                    self.comments.append(text)
                elif text:
                    name, _, value = text.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    return Sent(fields.get("event", ""), fields.get("id"), json.loads(fields["data"]))
                else:
                    fields = {}
        return None

    async def until(self, kind: str) -> list[Sent]:
        """All events up to the first of this kind."""
        found: list[Sent] = []
        while not found or found[-1].kind != kind:
            event = await self.next()
            assert event is not None, f"the stream ended before {kind}: {found}"
            found.append(event)
        return found


@asynccontextmanager
async def running(
    folder: Path, config: str = CONFIG, environ: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Running]:
    (folder / "quarterdeck.toml").write_text(config)
    environ = {**gateway_database.environ(folder), **environ}
    loaded = load_config(folder / "quarterdeck.toml", environ, cwd=folder)
    async with AsyncExitStack() as stack:
        parts = await wiring.build(loaded, environ, stack)
        listening = bind("127.0.0.1", 0)
        stack.callback(listening.close)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = application(parts, loaded.config.server.public_url or url)
        supervisor = await stack.enter_async_context(Supervisor(parts.log, parts.clock))
        await begin(parts, supervisor)
        http_server = HttpServer(app, listening, app.streams.close)
        for service in parts.early:
            await supervisor.start(service)
        await supervisor.start(Service(name="outbox", run=parts.outbox.run))
        await supervisor.start(Service(name="http", run=http_server.run, stop_seconds=8.0))
        await supervisor.start(Service(name="prices", run=parts.prices.run))
        await supervisor.start(Service(name="search", run=parts.indexer.run))
        await supervisor.start(Service(name="lanes", run=parts.lanes.run, stop_seconds=10.0, max_tasks=5000))
        parts.intake.open = True
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)))
        found = Running(url, parts, app, supervisor, http)
        async with http.get(f"{url}/api/v1/openapi.json") as response:
            found.document = await response.json()
        yield found
