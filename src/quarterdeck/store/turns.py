"""Turns: one run of an assistant over inbox rows, from take to end."""

from collections.abc import Sequence

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.tenancy import TENANT


class Turn(msgspec.Struct, frozen=True):
    """One row of `turns`."""

    id: str
    session_id: str
    position: int
    state: str
    outcome: str | None
    error: str | None
    attempt: int
    model: str
    release_digest: str
    policy_digest: str
    price_digest: str
    started_at: float
    ended_at: float | None


def insert(turn: Turn) -> Statement:
    """Begin a turn; the unique index lets one run per session."""
    names = columns(Turn)
    marks = ", ".join(":" + name for name in Turn.__struct_fields__)
    return Statement(
        "turns.insert",
        f"INSERT INTO turns (tenant, {names}) VALUES (:tenant, {marks})",
        {"tenant": TENANT, **{name: getattr(turn, name) for name in Turn.__struct_fields__}},
        expect=1,
    )


def take_again(turn_id: str, begun: Sequence[str]) -> Statement:
    """Take up a turn that a dead process left, if `begun` still are its open intents: others may have held that
    process for dead before it had ended.
    """
    return Statement(
        "turns.take_again",
        "UPDATE turns SET attempt = attempt + 1 WHERE tenant = :tenant AND id = :id AND state = 'running'"
        " AND (SELECT COUNT(*) FROM intents WHERE tenant = :tenant AND turn_id = :id AND state = 'open') = :count"
        " AND (SELECT COUNT(*) FROM intents WHERE tenant = :tenant AND turn_id = :id AND state = 'open'"
        " AND id IN (SELECT value FROM json_each(:begun))) = :count",
        {"tenant": TENANT, "id": turn_id, "begun": msgspec.json.encode(begun).decode(), "count": len(begun)},
        expect=1,
    )


def extend(turn_id: str, position: int) -> Statement:
    """The turn took in messages up to `position`."""
    return Statement(
        "turns.extend",
        "UPDATE turns SET position = :position WHERE tenant = :tenant AND id = :id AND state = 'running'",
        {"tenant": TENANT, "id": turn_id, "position": position},
        expect=1,
    )


def end(turn_id: str, outcome: str, error: str, now: float) -> Statement:
    """Give a turn its outcome, exactly once."""
    return Statement(
        "turns.end",
        "UPDATE turns SET state = 'ended', outcome = :outcome, error = NULLIF(:error, ''), ended_at = :now"
        " WHERE tenant = :tenant AND id = :id AND state = 'running'",
        {"tenant": TENANT, "id": turn_id, "outcome": outcome, "error": error, "now": now},
        expect=1,
    )


async def running(store: Store, session_id: str) -> Turn | None:
    """The turn that a session is in, or that a dead process left it in."""
    rows = await store.fetch(
        f"SELECT {columns(Turn)} FROM turns WHERE tenant = :tenant AND session_id = :session AND state = 'running'",
        {"tenant": TENANT, "session": session_id},
    )
    return value(Turn, rows[0]) if rows else None


async def stopped(store: Store, process: str) -> list[tuple[str, int]]:
    """Sessions whose running turn, which that process has, a stop covers; with the position of the stop."""
    rows = await store.fetch(
        "SELECT s.id, s.stop_at FROM turns t JOIN sessions s ON s.tenant = t.tenant AND s.id = t.session_id"
        " WHERE t.tenant = :tenant AND t.state = 'running' AND s.owner = :process AND s.stop_at >= t.position",
        {"tenant": TENANT, "process": process},
    )
    return [(str(session), int(position or 0)) for session, position in rows]


async def get(store: Store, turn_id: str) -> Turn | None:
    """One turn."""
    rows = await store.fetch(
        f"SELECT {columns(Turn)} FROM turns WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": turn_id},
    )
    return value(Turn, rows[0]) if rows else None


async def listed(store: Store, session_id: str, limit: int, before: str) -> list[Turn]:
    """Turns for people: newest first, behind id `before`; of one session, or of all when it is empty."""
    page = "tenant = :tenant AND (:before = '' OR id < :before)"
    if session_id:
        where = f"{page} AND session_id = :session ORDER BY started_at DESC, id DESC"
    else:
        where = f"{page} ORDER BY id DESC"
    rows = await store.scan(
        f"SELECT {columns(Turn)} FROM turns WHERE {where} LIMIT :limit",
        {"tenant": TENANT, "session": session_id, "limit": limit, "before": before},
    )
    return values(Turn, rows)


_NEWEST = (
    "SELECT t.id FROM turns t WHERE t.tenant = :tenant AND t.session_id = :session"
    " ORDER BY t.started_at DESC, t.id DESC LIMIT 1"
)
"""The turn of a session that began last."""


async def newest(store: Store, session_id: str) -> str:
    """The id of the turn of a session that began last; empty when it had none."""
    rows = await store.fetch(f"SELECT ({_NEWEST})", {"tenant": TENANT, "session": session_id})
    return str(rows[0][0] or "")


def nothing_after(turn_id: str, session_id: str, row_id: str) -> Statement:
    """Expects, where the session's row is locked, that this turn is its newest and that only this inbox row waits."""
    return Statement(
        "turns.nothing_after",
        "UPDATE sessions SET updated_at = updated_at WHERE tenant = :tenant AND id = :session"
        f" AND :turn = ({_NEWEST}) AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.tenant = :tenant"
        " AND i.session_id = :session AND i.state <> 'ended' AND i.id <> :row)",
        {"tenant": TENANT, "session": session_id, "turn": turn_id, "row": row_id},
        expect=1,
    )
