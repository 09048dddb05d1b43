"""What is wrong with a look, and what is not: each rule just before and just behind its limit."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from quarterdeck.flow.watch.disk import KEPT, SAMPLE_S, Forecast
from quarterdeck.flow.watch.rules import findings
from quarterdeck.flow.watch.silence import Backlog, Silence
from quarterdeck.flow.watch.watching import Connected, Disk, Drift, Endless, Failing, Gone, Late, Limits, Look, Missing
from quarterdeck.model.alert import RULES, Rule, runbook
from quarterdeck.ports import ChannelHealth

ROOT = Path(__file__).parents[2]
UP = ChannelHealth(True, True, last_heard=1.0)
DOWN = ChannelHealth(False, True, last_heard=1.0, detail="no route to host")
QUIET = Look([Disk(50_000_000_000)])
LIMITS = Limits()


def connected(health: ChannelHealth | None = UP, down: float = 0.0, unheard: float = 0.0) -> Connected:
    return Connected("tg", "telegram", "default", health, down, unheard)


def look(**what: Any) -> Look:
    return msgspec.structs.replace(QUIET, **what)


Pair = tuple[Look, Look]
PAIRS: Mapping[str, Pair] = {
    "connection_dead": (look(connections=[connected(DOWN, 46)]), look(connections=[connected(DOWN, 44)])),
    "connection_deaf": (look(connections=[connected(UP, 0, 241)]), look(connections=[connected(UP, 0, 239)])),
    "connection_unauthorised": (
        look(connections=[connected(ChannelHealth(False, False, refused=True))]),
        look(connections=[connected(ChannelHealth(False, False))]),
    ),
    "message_unanswered": (look(unanswered=[Late("tg", 2, 101)]), look(unanswered=[Late("tg", 2, 99)])),
    "lane_stuck": (look(unworked=[Late("default", 1, 61)]), look(unworked=[Late("default", 1, 59)])),
    "outbox_late": (look(unsent=[Late("tg", 1, 101)]), look(unsent=[Late("tg", 1000, 99)])),
    "provider_failing": (look(failing=[Failing("main/m", 3, ["default"])]), QUIET),
    "audit_late": (look(audit_age=21.0), look(audit_age=19.0)),
    "disk_filling": (look(disks=[Disk(499_999_999)]), look(disks=[Disk(500_000_000, 14_401.0)])),
    "configuration_drift": (
        look(drifts=[Drift("prc_1", "one", 3, 4, "", 16.0)]),
        look(drifts=[Drift("prc_1", "one", 3, 4, "", 14.0)]),
    ),
    "process_dead": (
        look(gone=[Gone("prc_1", "one", "worker", 2, 31.0)]),
        look(gone=[Gone("prc_1", "one", "", 2, 29.0)]),
    ),
    "role_missing": (look(missing=[Missing("worker", 2, 31.0)]), look(missing=[Missing("worker", 2, 29.0)])),
}
"""Rule -> (a look that is wrong, one that is not quite)."""


def test_every_rule_has_a_pair_a_sentence_and_a_runbook() -> None:
    assert set(PAIRS) == set(RULES) == set(get_args(Rule))
    assert [rule for rule in RULES if not (ROOT / runbook(rule)).is_file()] == []


@pytest.mark.proves("D4")
def test_nothing_is_wrong_with_a_quiet_look() -> None:
    assert findings(QUIET, LIMITS) == []
    assert findings(look(connections=[connected()], unsent=[Late("tg", 40, 3.0)]), LIMITS) == []


def says(rule: str) -> None:
    wrong, right = PAIRS[rule]
    (found,) = findings(wrong, LIMITS)
    assert found.rule == rule
    assert all((found.subject, found.cause, found.affected, found.next_step)), found
    assert findings(right, LIMITS) == []


def _pair_test(rule: str) -> Callable[[], None]:
    @pytest.mark.proves(f"alert.{rule}")
    def test() -> None:
        says(rule)

    return test


test_connection_dead = _pair_test("connection_dead")
test_connection_deaf = _pair_test("connection_deaf")
test_connection_unauthorised = _pair_test("connection_unauthorised")
test_message_unanswered = _pair_test("message_unanswered")
test_lane_stuck = _pair_test("lane_stuck")
test_outbox_late = _pair_test("outbox_late")
test_provider_failing = _pair_test("provider_failing")
test_audit_late = _pair_test("audit_late")
test_disk_filling = _pair_test("disk_filling")
test_configuration_drift = _pair_test("configuration_drift")
test_process_dead = _pair_test("process_dead")
test_role_missing = _pair_test("role_missing")


def test_a_connection_is_found_once_with_the_worst_that_it_has() -> None:
    everything = connected(ChannelHealth(False, False, refused=True, last_heard=1.0), 1000, 1000)
    assert [one.rule for one in findings(look(connections=[everything]), LIMITS)] == ["connection_unauthorised"]
    assert [one.rule for one in findings(look(connections=[connected(DOWN, 1000, 1000)]), LIMITS)] == [
        "connection_dead"
    ]


def test_a_channel_that_never_says_when_it_heard_cannot_be_deaf() -> None:
    assert findings(look(connections=[connected(ChannelHealth(True, True), 0, 9999)]), LIMITS) == []


def test_a_turn_that_does_not_end_is_a_stuck_lane() -> None:
    (found,) = findings(look(turns=[Endless("turn_1", "default", 361, 300)]), LIMITS)
    assert (found.rule, found.subject) == ("lane_stuck", "default")
    assert findings(look(turns=[Endless("turn_1", "default", 359, 300)]), LIMITS) == []


def test_a_silence_counts_from_the_last_change_and_is_forgotten() -> None:
    silence = Silence()
    assert [silence.age("tg", value, at) for value, at in ((1, 10.0), (1, 15.0), (2, 16.0), (2, 20.0))] == [0, 5, 0, 4]
    silence.forget_others(())
    assert silence.age("tg", 2, 30.0) == 0


def test_a_backlog_that_is_worked_on_is_only_as_old_as_it_is_far_behind() -> None:
    backlog = Backlog()
    assert backlog.age(100, 100, 0.0) == 0.0
    assert backlog.age(200, 150, 1.0) == 0.0  # 200 is to be reached
    assert backlog.age(300, 199, 4.0) == 3.0
    assert backlog.age(400, 200, 5.0) == 0.0  # it was; now 400 is
    assert [backlog.age(500 + n, 250, 5.0 + n) for n in (5, 10, 30)] == [5.0, 10.0, 30.0]
    assert backlog.age(600, 600, 40.0) == 0.0


def minutes(free: Callable[[int], float]) -> Disk:
    forecast, disk = Forecast(), Disk(0)
    for n in range(KEPT):
        disk = forecast.see(int(free(n)), n * SAMPLE_S)
    return disk


def test_a_disk_that_goes_down_steadily_is_forecast() -> None:
    disk = minutes(lambda n: 10e9 - n * 50e6)
    assert disk.full_in is not None
    assert disk.full_in == pytest.approx(8e9 / (50e6 / 60), rel=0.01)
    (found,) = findings(look(disks=[disk]), LIMITS)
    assert found.rule == "disk_filling"


def test_of_several_processes_the_host_is_named_and_of_its_disks_the_fullest() -> None:
    disks = [
        Disk(400_000_000, host="one", process="prc_1"),
        Disk(300_000_000, host="one", process="prc_2"),
        Disk(90_000_000_000, host="two", process="prc_3"),
        Disk(80_000_000_000, 60.0, host="three", process="prc_4"),
    ]
    assert [(found.rule, found.subject, found.cause) for found in findings(look(disks=disks), LIMITS)] == [
        ("disk_filling", "one", "300 MB are free where prc_2 has its data, on one"),
        (
            "disk_filling",
            "three",
            "80000 MB are free where prc_4 has its data, on three; at this rate they last 60 s",
        ),
    ]


@pytest.mark.proves("D4")
def test_a_download_that_has_ended_is_no_trend() -> None:
    assert minutes(lambda n: 10e9 - min(n, 10) * 500e6).full_in is None
    assert minutes(lambda n: 10e9 + n * 1e6).full_in is None
