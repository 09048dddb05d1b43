"""What counts as a passed run, and what a run has proven.

A test says what it proves by `@pytest.mark.proves("S2", "tool.time")`, a module by `pytestmark`: promises by their
id, features of the catalogue as kind.name. A run of all tests writes them with their results to test-results/.

With REQUIRE_SERVICES=1 (set by .ci/run) nothing may be left out: a skipped or xfailed test, or a test file
that holds no test, fails the run and is named at its end.
"""

import json
import os
import signal
import subprocess
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings

from tests.gateway_database import gateways_live_on, gateways_of_a_test  # noqa: F401  fixtures for all
from tests.postgresql import postgresql  # noqa: F401  a fixture for all

PROVES = "proves"
LEFT_OUT = "left out"
COMPLETE = os.environ.get("REQUIRE_SERVICES") == "1"
PROOFS = Path(__file__).parents[1] / "test-results/proofs.json"


# A shell starts what it runs in the background deaf to Ctrl-C, and children inherit that: tests of Ctrl-C would fail.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes tells how busy the machine is, and not whether what is tested is right.
settings.register_profile("any machine", deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("any machine")


class Missing:
    """Collects what a complete run may not leave out; where workers run side by side, also what each of them says."""

    def __init__(self) -> None:
        self.found: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "wasxfail"):
            self.found[f"{report.nodeid}: xfail"] = None
        elif report.skipped:
            self.found[f"{report.nodeid}: skipped, {why(report)}"] = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.found[f"{report.nodeid}: skipped, {why(report)}"] = None
        elif report.passed and report.nodeid.endswith(".py") and not report.result:
            self.found[f"{report.nodeid}: holds no test"] = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.found.update(dict.fromkeys(getattr(node, "workeroutput", {}).get(LEFT_OUT, ())))

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        if is_worker(session.config):
            cast(Any, session.config).workeroutput[LEFT_OUT] = list(self.found)
        if self.found and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.found:
            terminalreporter.section("left out, although REQUIRE_SERVICES=1", red=True)
            for line in self.found:
                terminalreporter.line(line)


def why(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


class Proofs:
    """Feature -> test -> result, of every test that says what it proves."""

    def __init__(self) -> None:
        self._results: dict[str, tuple[str, list[str]]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            names = tuple(str(name) for mark in item.iter_markers("proves") for name in mark.args)
            if names:  # it travels with the reports, wherever the test runs
                item.user_properties.append((PROVES, list(names)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, features in report.user_properties:
            if name == PROVES and isinstance(features, list) and (report.when == "call" or report.failed):
                self._results[report.nodeid] = report.outcome, features

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if is_worker(session.config) or session.config.args not in (
            [],
            [str(session.config.rootpath / "tests")],
            ["tests"],
        ):
            return  # only a run of everything says what is proven
        chosen = session.config.option
        if chosen.collectonly or chosen.keyword or chosen.markexpr:
            return
        found: dict[str, dict[str, str]] = {}
        for nodeid, (result, features) in self._results.items():
            test = nodeid.partition("[")[0]
            for feature in features:
                tests = found.setdefault(feature, {})
                tests[test] = "failed" if "failed" in (result, tests.get(test)) else result
        PROOFS.parent.mkdir(exist_ok=True)
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kept = {"at": at, "commit": commit(), "features": found}
        PROOFS.write_text(json.dumps(kept, indent=1, sort_keys=True))


def is_worker(config: pytest.Config) -> bool:
    """Whether this process runs some of the tests for another one."""
    return hasattr(config, "workerinput")


def commit() -> str:
    """The commit that is tested, as git knows it."""
    try:
        said = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=PROOFS.parents[1], check=False, capture_output=True, text=True
        )
    except OSError:
        return "unknown"
    return said.stdout.strip() or "unknown"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", choices=("sqlite", "postgresql"), default="sqlite", help="what worlds and gateways live on"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Proofs(), "proofs")
    if COMPLETE:
        config.pluginmanager.register(Missing(), "left-out")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--database") == "postgresql":
        others = [item for item in items if item.get_closest_marker("own_database")]
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)
