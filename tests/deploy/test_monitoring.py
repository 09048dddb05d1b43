"""Do the rules of Prometheus fire when they should, and does all that rules and dashboards ask for exist?"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.gateway import Faulty, faulty
from tests.waiting import until

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS, GRAFANA = DEPLOY / "prometheus", DEPLOY / "grafana"
RULES = (PROMETHEUS / "quarterdeck.rules.yml").read_text()
CASES = (PROMETHEUS / "quarterdeck.rules.test.yml").read_text()
DASHBOARD = (GRAFANA / "dashboards/quarterdeck.json").read_text()

EXPRESSION = re.compile(r"^ +expr: (.+)$", re.MULTILINE)
METRIC = re.compile(r"quarterdeck_\w+")
RECORDED = re.compile(r"quarterdeck:\w+:\w+")
TYPE = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)


def promtool(*words: str, where: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("there is no promtool")
    return subprocess.run([program, *words], cwd=where, capture_output=True, text=True, timeout=60)


def queries() -> list[str]:
    """What the dashboard asks for, its list of instances included."""
    board = json.loads(DASHBOARD)
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return [*asked, *(one["query"]["query"] for one in board["templating"]["list"])]


async def exposed(gateway: Faulty) -> set[str]:
    """Names of time series in /metrics, those that have no value yet included."""
    text = (await gateway.running.call("GET", "/metrics")).body.decode()
    suffixes = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + suffix for name, kind in TYPE.findall(text) for suffix in suffixes.get(kind, ("",))}


def test_the_example_is_a_configuration_of_prometheus() -> None:
    done = promtool("check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_fires_and_does_not_fire_as_its_cases_say() -> None:
    done = promtool("test", "rules", "quarterdeck.rules.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", re.findall(r"- alert: (\w+)", RULES))
def test_a_rule_that_never_fires_fails_its_cases(name: str, tmp_path: Path) -> None:
    dead = re.sub(rf"(- alert: {name}\n +expr: ).+", r"\1vector(1) > 2", RULES)
    assert dead != RULES
    (tmp_path / "quarterdeck.rules.yml").write_text(dead)
    (tmp_path / "quarterdeck.rules.test.yml").write_text(CASES)
    done = promtool("test", "rules", "quarterdeck.rules.test.yml", where=tmp_path)
    assert done.returncode != 0
    assert name in done.stdout + done.stderr


@pytest.mark.parametrize("name", re.findall(r"- alert: (\w+)", RULES))
def test_a_rule_that_always_fires_fails_its_cases(name: str, tmp_path: Path) -> None:
    loud = re.sub(rf"(- alert: {name}\n +expr: )(.+)", r"\1\2 or vector(1)", RULES)
    assert loud != RULES
    (tmp_path / "quarterdeck.rules.yml").write_text(loud)
    (tmp_path / "quarterdeck.rules.test.yml").write_text(CASES)
    done = promtool("test", "rules", "quarterdeck.rules.test.yml", where=tmp_path)
    assert done.returncode != 0
    assert name in done.stdout + done.stderr


def test_each_recorded_series_has_a_case_and_the_dashboard_uses_no_other() -> None:
    recorded = set(re.findall(r"- record: (\S+)", RULES))
    assert recorded == set(RECORDED.findall(CASES))
    assert set(RECORDED.findall(" ".join(queries()))) <= recorded


async def test_each_metric_of_rules_and_dashboard_exists(tmp_path: Path) -> None:
    named = set(METRIC.findall(" ".join([*EXPRESSION.findall(RULES), *queries()])))
    assert len(named) > 10
    async with faulty(tmp_path) as gateway:

        async def looked() -> bool:
            return "quarterdeck_alerts" in await exposed(gateway)

        async def whole() -> bool:
            return named <= await exposed(gateway)

        await until(looked, what="the watcher's first look")
        await until(whole, what=f"all that is asked for besides {sorted(await exposed(gateway) & named)}")


def test_a_dashboard_is_whole() -> None:
    board = json.loads(DASHBOARD)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    sources = (GRAFANA / "provisioning/datasources/quarterdeck.yml").read_text()
    for panel in board["panels"]:
        assert f"uid: {panel['datasource']['uid']}\n" in sources
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
