"""Setup at the door: who may, what is written once, and a restart that is one."""

import asyncio
import json
import re
import tomllib
from pathlib import Path

import aiohttp
import pytest

from quarterdeck.actions.probes import Probes
from quarterdeck.actions.setup.course import Setup
from quarterdeck.actions.setup.reach import Reach
from quarterdeck.base.errors import BadInput
from quarterdeck.governance.principal import OWNER
from quarterdeck.wiring.alone import alone
from quarterdeck.wiring.services import services
from tests.doors.commands import READY_SECONDS, Desk
from tests.doors.running import Running
from tests.doors.test_console import FORM, at, seen_by
from tests.ports import free_port
from tests.standins.model.server import KEY, ModelStandin, Settings, model_standin
from tests.waiting import until

PAGES = ("/setup", "/setup/services/openai", "/setup/model", "/setup/assistant", "/setup/review", "/setup/end")
FORMS = ("/setup/services/openai", "/setup/model", "/setup/assistant", "/setup/review", "/setup/restart")


async def test_only_whoever_may_do_everything(gateway: Running) -> None:
    for path in PAGES:
        said = await at(gateway, gateway.url + path)
        assert (said.status, said.headers["location"]) == (303, "/signin"), path
    async with seen_by(gateway, "read", "operate", "approve", "audit") as url:
        home = await at(gateway, f"{url}/console")
        assert b"Connect a real model" not in home.body
        for path in PAGES:
            said = await at(gateway, url + path)
            assert (said.status, b"the scope admin" in said.body) == (403, True), path
        for path in FORMS:
            said = await at(gateway, url + path, "POST", headers={**FORM, "Origin": url})
            assert (said.status, b"the scope admin" in said.body) == (403, True), path
    async with seen_by(gateway, "admin") as url:
        assert (await at(gateway, f"{url}/setup")).status == 200
        for path in FORMS:
            said = await at(gateway, url + path, "POST", headers={**FORM, "Origin": "http://elsewhere.example"})
            assert (said.status, b"not come from a page of this gateway" in said.body) == (403, True), path


async def test_what_is_configured_is_kept(gateway: Running) -> None:
    headers = {**await gateway.browser(), **FORM}
    page = await at(gateway, f"{gateway.url}/setup", headers=headers)
    assert b"is not written over" in page.body
    said = await at(gateway, f"{gateway.url}/setup/services/openai", "POST", headers=headers, data="key=sk-1")
    assert said.status == 409


def course(gateway: Running, file: Path, environ: dict[str, str], kept_seconds: float = 60.0) -> Setup:
    """A course in this process, where nothing is configured yet."""
    p = gateway.parts
    probes = Probes(p.store, p.directory, p.gate, p.auditor, p.clock, p.log)
    known, reach = services(environ), Reach(alone(p.log), environ, p.clock)
    return Setup(
        lambda: known,
        reach,
        probes,
        p.configuration,
        file,
        lambda file: p.loaded,
        environ,
        p.store,
        p.auditor,
        kept_seconds,
    )


async def test_a_key_that_nobody_goes_on_with_is_forgotten(gateway: Running, tmp_path: Path) -> None:
    setup = course(gateway, tmp_path / "new.toml", {}, kept_seconds=0.2)
    async with model_standin(Settings(models=("one",))) as service:
        assert (await setup.ask("openai", f"{service.url}/v1", KEY)).reached.models == ("one",)
        await until(lambda: setup.step.service is None, 5.0, "the course is forgotten")
        with pytest.raises(BadInput, match="reaches no one"):
            await setup.choose("one", OWNER.actor)
        assert service.calls == []
    assert not (tmp_path / "new.toml").exists()


async def test_an_address_without_v1_is_mended(gateway: Running, tmp_path: Path) -> None:
    setup = course(gateway, tmp_path / "new.toml", {})
    async with model_standin(Settings(models=("one",))) as service:
        with pytest.raises(BadInput, match=r"The address is not that of its API: .*/v2 lists no models \(answered 404"):
            await setup.ask("other", f"{service.url}/v2", KEY)
        assert (await setup.ask("other", service.url, KEY)).url == f"{service.url}/v1"
        await setup.choose("one", OWNER.actor)
        setup.describe("blank", "", "", "")
        assert f'base_url = "{service.url}/v1"' in (await setup.review()).tables


async def test_what_the_environment_gave_is_named_and_not_lost(gateway: Running, tmp_path: Path) -> None:
    setup = course(gateway, tmp_path / "new.toml", {"OPENAI_API_KEY": KEY, "TELEGRAM_BOT_TOKEN": "1:token"})
    async with model_standin(Settings(models=("one",))) as service:
        await setup.ask("openai", f"{service.url}/v1", "")
        await setup.choose("one", OWNER.actor)
        setup.describe("blank", "", "", "")
        review = await setup.review()
        await setup.write(review.seen, OWNER.actor)
    written = tomllib.loads((tmp_path / "new.toml").read_text())
    assert written["providers"]["openai"]["api_keys"] == [{"env": "OPENAI_API_KEY"}]
    assert written["connections"] == {"tg": {"channel": "telegram", "token": {"env": "TELEGRAM_BOT_TOKEN"}}}
    assert review.key_file is None
    assert await setup.stage() == "written"


class Pages:
    """A signed-in browser without scripts, at a gateway of its own process."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def sign_in(self, link: str) -> None:
        body = {"code": link.partition("#")[2]}
        async with self._http.post(f"{self._url}/api/v1/signin", json=body, headers={"X-Quarterdeck": "1"}) as answer:
            assert answer.status == 204

    async def see(self, path: str) -> str:
        async with self._http.get(self._url + path) as answer:
            return await answer.text()

    async def send(self, path: str, **fields: str) -> tuple[int, str, str]:
        """(status, where it leads, what it says)."""
        headers = {"Origin": self._url}
        async with self._http.post(self._url + path, data=fields, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("location", ""), await answer.text()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    found.config.unlink()
    found.secrets["QUARTERDECK_SERVER__PORT"] = str(free_port())  # a restart needs it again
    return found


def started_at(desk: Desk) -> float:
    try:
        return float(json.loads((desk.data / "runtime.json").read_text())["started_at"])
    except FileNotFoundError:
        return 0.0  # between two starts


async def set_up(pages: Pages, service: ModelStandin) -> None:
    assert await pages.send("/setup/services/openai", address=f"{service.url}/v1", key=KEY) == (303, "/setup/model", "")
    assert await pages.send("/setup/model", model="one") == (303, "/setup/assistant", "")
    assert await pages.send("/setup/assistant", starter="team", owner="Ann") == (303, "/setup/review", "")
    review = await pages.see("/setup/review")
    assert KEY not in review
    (seen,) = re.findall(r'name="seen" value="(\w+)"', review)
    status, _, said = await pages.send("/setup/review", seen="0" * 64)
    assert (status, "has changed since it was shown" in said) == (409, True)
    assert await pages.send("/setup/review", seen=seen) == (303, "/setup/end", "")
    status, _, said = await pages.send("/setup/review", seen=seen)
    assert (status, "there already" in said) == (409, True)


async def test_a_restart_begins_the_same_command_again_with_the_new_model(desk: Desk) -> None:
    async with (
        model_standin(Settings(models=("one",))) as service,
        desk.gateway() as process,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        pages = Pages(http, json.loads((desk.data / "runtime.json").read_text())["url"])
        await pages.sign_in(str((await desk.rows("signin"))[0]["url"]))
        await set_up(pages, service)
        key, whole = desk.data / "secrets/openai", desk.config.read_text()
        assert (key.read_text(), key.stat().st_mode & 0o777) == (KEY + "\n", 0o600)
        assert (await desk.run("config", "check")).code == 0

        desk.config.write_text("broken")
        status, _, said = await pages.send("/setup/restart")
        assert (status, "is not TOML" in said) == (400, True), "what would not start is told, and it runs on"
        assert "scripted/help" in await pages.see("/setup/end")
        desk.config.write_text(whole)

        before, told = started_at(desk), len(service.calls)
        answers = await asyncio.gather(*(pages.send("/setup/restart") for _ in range(2)), return_exceptions=True)
        assert 303 in [one[0] for one in answers if not isinstance(one, BaseException)]
        await until(lambda: started_at(desk) > before, READY_SECONDS, "the second start")
        assert process.returncode is None, "it is the same process, whoever looks after it"
        assert "openai/one answers now" in await pages.see("/setup/end")
        assert (await desk.rows("models", "test"))[0]["state"] == "ok"
        assert [call.model for call in service.calls[told:]] == ["one"]
        kinds = [row["type"] for row in await desk.rows("audit", "list")]
        assert [kinds.count(kind) for kind in ("change.setup", "change.restart", "config.start")] == [1, 1, 2]
    assert KEY not in desk.log.read_text()
