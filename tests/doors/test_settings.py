"""Is a gateway's configuration shown as it runs, are its checks told, and can browsers be signed out from elsewhere?"""

from pathlib import Path
from typing import Any

from quarterdeck.governance.audit import SYSTEM
from tests.doors.running import CONFIG, Running, running

FILE = (
    CONFIG
    + """
[providers.far]
kind = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
api_keys = [{ env = "FAR_KEY" }, { env = "UNSET" }]
[limits]
turn_steps = 5
"""
)


async def configuration(gateway: Running) -> tuple[dict[str, Any], dict[str, Any]]:
    said = await gateway.call("GET", "/api/v1/configuration", token=await gateway.token("admin"))
    assert said.status == 200, said.body
    assert b"very-secret" not in said.body
    found = said.json()
    return found, {one["path"]: one for section in found["sections"] for one in section["settings"]}


async def test_settings_are_those_in_force_and_secrets_are_looked_for(tmp_path: Path) -> None:
    environ = {"FAR_KEY": "very-secret", "QUARTERDECK_LIMITS__QUEUE_PER_SESSION": "12"}
    async with running(tmp_path, FILE, environ) as gateway:
        found, one = await configuration(gateway)
        assert (found["file"], found["waiting"]) == (str(tmp_path / "quarterdeck.toml"), [])
        assert (one["limits.turn_steps"]["value"], one["limits.turn_steps"]["origin"]) == ("5", "file")
        queue = one["limits.queue_per_session"]
        assert (queue["value"], queue["origin"]) == ("12", "QUARTERDECK_LIMITS__QUEUE_PER_SESSION")
        first, second = one["providers.far.api_keys"]["secrets"]
        assert first == {"place": "providers.far.api_keys[0]", "reference": "env FAR_KEY", "missing": ""}
        assert "UNSET is not set" in second["missing"]

        changed = FILE.replace("turn_steps = 5", "turn_steps = 6").replace("127.0.0.1:9", "127.0.0.1:10")
        (tmp_path / "quarterdeck.toml").write_text(changed)
        await gateway.parts.configuration.reload(SYSTEM)
        found, one = await configuration(gateway)
        assert one["limits.turn_steps"]["value"] == "6"
        assert one["providers.far.base_url"]["value"] == "http://127.0.0.1:9/v1"  # what runs, not what is written
        assert found["waiting"] == ["providers.far.base_url"]


async def test_the_doctor_checks_in_the_running_process(gateway: Running) -> None:
    said = await gateway.call("GET", "/api/v1/doctor", token=await gateway.token("admin"))
    checks = {one["id"]: one for one in said.json()["items"]}
    assert {"database", "clock", "model script"} <= checks.keys()
    assert {one["state"] for one in checks.values()} == {"OK"}


async def test_a_browser_is_signed_out_from_elsewhere(gateway: Running) -> None:
    admin = await gateway.token("admin")
    mine, other = await gateway.browser(), await gateway.browser()
    assert (await gateway.call("GET", "/api/v1/me", headers=other)).status == 200
    listed = (await gateway.call("GET", "/api/v1/browsers", token=admin)).json()["items"]
    assert [one["state"] for one in listed] == ["signed_in", "signed_in"]
    newest = listed[0]["id"]
    assert (await gateway.call("DELETE", f"/api/v1/browsers/{newest}", token=admin)).status == 204
    assert (await gateway.call("GET", "/api/v1/me", headers=other)).status == 401
    assert (await gateway.call("GET", "/api/v1/me", headers=mine)).status == 200
    again = await gateway.call("DELETE", f"/api/v1/browsers/{newest}", token=admin)
    assert again.status == 404
    left = (await gateway.call("GET", "/api/v1/browsers", token=admin)).json()["items"]
    assert [one["id"] for one in left] == [listed[1]["id"]]
