"""What counts as a passed run.

With REQUIRE_SERVICES=1 (set by .ci/run) nothing may be left out: a skipped or xfailed test, or a test file
that holds no test, fails the run and is named at its end.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

COMPLETE = os.environ.get("REQUIRE_SERVICES") == "1"
WIRING = Path(__file__).parents[1] / "src/quarterdeck/wiring.py"

collect_ignore = [] if WIRING.exists() else ["test_import_weight.py"]


class Missing:
    """Collects what a complete run may not leave out."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "wasxfail"):
            self.found.append(f"{report.nodeid}: xfail")
        elif report.skipped:
            self.found.append(f"{report.nodeid}: skipped, {why(report)}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.found.append(f"{report.nodeid}: skipped, {why(report)}")
        elif report.passed and report.nodeid.endswith(".py") and not report.result:
            self.found.append(f"{report.nodeid}: holds no test")

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
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


def pytest_configure(config: pytest.Config) -> None:
    if COMPLETE:
        config.pluginmanager.register(Missing(), "left-out")
