"""Who is let in: scopes on every route, tokens, sign-in, other sites' pages, other names for this machine."""

import re

import pytest

from quarterdeck.api.route import Route
from quarterdeck.governance.audit import SYSTEM
from quarterdeck.governance.principal import SCOPES
from tests.doors.running import Running
from tests.gateway_database import everything

OPEN_ROUTES = {
    ("POST", "/api/v1/signin"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/hooks/{connection}"),  # whoever knows the secret of the connection; see test_webhooks.py
}
IMPLIED = {"read": {"read", "operate", "admin"}}


def path_of(route: Route) -> str:
    return re.sub(r"{\w+}", "nothing", route.path)


def sufficient(route: Route) -> set[str]:
    return {held for wanted in route.scopes for held in IMPLIED.get(wanted, {wanted, "admin"})}


async def status(gateway: Running, route: Route, token: str) -> int:
    """Only the head of the answer: some of them never end."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with gateway.http.request(route.method, gateway.url + path_of(route), headers=headers) as response:
        return response.status


async def test_only_these_routes_are_open(gateway: Running) -> None:
    assert {(r.method, r.path) for r in gateway.app.table if not r.scopes} == OPEN_ROUTES


async def test_every_route_wants_its_scope_and_no_other(gateway: Running) -> None:
    tokens = {scope: await gateway.token(scope) for scope in SCOPES}
    for route in gateway.app.table:
        if not route.scopes:
            continue
        assert await status(gateway, route, "") == (200 if route.local else 401), route.path
        assert await status(gateway, route, "qd_" + "x" * 43) == (200 if route.local else 401), route.path
        for scope, token in tokens.items():
            refused = await status(gateway, route, token) == 403
            assert refused == (scope not in sufficient(route)), (route.method, route.path, scope)


async def test_a_deny_names_rule_reason_and_next_step(gateway: Running) -> None:
    said = await gateway.call("GET", "/api/v1/tokens", token=await gateway.token("read"))
    assert said.status == 403
    problem = said.json()
    assert (problem["code"], problem["rule"]) == ("not_allowed", "scope")
    assert "admin" in problem["detail"]
    assert problem["next_step"]


async def test_metrics_are_for_this_machine_and_not_for_a_proxy_on_it(gateway: Running) -> None:
    assert (await gateway.call("GET", "/metrics")).status == 200
    assert (await gateway.call("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.9"})).status == 401
    assert (await gateway.call("GET", "/metrics", headers={"Forwarded": "for=203.0.113.9"})).status == 401


# --- tokens ---------------------------------------------------------------------------------------------------


async def test_tokens_are_made_listed_and_revoked(gateway: Running) -> None:
    admin = await gateway.token("admin")
    made = await gateway.call("POST", "/api/v1/tokens", token=admin, json={"name": "ci", "scopes": ["chat", "read"]})
    assert made.status == 201
    new = made.json()
    assert re.fullmatch(r"qd_[A-Za-z0-9_-]{43}", new["token"])
    assert new["scopes"] == ["chat", "read"]
    assert (await gateway.call("GET", "/api/v1/me", token=new["token"])).json()["principal"] == new["id"]
    listed = (await gateway.call("GET", "/api/v1/tokens", token=admin)).json()["items"]
    assert {"ci", "test"} == {one["name"] for one in listed}
    assert new["token"] not in str(listed)
    assert (await gateway.call("DELETE", f"/api/v1/tokens/{new['id']}", token=admin)).status == 204
    assert (await gateway.call("GET", "/api/v1/me", token=new["token"])).status == 401
    assert (await gateway.call("DELETE", f"/api/v1/tokens/{new['id']}", token=admin)).status == 204
    assert (await gateway.call("DELETE", "/api/v1/tokens/tok_none", token=admin)).status == 404


async def test_using_a_token_writes_nothing(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    before = await rows(gateway)
    for _ in range(20):
        assert (await gateway.call("GET", "/api/v1/me", token=token)).status == 200
    assert await rows(gateway) == before


async def rows(gateway: Running) -> list[object]:
    tables = ("tokens", "audit", "events", "inbox", "browser_sessions")
    return [[tuple(row) for row in await gateway.parts.store.fetch(f"SELECT * FROM {table}", {})] for table in tables]


async def test_no_secret_is_in_the_record(gateway: Running) -> None:
    token = await gateway.token("chat")
    code = await gateway.parts.signin.make_code(SYSTEM)
    cookie = await gateway.parts.signin.exchange(code.code)
    await gateway.parts.signin.end(cookie)
    leaves = await gateway.parts.store.fetch("SELECT leaf FROM audit UNION ALL SELECT content FROM audit_content", {})
    record = b"\n".join(leaf for (leaf,) in leaves if isinstance(leaf, bytes))
    assert b"change.token.created" in record
    assert record.count(b"change.signin.browser") == 2
    database = everything(gateway.parts.data.root.parent)
    for secret in (token, code.code, cookie):
        assert secret.encode() not in record
        assert secret.encode() not in database
        assert secret not in repr(code)


# --- browsers -------------------------------------------------------------------------------------------------


async def test_a_code_signs_in_once(gateway: Running) -> None:
    code = await gateway.parts.signin.make_code(SYSTEM)
    said = await gateway.call("POST", "/api/v1/signin", json={"code": code.code})
    assert said.status == 204
    cookie = said.headers["set-cookie"]
    for attribute in ("qd_session=", "HttpOnly", "SameSite=strict", "Max-Age=2592000", "Path=/"):
        assert attribute in cookie
    again = await gateway.call("POST", "/api/v1/signin", json={"code": code.code})
    assert again.status == 403
    assert again.json()["rule"] == "signin.code"


async def test_a_browser_signs_in_and_out(gateway: Running) -> None:
    browser = await gateway.browser()
    me = (await gateway.call("GET", "/api/v1/me", headers={"Cookie": browser["Cookie"]})).json()
    assert me["principal"] == "owner"
    assert me["scopes"] == ["chat", "read", "operate", "approve", "audit", "admin"]
    assert [one["id"] for one in me["assistants"]] == ["default", "slow"]
    assert (await gateway.call("POST", "/api/v1/signout", headers=browser)).status == 204
    assert (await gateway.call("GET", "/api/v1/me", headers=browser)).status == 401


@pytest.mark.parametrize(
    "change",
    [
        {"X-Quarterdeck": "0"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"X-Quarterdeck": None},
        {"Origin": None},
    ],
)
async def test_another_sites_page_cannot_act_for_a_browser(gateway: Running, change: dict[str, str | None]) -> None:
    browser = await gateway.browser()
    changed = {name: text for name, text in {**browser, **change}.items() if text is not None}
    refused = await gateway.call("POST", "/api/v1/sessions", headers=changed, json={})
    assert (refused.status, refused.json()["rule"]) == (403, "csrf")
    assert (await gateway.call("POST", "/api/v1/sessions", headers=browser, json={})).status == 201


async def test_a_cookie_is_worth_nothing_at_the_openai_door(gateway: Running) -> None:
    assert (await gateway.call("GET", "/v1/models", headers=await gateway.browser())).status == 401


async def test_guessing_codes_is_slowed_down(gateway: Running) -> None:
    for _ in range(5):
        assert (await gateway.call("POST", "/api/v1/signin", json={"code": "guess"})).status == 403
    slowed = await gateway.call("POST", "/api/v1/signin", json={"code": "guess"})
    assert slowed.status == 429
    assert int(slowed.headers["retry-after"]) > 0
    good = await gateway.parts.signin.make_code(SYSTEM)
    assert (await gateway.call("POST", "/api/v1/signin", json={"code": good.code})).status == 429


# --- names and headers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "[::2]", ""])
async def test_another_name_for_this_machine_is_refused(gateway: Running, host: str) -> None:
    said = await gateway.call("GET", "/healthz", headers={"Host": host})
    assert said.status in (400, 421)
    assert said.status == 421 or not host


@pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "127.0.0.1:99", "[::1]:8420"])
async def test_own_names_are_served(gateway: Running, host: str) -> None:
    assert (await gateway.call("GET", "/healthz", headers={"Host": host})).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/me", "/nowhere", "/v1/nowhere"])
async def test_security_headers_are_everywhere(gateway: Running, path: str) -> None:
    headers = (await gateway.call("GET", path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers
