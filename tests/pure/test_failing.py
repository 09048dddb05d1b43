"""Which models count as failing? The newest calls in a row say so, of providers that are configured."""

from tests.flow.doubles import Model

from quarterdeck.flow.directory import Directory, Limits
from quarterdeck.flow.failing import failing
from quarterdeck.store.intents import IntentRow


def call(n: int, route: str, state: str) -> IntentRow:
    return IntentRow(f"int_{n}", "model", "s", "t", "m1", 1, "", 0, route, "d", 0, state, 100.0 + n)


def directory() -> Directory:
    return Directory({}, {}, {"main": Model("main")}, {}, Limits())


def test_failures_in_a_row_count() -> None:
    latest = [call(n, "main/m", state) for n, state in ((9, "failed"), (8, "lost"), (7, "failed"), (6, "done"))]
    assert list(failing(directory(), latest, 0.0)) == [("main/m", 3)]
    assert list(failing(directory(), latest[1:], 0.0)) == []


def test_a_provider_that_is_gone_is_past() -> None:
    latest = [call(n, "gone/m", "failed") for n in (9, 8, 7)]
    assert list(failing(directory(), latest, 0.0)) == []
