"""What holds for every route: methods, sizes, times, requests a minute, and pages of other sites."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from quarterdeck.api.auth import Authenticator
from quarterdeck.api.keeping import Keeper
from quarterdeck.api.limits import RateLimits
from quarterdeck.api.problems import TooMany
from quarterdeck.api.route import Gate, Route, served
from quarterdeck.api.server import bind
from quarterdeck.base.config import load_config
from quarterdeck.base.errors import ConfigRefused
from tests.doors.running import CONFIG, Running, running
from tests.doors.test_api_access import path_of

STREAMS = {"/api/v1/sessions/{id}/events", "/api/v1/events"}
"""What goes on after its head; the head has the usual time."""


# --- methods --------------------------------------------------------------------------------------------------


async def test_every_address_says_what_it_takes(gateway: Running) -> None:
    token = await gateway.token("admin")
    by_path: dict[str, set[str]] = {}
    for route in gateway.app.table:
        by_path.setdefault(path_of(route), set()).add(route.method)
    for path, methods in by_path.items():
        allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        said = await gateway.call("OPTIONS", path)
        assert (said.status, set(said.headers["allow"].split(", "))) == (204, allowed), path
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - allowed:
            refused = await gateway.call(method, path, token=token)
            assert refused.status == 405, (method, path)
            assert set(refused.headers["allow"].split(", ")) == allowed


async def test_head_is_get_without_its_body(gateway: Running) -> None:
    token = await gateway.token("admin")
    for path in ("/api/v1/me", "/api/v1/sessions", "/healthz", "/api/v1/events"):
        head = await gateway.call("HEAD", path, token=token)
        assert (head.status, head.body) == (200, b""), path
    assert (await gateway.call("HEAD", "/api/v1/me")).status == 401


# --- sizes and times ------------------------------------------------------------------------------------------


async def pieces(size: int) -> AsyncIterator[bytes]:
    """A body whose length nobody announces."""
    while size > 0:
        yield b" " * min(size, 65_536)
        size -= 65_536


def whose_bodies_are_read(gateway: Running) -> list[Route]:
    """All but the webhooks: nothing of a body is read there before its secret is known (see test_webhooks.py)."""
    return [route for route in gateway.app.table if not route.path.startswith("/hooks/")]


async def test_no_route_takes_a_larger_body_than_it_says(gateway: Running) -> None:
    token = await gateway.token("admin")
    for route in whose_bodies_are_read(gateway):
        path, headers = path_of(route), {"Content-Type": "application/json", "If-Match": "*"}
        announced = await gateway.call(
            route.method, path, token=token, headers=headers, data=io.BytesIO(b" " * (route.body + 1))
        )
        assert announced.status == 413, (route.method, path)
        if route.body > 1024:
            chunked = pieces(route.body + 1)
            streamed = await gateway.call(route.method, path, token=token, headers=headers, data=chunked)
            assert streamed.status == 413, (route.method, path)


async def test_every_route_has_a_deadline(gateway: Running) -> None:
    for route in gateway.app.table:
        assert route.seconds is not None or route.path.startswith("/v1/"), route.path
        assert route.seconds is None or route.seconds <= 300


@pytest.fixture
async def hasty(gateway: Running) -> AsyncIterator[tuple[str, list[Route]]]:
    """The same routes with next to no time, on another port."""
    doors = gateway.parts
    table = [
        replace(route, seconds=0.2) for route in whose_bodies_are_read(gateway) if route.has_body and route.body > 1024
    ]
    authenticator = Authenticator(doors.tokens, doors.signin, "")
    gate = Gate(authenticator, RateLimits(0, doors.clock), Keeper(doors.store, doors.clock))
    app = Starlette(routes=served(table, gate), exception_handlers=dict(gateway.app.exception_handlers))
    listening = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(sockets=[listening]))
        yield f"127.0.0.1:{listening.getsockname()[1]}", table
        server.should_exit = True


async def test_a_body_that_never_ends_does_not_hold_a_route(gateway: Running, hasty: tuple[str, list[Route]]) -> None:
    address, table = hasty
    token = await gateway.token("admin")
    host, _, port = address.partition(":")
    for route in table:
        reader, writer = await asyncio.open_connection(host, int(port))
        lines = (
            f"{route.method} {path_of(route)} HTTP/1.1", f"Host: {address}", f"Authorization: Bearer {token}",
            "Content-Type: application/json", "Content-Length: 20", "If-Match: *", "", "{",
        )  # fmt: skip
        writer.write("\r\n".join(lines).encode())
        async with asyncio.timeout(5):
            status = await reader.readline()
        writer.close()
        assert b" 503 " in status, (route.method, route.path, status)


# --- requests a minute ----------------------------------------------------------------------------------------


class SetClock:
    seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


def test_a_bucket_fills_evenly() -> None:
    clock = SetClock()
    limits = RateLimits(60, clock)
    for left in range(59, -1, -1):
        assert limits.take("a")["ratelimit"] == f'"asker";r={left};t={60 - left}'
    with pytest.raises(TooMany) as refused:
        limits.take("a")
    assert refused.value.retry_after == 1.0
    assert limits.take("b")["ratelimit-policy"] == '"asker";q=60;w=60'
    clock.seconds += 1
    assert limits.take("a")["ratelimit"] == '"asker";r=0;t=60'
    with pytest.raises(TooMany):
        limits.take("a")
    clock.seconds += 3600
    assert limits.take("a")["ratelimit"] == '"asker";r=59;t=1'


def test_gateways_have_equal_shares_as_many_as_there_are() -> None:
    clock, there = SetClock(), [3]
    limits = RateLimits(60, clock, lambda: there[0])
    for _ in range(20):
        assert limits.take("a")["ratelimit-policy"] == '"asker";q=20;w=60'
    with pytest.raises(TooMany, match="3 gateways share the limit") as refused:
        limits.take("a")
    assert refused.value.retry_after == 3.0
    there[0] = 1  # the others have ended: it is all its own, from now on
    clock.seconds += 1
    assert limits.take("a")["ratelimit"] == '"asker";r=0;t=60'
    there[0] = 100
    assert limits.take("b")["ratelimit-policy"] == '"asker";q=1;w=60'


async def test_each_token_and_each_browser_has_its_own_bucket(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG.replace("port = 0", "port = 0\nrequests_per_minute = 3")) as gateway:
        one, two = await gateway.token("read", "chat"), await gateway.token("read")
        for left in (2, 1, 0):
            said = await gateway.call("GET", "/api/v1/status", token=one)
            assert (said.status, said.headers["ratelimit-policy"]) == (200, '"asker";q=3;w=60')
            assert said.headers["ratelimit"].startswith(f'"asker";r={left};t=')
        refused = await gateway.call("GET", "/api/v1/status", token=one)
        assert (refused.status, refused.json()["code"]) == (429, "too_many")
        assert "requests_per_minute" in refused.json()["detail"]
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert refused.headers["ratelimit"].startswith('"asker";r=0;')
        assert (await gateway.call("GET", "/api/v1/status", token=two)).status == 200
        browsers = [await gateway.browser() for _ in range(2)]
        for headers in browsers:
            for status in (200, 200, 200, 429):
                assert (await gateway.call("GET", "/api/v1/status", headers=headers)).status == status
        assert (await gateway.call("GET", "/v1/models", token=one)).status == 429
        assert (await gateway.call("GET", "/healthz")).status == 200


async def test_a_refusal_says_what_remains_too(gateway: Running) -> None:
    said = await gateway.call("GET", "/api/v1/sessions/none", token=await gateway.token("read"))
    assert (said.status, said.headers["ratelimit"]) == (404, '"asker";r=5999;t=1')


# --- other sites' pages ---------------------------------------------------------------------------------------

APP = "https://app.example"
PREFLIGHT = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,if-match"}


async def test_pages_of_named_sites_may_ask_and_no_others(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG.replace("port = 0", f'port = 0\ncors_origins = ["{APP}"]')) as gateway:
        token = await gateway.token("read")
        asked = await gateway.call("OPTIONS", "/api/v1/sessions/x", headers={"Origin": APP, **PREFLIGHT})
        assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, APP)
        assert "PATCH" in asked.headers["access-control-allow-methods"]
        assert "If-Match" in asked.headers["access-control-allow-headers"]
        read = await gateway.call("GET", "/api/v1/status", token=token, headers={"Origin": APP})
        assert (read.headers["access-control-allow-origin"], read.headers["vary"]) == (APP, "Origin")
        assert "ETag" in read.headers["access-control-expose-headers"]
        refused = await gateway.call("GET", "/api/v1/status", headers={"Origin": APP})
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, APP)
        for origin in ("https://app.example.evil", "http://app.example", "null", "https://app.example:443", ""):
            for method, headers in (("OPTIONS", PREFLIGHT), ("GET", {})):
                said = await gateway.call(method, "/api/v1/status", token=token, headers={"Origin": origin, **headers})
                assert "access-control-allow-origin" not in said.headers, origin
        browser = {**await gateway.browser(), "Origin": APP}
        acted = await gateway.call("POST", "/api/v1/sessions", headers=browser, json={})
        assert (acted.status, acted.json()["rule"]) == (403, "csrf")
        for said in (asked, read, acted):
            assert "access-control-allow-credentials" not in said.headers


async def test_without_a_setting_no_page_may_ask(gateway: Running) -> None:
    for method, headers in (("OPTIONS", PREFLIGHT), ("GET", {})):
        said = await gateway.call(method, "/healthz", headers={"Origin": APP, **headers})
        assert not [name for name in said.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origin", ["*", "null", "https://*.example", "https://app.example/", "app.example", "https://a.example/x", ""]
)
def test_only_whole_origins_can_be_configured(tmp_path: Path, origin: str) -> None:
    file = tmp_path / "quarterdeck.toml"
    file.write_text(f'[server]\ncors_origins = ["{origin}"]\n[assistants.default]\nmodel = "scripted/echo"\n')
    with pytest.raises(ConfigRefused) as refused:
        load_config(file, {}, cwd=tmp_path)
    assert refused.value.field == "server.cors_origins[0]"
