"""Processes that share a database: a row each, with a number that it raises while it lives."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, values
from quarterdeck.store.tenancy import TENANT

ProcessState = Literal["live", "draining", "ended", "dead", "settled"]

GATEWAY: Final = "gateway"  # receives and sends
WORKER: Final = "worker"  # runs turns
SCHEDULER: Final = "scheduler"  # timers, the record's seal, search, what is watched
ROLES: Final = (GATEWAY, WORKER, SCHEDULER)

KEPT_S: Final = 7 * 86_400.0  # after which a process that has ended is forgotten
KEPT: Final = 500  # that have ended are remembered at most


class Process(msgspec.Struct, frozen=True):
    """One row of `processes`; times are Unix seconds. For `configuration`, `written`, `drift` see `works_by`.

    `died`: 1 if it was found dead and did not leave by itself.
    """

    id: str
    home: str
    host: str
    pid: int
    version: str
    roles: str
    state: ProcessState
    beat: int
    started_at: float
    ended_at: float | None = None
    facts: str = ""
    configuration: int = 0
    written: str = ""
    drift: str = ""
    died: int = 0

    @property
    def lives(self) -> bool:
        """Whether what it had begun is its own."""
        return self.state in ("live", "draining")

    def does(self, role: str) -> bool:
        """Whether that is one of its roles."""
        return role in self.roles.split(",")


LIVING = f"SELECT {columns(Process)} FROM processes WHERE state IN ('live', 'draining', 'dead') ORDER BY id"
"""Those that live, and those whose death is not settled yet."""

BEAT = (
    "UPDATE processes SET beat = beat + 1, facts = :facts WHERE id = :id AND state IN ('live', 'draining')"
    " RETURNING beat"
)
"""A heartbeat, with what the process sees. No row: others have given the process up."""


def join(new: Process) -> Statement:
    """A process begins."""
    names = columns(Process)
    marks = ", ".join(":" + name for name in Process.__struct_fields__)
    return Statement(
        "processes.join",
        f"INSERT INTO processes ({names}) VALUES ({marks})",
        {name: getattr(new, name) for name in Process.__struct_fields__},
        expect=1,
    )


def works_by(process: str, configuration: int, written: str, drift: str) -> Statement:
    """Which version of the shared configuration a process works by, the digest of what its own file says, and what of
    the newest version is not in force there, empty for nothing.
    """
    return Statement(
        "processes.works_by",
        "UPDATE processes SET configuration = :configuration, written = :written, drift = :drift WHERE id = :id",
        {"id": process, "configuration": configuration, "written": written, "drift": drift},
    )


def drain(process: str) -> Statement:
    """A process begins to end."""
    return Statement(
        "processes.drain",
        "UPDATE processes SET state = 'draining' WHERE id = :id AND state = 'live'",
        {"id": process},
        expect=1,
    )


def forget(now: float) -> Statement:
    """Processes that ended long ago, and of many the oldest: nothing is looked up about them any more."""
    return Statement(
        "processes.forget",
        "DELETE FROM processes WHERE state IN ('ended', 'settled') AND (ended_at < :before OR id <"
        " (SELECT id FROM processes WHERE state IN ('ended', 'settled') ORDER BY id DESC LIMIT 1 OFFSET :kept))",
        {"before": now - KEPT_S, "kept": KEPT - 1},
    )


def leave(process: str, now: float) -> Statement:
    """A process has drained. What it had begun outside of turns and could not end in time is left to be settled."""
    return Statement(
        "processes.leave",
        "UPDATE processes SET ended_at = :now, state = CASE WHEN EXISTS (SELECT 1 FROM intents WHERE tenant = :tenant"
        " AND state = 'open' AND process = :id AND (kind = 'send' OR turn_id = '')) THEN 'dead' ELSE 'ended' END"
        " WHERE id = :id AND state IN ('live', 'draining')",
        {"tenant": TENANT, "id": process, "now": now},
        expect=1,
    )


def bury(seen: Process, now: float) -> Statement:
    """A process is dead, if its heartbeat is still what was seen."""
    return Statement(
        "processes.bury",
        "UPDATE processes SET state = 'dead', died = 1, ended_at = :now"
        " WHERE id = :id AND state IN ('live', 'draining') AND beat = :beat",
        {"id": seen.id, "beat": seen.beat, "now": now},
        expect=1,
    )


def settle(process: str) -> Statement:
    """All that a dead process had begun has its outcome."""
    return Statement(
        "processes.settle",
        "UPDATE processes SET state = 'settled' WHERE id = :id AND state = 'dead'",
        {"id": process},
        expect=1,
    )


LEFT = (
    "SELECT DISTINCT i.process FROM intents i JOIN processes p ON p.id = i.process WHERE i.tenant = :tenant"
    " AND i.state = 'open' AND (i.kind = 'send' OR i.turn_id = '') AND p.state IN ('settled', 'ended')"
)
"""Processes whose end is settled, and which have begun something since: one that was paused, say, and does not know
yet that it is held for dead. What belongs to a turn is closed by whoever takes the turn up.
"""


def settle_again(process: str) -> Statement:
    """A process has begun something behind its end."""
    return Statement(
        "processes.settle_again",
        "UPDATE processes SET state = 'dead' WHERE id = :id AND state IN ('settled', 'ended')",
        {"id": process},
        expect=1,
    )


async def known(store: Store, process: str) -> Process | None:
    """One process, in whatever state."""
    rows = await store.fetch(f"SELECT {columns(Process)} FROM processes WHERE id = :id", {"id": process})
    return values(Process, rows)[0] if rows else None


async def written_before(store: Store, process: Process) -> str:
    """The digest of what the file said of the last process with the same data directory, also before the machine was
    started again; empty where none is known.
    """
    place = process.home.partition("/")[2]
    rows = await store.fetch(
        "SELECT written FROM processes WHERE home LIKE :home AND home <> '' AND host = :host AND id <> :id"
        " AND written <> '' ORDER BY started_at DESC, id DESC LIMIT 1",
        {"home": f"%/{place}", "host": process.host, "id": process.id},
    )
    return str(rows[0][0]) if rows else ""


async def living(store: Store) -> Sequence[Process]:
    """See LIVING."""
    return values(Process, await store.fetch(LIVING, {}))


async def since(store: Store, moment: float) -> list[Process]:
    """Those that live, or ended after `moment` (Unix seconds), the first to start first."""
    rows = await store.fetch(
        f"SELECT {columns(Process)} FROM processes WHERE ended_at IS NULL OR ended_at >= :moment"
        " ORDER BY started_at, id",
        {"moment": moment},
    )
    return values(Process, rows)


async def listed(store: Store, state: str, limit: int, before: str) -> list[Process]:
    """Those in a state (empty: all), the newest first; `before` is the last id of the page before."""
    rows = await store.fetch(
        f"SELECT {columns(Process)} FROM processes WHERE (:before = '' OR id < :before)"
        " AND (:state = '' OR state = :state) ORDER BY id DESC LIMIT :limit",
        {"before": before, "state": state, "limit": limit},
    )
    return values(Process, rows)
