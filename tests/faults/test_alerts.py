"""Does a real fault make its alert fire, with cause, affected, next step and runbook, and does it clear by itself?"""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.model.alert import RULES, runbook
from tests.faults.gateway import faulty
from tests.standins import ROOT
from tests.standins.hooks import SECRET, Answer, receiver
from tests.waiting import until

OFTEN = 100_000


def complete(alert: dict[str, Any], subject: str, *words: str) -> None:
    """It says what a person needs."""
    assert alert["state"] == "firing"
    assert alert["subject"] == subject
    assert alert["affected"]
    assert alert["next_step"]
    assert alert["owner"] == ("Otto" if subject in ("audit", "data") else "Olga (olga@qd.example)")
    assert alert["runbook"] == f"docs/howto/runbooks/{alert['rule']}.md"
    assert all(word in alert["cause"] for word in words), alert["cause"]


@pytest.mark.proves("alert.connection_dead", "D1")
async def test_an_outage_of_the_platform(tmp_path: Path) -> None:
    async with faulty(tmp_path) as f:
        await f.telegram.fault("drop_before", "getUpdates", times=OFTEN)
        complete(await f.fires("connection_dead"), "tg", "cannot be reached")
        await f.telegram.no_more_faults()
        await f.clears("connection_dead")


@pytest.mark.proves("alert.connection_dead", "D1")
async def test_a_second_process_that_polls(tmp_path: Path) -> None:
    async with faulty(tmp_path) as f:
        said = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        await f.telegram.fault("error", "getUpdates", times=OFTEN, status=409, description=said)
        complete(await f.fires("connection_dead"), "tg", "another process polls this bot")
        await f.telegram.no_more_faults()
        await f.clears("connection_dead")


@pytest.mark.proves("alert.connection_unauthorised", "D1")
async def test_a_token_that_is_revoked(tmp_path: Path) -> None:
    async with faulty(tmp_path) as f:
        await f.telegram.fault("error", "*", times=OFTEN, status=401, description="Unauthorized")
        complete(await f.fires("connection_unauthorised"), "tg", "@BotFather")
        await f.telegram.no_more_faults()
        await f.stop("channel.tg")  # a refused token is tried once a minute; a restart tries it at once
        await f.start("channel.tg")
        await f.clears("connection_unauthorised")


@pytest.mark.proves("alert.connection_deaf", "D1")
async def test_a_platform_that_keeps_silent(tmp_path: Path) -> None:
    async with faulty(tmp_path, deaf=1.8) as f:
        await f.telegram.fault("hang_before", "getUpdates", seconds=8)
        alert = await f.fires("connection_deaf")
        complete(alert, "tg", "says that it is up")
        assert f.running.parts.directory.channels()["tg"].health().alive  # it believes so itself
        await f.clears("connection_deaf")


@pytest.mark.proves("alert.message_unanswered", "D2")
async def test_a_model_that_never_answers(tmp_path: Path) -> None:
    async with faulty(tmp_path, unanswered=0.5) as f:
        await f.telegram.write("[[hang]] hello")
        complete(await f.fires("message_unanswered"), "tg", "1 message on tg")
        await f.telegram.write("/stop")
        await f.clears("message_unanswered")


@pytest.mark.proves("alert.lane_stuck")
async def test_lanes_that_nobody_works_on(tmp_path: Path) -> None:
    async with faulty(tmp_path, lane=0.5) as f:
        await f.stop("lanes")
        await f.telegram.write("hello")
        complete(await f.fires("lane_stuck"), "default", "no turn runs")
        await f.start("lanes")
        await f.clears("lane_stuck")
        await f.telegram.sent(1)


@pytest.mark.proves("alert.outbox_late")
async def test_a_storm_of_too_many_requests(tmp_path: Path) -> None:
    async with faulty(tmp_path, outbox=0.5) as f:
        await f.telegram.fault("error", "sendMessage", times=OFTEN, status=429, retry_after=1)
        await f.telegram.write("hello")
        complete(await f.fires("outbox_late"), "tg", "on tg not sent")
        await f.telegram.no_more_faults()
        await f.telegram.sent(1)
        await f.clears("outbox_late")


@pytest.mark.proves("alert.provider_failing")
async def test_a_model_that_fails_again_and_again(tmp_path: Path) -> None:
    async with faulty(tmp_path) as f:
        f.model.fault("[[status 500]]", 3)
        for n in range(3):
            await f.telegram.write(f"hello {n}")
            await f.telegram.sent(n + 2)  # an introduction, and people are told that there is no answer
        complete(await f.fires("provider_failing"), "main/test", "3 calls of main/test failed")
        await f.telegram.write("hello again")
        await f.clears("provider_failing")


@pytest.mark.proves("alert.audit_late")
async def test_a_record_that_nobody_seals(tmp_path: Path) -> None:
    async with faulty(tmp_path, audit=2.5) as f:
        await f.stop("audit")
        await f.telegram.write("hello")
        complete(await f.fires("audit_late"), "audit", "not sealed")
        await f.start("audit")
        await f.clears("audit_late")


@pytest.mark.proves("alert.disk_filling")
async def test_a_disk_that_gets_full(tmp_path: Path) -> None:
    least, big = shutil.disk_usage(tmp_path).free - 2_000_000_000, tmp_path / "big"
    async with faulty(tmp_path, disk=least // 1_000_000) as f:
        with big.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 4_000_000_000)
        complete(await f.fires("disk_filling"), "data", "MB are free")
        big.unlink()
        await f.clears("disk_filling")


@pytest.mark.proves("D4")
async def test_nothing_fires_while_people_talk(tmp_path: Path) -> None:
    async with faulty(tmp_path, audit=10, deaf=10, unanswered=10, lane=10, outbox=10) as f:
        for n in range(15):
            await f.telegram.write(f"hello {n}", user_id=7001 + n % 5)
        await f.telegram.sent(15, timeout=20)
        looks = "quarterdeck_watch_timestamp_seconds"
        assert looks in f.running.parts.metrics.exposition().decode()
        assert await f.alerts() == []


async def test_a_webhook_is_told_what_fires_and_what_is_over_even_when_it_was_away(tmp_path: Path) -> None:
    async with receiver() as peer:
        peer.script.extend([Answer(status=503)])
        more = f'webhook = "{peer.url}"\nsecret = {{ env = "HOOK" }}'
        async with faulty(tmp_path, more=more, secret=SECRET) as f:
            await f.telegram.fault("drop_before", "getUpdates", times=OFTEN)
            alert = await f.fires("connection_dead")
            await until(lambda: len(peer.on("alert.firing")) == 2, 15, "the webhook's second try")
            assert peer.ids[0] == peer.ids[1] == f"{alert['id']}.firing.1"
            assert {name: peer.calls[1][name] for name in ("rule", "subject", "owner", "runbook")} == {
                "rule": "connection_dead", "subject": "tg", "owner": "Olga (olga@qd.example)",
                "runbook": alert["runbook"],
            }  # fmt: skip
            await f.telegram.no_more_faults()
            await f.clears("connection_dead")
            await until(lambda: peer.on("alert.resolved"), 15, "the end at the webhook")
            assert peer.forged == 0


async def test_an_alert_is_taken_on_once_and_that_is_on_record(tmp_path: Path) -> None:
    async with faulty(tmp_path, disk=10**9) as f:
        alert = await f.fires("disk_filling")
        path = f"/api/v1/alerts/{alert['id']}/acknowledge"
        call, key = f.running.call, {"Idempotency-Key": "k1"}
        taken = await call("POST", path, token=f.token, headers=key, json={"reason": "I am on it."})
        assert (taken.status, taken.json()["state"]) == (200, "acknowledged")
        again = await call("POST", path, token=f.token, headers=key, json={"reason": "I am on it."})
        assert again.body == taken.body
        second = await call("POST", path, token=f.token, json={})
        assert second.status == 409
        assert "taken on by" in second.json()["detail"]
        assert (await call("POST", "/api/v1/alerts/alr_none/acknowledge", token=f.token, json={})).status == 404
        (shown,) = await f.alerts("firing")  # it goes on
        assert shown["acknowledged_by"]
        reader = await f.running.token("read")
        assert (await call("POST", path, token=reader, json={})).status == 403


@pytest.mark.proves("D3")
def test_every_rule_has_an_owner_a_runbook_a_test_and_a_fault_in_this_suite() -> None:
    """The owner is asked for by `complete`, or by the fault itself."""
    suite = "".join(file.read_text() for file in sorted(Path(__file__).parent.glob("test_*.py")))
    faults = suite.split("@pytest.mark.proves(")
    rules = (ROOT / "tests/pure/test_watch_rules.py").read_text()
    for rule in RULES:
        mine = [one for one in faults if f'"alert.{rule}"' in one.partition(")")[0]]
        assert any("complete(" in one or '"owner"' in one for one in mine), rule
        assert f'"{rule}"' in rules, rule
        assert (ROOT / runbook(rule)).is_file(), rule


async def test_a_watcher_that_cannot_look_makes_the_gateway_not_ready(tmp_path: Path) -> None:
    async with faulty(tmp_path) as f:
        assert (await f.running.call("GET", "/readyz")).status == 200
        await f.stop("watch")
        f.running.parts.watcher._looked = f.running.parts.clock.monotonic() - 100  # a minute and more later
        answer = await f.running.call("GET", "/readyz")
        assert answer.status == 503
        assert "alerts are not watched" in answer.json()["reasons"][0]
