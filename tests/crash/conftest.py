"""Says at the end of a run how much of the crash suite was executed."""

import pytest

from tests.crash.tally import TALLY, Tally


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLY] = Tally()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash[TALLY]
    if tally.scenarios:
        terminalreporter.section("crash suite")
        terminalreporter.line(str(tally))
