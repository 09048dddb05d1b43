"""What is wrong now, in the words of a person who has to mend it: what, who is affected, what to do next."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.flow.directory import ConnectionRules, Directory
from quarterdeck.flow.failing import LATEST, failing, users
from quarterdeck.flow.pauses import Pause
from quarterdeck.store import inbox, intents
from quarterdeck.store.database import Store
from quarterdeck.store.intents import IntentRow
from quarterdeck.store.overview import Trouble, trouble

RECENT = 3600.0  # seconds for which a failure is news
LETTERS = 100

DELIVERIES: Mapping[str, tuple[str, str]] = {
    "unknown": ("may or may not have arrived", "Say what became of each, or send it again."),
    "failed": ("could not be sent", "Read the reason, then send it again, or leave it."),
    "refused": (
        "refused by the platform",
        "Read the reason, then leave it; the person may have left or blocked the account.",
    ),
    "held": ("held back by a stop", "Send it again, or leave it."),
}
"""State -> what it is, and the next step."""


class Problem(msgspec.Struct, frozen=True):
    """`about` and `subject` say what it is a problem of: a connection's id, a delivery's state, a model's route."""

    what: str
    affected: str
    next_step: str
    about: Literal["connection", "delivery", "inbox", "model"]
    subject: str


class Problems:
    """Looks; the most urgent come first."""

    def __init__(self, store: Store, directory: Directory, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock

    async def now(self) -> Sequence[Problem]:
        """All that is wrong, nothing when all is well."""
        letters = await inbox.listed(self._store, "dead_lettered", LETTERS, "")
        return [
            *self._connections(),
            *self._models(await intents.newest(self._store, "model", LATEST)),
            *([_letters(len(letters))] if letters else []),
            *map(_deliveries, await trouble(self._store)),
        ]

    def _connections(self) -> Iterator[Problem]:
        for rules in self._directory.connections:
            if rules.rows:
                continue
            if (pause := self._directory.pauses.of(rules.name)) is not None:
                yield _paused(rules, pause)
                continue
            health = self._directory.health(rules.name)
            if health and health.alive and health.authenticated:
                continue
            what, step = "is not running", "Restart the gateway, then look at its log."
            if health and (health.refused or (health.alive and not health.authenticated)):
                what, step = "is not let in by the platform", "Put a valid token into the configuration."
            elif health:
                what, step = "is not connected", "Wait for the next try; look at the network if it goes on."
            detail = f": {health.detail}" if health and health.detail else ""
            yield Problem(f"Connection {rules.name} {what}{detail}", _writers(rules), step, "connection", rules.name)

    def _models(self, latest: Sequence[IntentRow]) -> Iterator[Problem]:
        for route, count in failing(self._directory, latest, self._clock.now() - RECENT):
            yield Problem(
                f"The last {count} calls of {route} failed",
                f"Whoever talks to {', '.join(users(self._directory, route)) or 'an assistant that uses it'}",
                "Run `quarterdeck models test` to see why.",
                "model",
                route,
            )


def _writers(rules: ConnectionRules) -> str:
    return f"Everybody who writes to {rules.assistant} on {rules.channel}"


def _paused(rules: ConnectionRules, pause: Pause) -> Problem:
    why = f": {pause.reason}" if pause.reason else ""
    what = f"Connection {rules.name} was paused by {pause.by}{why}"
    return Problem(what, _writers(rules), "Resume it when it may speak again.", "connection", rules.name)


def _letters(count: int) -> Problem:
    many = f"{count}{'+' if count == LETTERS else ''}"
    what = "1 message was put aside" if count == 1 else f"{many} messages were put aside"
    step = "Read why, then try again."
    return Problem(
        f"{what}: their turns broke off again and again", "Whoever wrote them", step, "inbox", "dead_lettered"
    )


def _deliveries(found: Trouble) -> Problem:
    what, step = DELIVERIES[found.state]
    many = "1 delivery" if found.deliveries == 1 else f"{found.deliveries} deliveries"
    rooms = "1 room" if found.rooms == 1 else f"{found.rooms} rooms"
    return Problem(f"{many} {what}", f"{rooms} on {found.connection}", step, "delivery", found.state)
