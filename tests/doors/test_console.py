"""The console's door: who gets a page, whose forms are taken, what a page may load, how soon it is there."""

import hashlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from quarterdeck.actions.signin import Signin
from quarterdeck.api.server import HttpServer, bind
from quarterdeck.base.supervise import Service
from quarterdeck.governance.principal import Principal, Scope
from quarterdeck.model.alert import Finding
from quarterdeck.store import alerts
from quarterdeck.store.operations import operation
from quarterdeck.wiring.running import application
from tests.doors.running import Answer, Running
from tests.standins import ROOT

HOME = "/console"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class SignedInAs(Signin):
    """Every cookie is somebody's who holds these scopes."""

    scopes: frozenset[Scope] = frozenset()

    async def check(self, cookie: str) -> Principal | None:
        return Principal("brw_1", "browser", "Ann", self.scopes)


@asynccontextmanager
async def seen_by(gateway: Running, *scopes: Scope) -> AsyncIterator[str]:
    """The address of the same gateway, where every browser holds `scopes`."""
    parts = gateway.parts
    signin = SignedInAs(parts.store, parts.auditor, parts.clock)
    signin.scopes = frozenset(scopes)
    listening = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = application(replace(parts, signin=signin), url)
    server = HttpServer(app, listening, app.streams.close)
    await gateway.supervisor.start(Service(name=f"http-{url[-5:]}", run=server.run, stop_seconds=8.0))
    yield url


async def at(gateway: Running, url: str, method: str = "GET", **more: object) -> Answer:
    async with gateway.http.request(method, url, allow_redirects=False, **more) as response:  # type: ignore[arg-type]
        return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, await response.read())


async def test_without_a_sign_in_there_is_no_page(gateway: Running) -> None:
    said = await at(gateway, gateway.url + HOME)
    assert (said.status, said.headers["location"]) == (303, "/signin")
    part = await at(gateway, gateway.url + HOME, headers={"HX-Request": "true"})
    assert (part.status, part.headers["hx-redirect"], part.body) == (401, "/signin", b"")


async def test_without_the_scope_the_page_says_what_is_missing_and_what_to_do(gateway: Running) -> None:
    async with seen_by(gateway, "chat") as url:
        said = await at(gateway, url + HOME)
    text = said.body.decode()
    assert said.status == 403
    assert "This needs the scope read" in text
    assert "Ask whoever runs the gateway" in text
    assert "Nothing is wrong" not in text
    assert 'href="/"' in text
    assert 'href="/console"' not in re.sub(r'id="waits" href="[^"]*"', "", text)


async def test_an_alert_stands_on_home_until_it_is_over_and_says_who_has_it(gateway: Running) -> None:
    found = Finding("disk_filling", "data", "The disk is <b>full</b> soon", "Everybody", "Make room.", "<b>Otto</b>")
    await gateway.parts.store.commit(operation("alert", alerts.fire("alr_1", found, time.time(), owed=False)))
    async with seen_by(gateway, "read", "operate") as url:
        before = (await at(gateway, url + HOME)).body.decode()
        headers = {**FORM, "Origin": url}
        taken = await at(gateway, f"{url}{HOME}/alerts/alr_1/acknowledge", "POST", headers=headers)
        after = (await at(gateway, url + HOME)).body.decode()
        again = await at(gateway, f"{url}{HOME}/alerts/alr_1/acknowledge", "POST", headers=headers)
    assert "The disk is &lt;b&gt;full&lt;/b&gt; soon" in before
    assert "Answerable: &lt;b&gt;Otto&lt;/b&gt;." in before
    assert "docs/howto/runbooks/disk_filling.md" in before
    assert "I take this on" in before
    assert (taken.status, again.status) == (303, 409)
    assert "brw_1 has taken it on" in after
    assert "I take this on" not in after


async def test_looking_takes_read_and_changing_takes_operate(gateway: Running) -> None:
    async with seen_by(gateway, "read") as url:
        assert (await at(gateway, url + HOME)).status == 200
        headers = {**FORM, "Origin": url}
        said = await at(gateway, f"{url}{HOME}/pairings/AAAA", "POST", headers=headers, data="decision=approve")
        assert (said.status, b"the scope operate" in said.body) == (403, True)
    async with seen_by(gateway, "operate") as url:
        headers = {**FORM, "Origin": url}
        said = await at(gateway, f"{url}{HOME}/pairings/AAAA", "POST", headers=headers, data="decision=approve")
        assert said.status == 404


@pytest.mark.parametrize(
    "proof",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://elsewhere.example"},
        {"Origin": "{own}", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_form_that_is_not_ours_changes_nothing(gateway: Running, proof: dict[str, str]) -> None:
    cookie = {"Cookie": (await gateway.browser())["Cookie"]}
    headers = {**cookie, **FORM, **{name: text.format(own=gateway.url) for name, text in proof.items()}}
    said = await at(gateway, f"{gateway.url}{HOME}/pairings/AAAA", "POST", headers=headers, data="decision=approve")
    assert (said.status, b"does not come from a page of this gateway" in said.body) == (403, True)


@pytest.mark.parametrize("proof", [{"Origin": "{own}"}, {"Sec-Fetch-Site": "same-origin"}])
async def test_a_form_of_ours_is_taken(gateway: Running, proof: dict[str, str]) -> None:
    cookie = {"Cookie": (await gateway.browser())["Cookie"]}
    headers = {**cookie, **FORM, **{name: text.format(own=gateway.url) for name, text in proof.items()}}
    said = await at(gateway, f"{gateway.url}{HOME}/pairings/AAAA", "POST", headers=headers, data="decision=approve")
    assert (said.status, b"open pairing has the code AAAA" in said.body) == (404, True)


async def test_a_field_that_is_wrong_is_named(gateway: Running) -> None:
    headers = {**await gateway.browser(), **FORM, "HX-Request": "true"}
    said = await at(gateway, f"{gateway.url}{HOME}/pairings/AAAA", "POST", headers=headers, data="decision=maybe")
    assert said.status == 400
    assert b"<html" not in said.body  # in place, not a page
    assert b"Invalid enum value" in said.body


async def test_what_a_page_may_load_and_keep(gateway: Running) -> None:
    said = await at(gateway, gateway.url + HOME, headers=await gateway.browser())
    policy = said.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert said.headers["cache-control"] == "no-store"
    assert b'"allowEval":false' in said.body
    assert b'"includeIndicatorStyles":false' in said.body
    assert not re.search(rb"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", said.body)
    sizes = {}
    for path in set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', said.body.decode())):
        asset = await at(gateway, gateway.url + path)
        assert asset.status == 200
        sizes[path.rpartition("/")[2]] = len(asset.body)
    assert sizes.pop("htmx.min.js") < 60_000
    assert sum(sizes.values()) < 32_000


def test_what_others_wrote_is_what_the_list_says() -> None:
    folder = ROOT / "src/quarterdeck/web/static/console"
    named = dict(re.findall(r"\| `([\w.]+)` \|.*`([0-9a-f]{64})` \|", (folder / "README.md").read_text()))
    assert named.keys() == {path.name for path in folder.glob("*.min.*")}
    for name, digest in named.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
