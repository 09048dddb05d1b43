"""Which models fail again and again? By the outcomes of their newest calls."""

from collections.abc import Iterator, Sequence

from quarterdeck.flow.directory import Directory
from quarterdeck.store.intents import IntentRow

LATEST = 200  # intents that are looked through
IN_A_ROW = 3  # failures after which a model counts as failing


def failing(directory: Directory, latest: Sequence[IntentRow], since: float) -> Iterator[tuple[str, int]]:
    """(route, failures in a row) of the models that failed since then (Unix seconds); `latest` is newest first.

    What a provider did that is no longer configured is past.
    """
    by_route: dict[str, list[str]] = {}
    for row in latest:
        configured = row.route.partition("/")[0] in directory.providers
        if configured and row.state != "open" and row.created_at > since:
            by_route.setdefault(row.route, []).append(row.state)
    for route, states in by_route.items():
        if len(states) >= IN_A_ROW and all(state in ("failed", "lost") for state in states[:IN_A_ROW]):
            yield route, next((n for n, state in enumerate(states) if state == "done"), len(states))


def users(directory: Directory, route: str) -> list[str]:
    """The assistants that ask a model."""
    known = [directory.assistant(name) for name in directory.assistants]
    return [one.id for one in known if route in (one.model, *one.fallback)]
