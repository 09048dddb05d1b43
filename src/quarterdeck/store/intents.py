"""Intents: the committed record before an effect; their one outcome after it."""

from collections.abc import Sequence

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, values
from quarterdeck.store.tenancy import TENANT


class IntentRow(msgspec.Struct, frozen=True):
    """One row of `intents`. Empty text and part 0 where a field does not apply."""

    id: str
    kind: str
    session_id: str
    turn_id: str
    step: str
    attempt: int
    delivery_id: str
    part: int
    route: str
    digest: str
    repeatable: int
    state: str
    created_at: float
    closed_at: float | None = None
    process: str = ""


_NAMES = columns(IntentRow)
_MARKS = ", ".join(":" + name for name in IntentRow.__struct_fields__)
_NOT_STOPPED = "EXISTS (SELECT 1 FROM sessions WHERE tenant = :tenant AND id = :session_id AND stop_at < :from)"
_NEXT_OF_ROOM = (
    "NOT EXISTS (SELECT 1 FROM parts mine JOIN parts other ON other.tenant = mine.tenant"
    " AND other.connection = mine.connection AND other.room_id = mine.room_id AND other.seq < mine.seq"
    " AND other.state IN ('ready', 'sending', 'streaming') AND other.state <> 'streaming'"
    " WHERE mine.tenant = :tenant AND mine.delivery_id = :delivery_id AND mine.n = :part)"
)


def insert(row: IntentRow, stopped_from: int | None, *, riding: bool) -> Statement:
    """Record an intent unless a stop covers it.

    `stopped_from` is the position of the turn (a stop of the session at or behind it covers the turn), None for
    what no session's stop covers. A riding intent shares its operation with another outcome: when it is
    stopped, it alone is left out and the receipt counts 0. Else the whole operation fails. A riding send is left
    out as well where another part was committed to its room before it, in this very group of commits perhaps.
    """
    guards = [] if stopped_from is None else [_NOT_STOPPED]
    if riding and row.kind == "send":
        guards.append(_NEXT_OF_ROOM)
    guard = f" WHERE {' AND '.join(guards)}" if guards else ""
    params = {
        "tenant": TENANT,
        "from": stopped_from,
        **{name: getattr(row, name) for name in row.__struct_fields__},
    }
    return Statement(
        f"intent:{row.id}",
        f"INSERT INTO intents (tenant, {_NAMES}) SELECT :tenant, {_MARKS}{guard}",
        params,
        expect=None if riding else 1,
    )


def close(intent_id: str, state: str, now: float) -> Statement:
    """Give an intent its outcome, exactly once."""
    return Statement(
        "intents.close",
        "UPDATE intents SET state = :state, closed_at = :now WHERE tenant = :tenant AND id = :id AND state = 'open'",
        {"tenant": TENANT, "id": intent_id, "state": state, "now": now},
        expect=1,
    )


async def opened(store: Store, kinds: Sequence[str], limit: int, process: str | None = None) -> list[IntentRow]:
    """Intents without an outcome: after an unclean end, what the dead `process` had begun (None: whoever it was)."""
    rows = await store.fetch(
        f"SELECT {_NAMES} FROM intents WHERE tenant = :tenant AND state = 'open'"
        " AND (:process IS NULL OR process = :process)"
        " AND kind IN (SELECT value FROM json_each(:kinds)) ORDER BY id LIMIT :limit",
        {"tenant": TENANT, "kinds": msgspec.json.encode(kinds).decode(), "limit": limit, "process": process},
    )
    return values(IntentRow, rows)


async def opened_without_turn(store: Store, kind: str, limit: int, process: str | None = None) -> list[IntentRow]:
    """Open intents of one kind that no turn has, oldest first: nothing but recovery finds them."""
    rows = await store.fetch(
        f"SELECT {_NAMES} FROM intents WHERE tenant = :tenant AND state = 'open' AND kind = :kind AND turn_id = ''"
        " AND (:process IS NULL OR process = :process) ORDER BY id LIMIT :limit",
        {"tenant": TENANT, "kind": kind, "limit": limit, "process": process},
    )
    return values(IntentRow, rows)


async def of_turn(store: Store, turn_id: str) -> list[IntentRow]:
    """All intents of a turn, oldest first."""
    rows = await store.fetch(
        f"SELECT {_NAMES} FROM intents WHERE tenant = :tenant AND turn_id = :turn ORDER BY id",
        {"tenant": TENANT, "turn": turn_id},
    )
    return values(IntentRow, rows)


async def newest(store: Store, kind: str, limit: int) -> list[IntentRow]:
    """The newest of the latest `limit` intents that are of one kind, newest first."""
    rows = await store.scan(
        f"SELECT {_NAMES} FROM (SELECT * FROM intents WHERE tenant = :tenant ORDER BY id DESC LIMIT :limit) latest"
        " WHERE kind = :kind ORDER BY id DESC",
        {"tenant": TENANT, "kind": kind, "limit": limit},
    )
    return values(IntentRow, rows)
