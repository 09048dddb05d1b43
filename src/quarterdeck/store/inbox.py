"""The inbox: one row per accepted act, from acceptance to its one outcome."""

from collections.abc import Sequence

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.events import ADD, ADDED, RAISE, RAISED, Found
from quarterdeck.store.operations import Statement, Value
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.tenancy import TENANT

MAX_TAKES = 3  # a row that was taken so often without a new journal step steps aside
_WAITING = "state <> 'ended' AND state = 'waiting'"
"""With the condition of the index `inbox_lane`, word for word: SQLite uses the index of a part of a table only then."""


class InboxRow(msgspec.Struct, frozen=True):
    """One row of `inbox`. `content` is an encoded UserMessage, or LateResults where there is nothing else.

    `history` are encoded messages, `options` encoded Options; `asked` belongs to the door that it came by.
    """

    id: str
    connection: str
    act_key: str
    session_id: str
    room_id: str
    identity_id: str
    position: int
    lane_order: int
    kind: str
    mode: str
    message_ref: str
    content: bytes
    history: bytes | None
    correction: int
    state: str
    outcome: str | None
    detail: str | None
    turn_id: str | None
    takes: int
    not_before: float
    expires_at: float
    sent_at: float
    created_at: float
    ended_at: float | None
    options: bytes | None
    asked: bytes | None
    language: str = ""


class NewRow(msgspec.Struct, frozen=True):
    """What intake knows of an act; position and place in the lane are given by the insert."""

    id: str
    connection: str
    act_key: str
    session_id: str
    room_id: str
    identity_id: str
    kind: str
    mode: str
    message_ref: str
    content: bytes
    history: bytes | None
    not_before: float
    expires_at: float
    sent_at: float
    outcome: str = ""
    detail: str = ""
    options: bytes | None = None
    asked: bytes | None = None
    language: str = ""


def insert(new: NewRow, now: float, most: int) -> Statement:
    """Accept an act under the session's new head; touches no row when the act was accepted before, or when as many as
    `most` wait already and it would wait, too.

    An edit takes the place in the lane of the waiting row that it replaces; an edit of a row that was taken is
    marked as a correction.
    """
    params: dict[str, Value] = {name: getattr(new, name) for name in new.__struct_fields__}
    params.update(tenant=TENANT, now=now, state="ended" if new.outcome else "waiting", most=most)
    earlier = (
        "FROM inbox o WHERE o.tenant = :tenant AND o.connection = :connection AND o.room_id = :room_id"
        " AND o.session_id = :session_id"
        " AND o.message_ref = :message_ref AND o.message_ref <> ''"
    )
    return Statement(
        "inbox.insert",
        "INSERT INTO inbox (tenant, id, connection, act_key, session_id, room_id, identity_id, position, lane_order,"
        " kind, mode, message_ref, content, history, correction, state, outcome, detail, takes, not_before,"
        " expires_at, sent_at, created_at, ended_at, options, asked, language)"
        " SELECT :tenant, :id, :connection, :act_key, :session_id, :room_id, :identity_id, s.head,"
        f" COALESCE((SELECT o.lane_order {earlier} AND o.state = 'waiting' AND :kind = 'edit'"
        " ORDER BY o.lane_order LIMIT 1), s.head),"
        " :kind, :mode, :message_ref, :content, :history,"
        f" CASE WHEN :kind = 'edit' AND EXISTS (SELECT 1 {earlier}"
        " AND (o.state = 'taken' OR o.outcome = 'answered' OR o.outcome = 'absorbed')) THEN 1 ELSE 0 END,"
        " :state, NULLIF(:outcome, ''), NULLIF(:detail, ''), 0, :not_before, :expires_at, :sent_at, :now,"
        " CASE WHEN :outcome = '' THEN NULL ELSE :now END, :options, :asked, :language"
        " FROM sessions s WHERE s.tenant = :tenant AND s.id = :session_id AND (:outcome <> '' OR :most >"
        f" (SELECT COUNT(*) FROM inbox w WHERE w.tenant = :tenant AND w.session_id = :session_id AND {_WAITING}))"
        " ON CONFLICT (tenant, connection, act_key) DO NOTHING",
        params,
        expect=1,
    )


def insert_refused(new: NewRow, now: float) -> Statement:
    """Record a stranger's act that ended at once; it has no session and no place in a lane."""
    params: dict[str, Value] = {name: getattr(new, name) for name in new.__struct_fields__}
    params.update(tenant=TENANT, now=now)
    return Statement(
        "inbox.insert",
        "INSERT INTO inbox (tenant, id, connection, act_key, session_id, room_id, identity_id, position, lane_order,"
        " kind, mode, message_ref, content, history, correction, state, outcome, detail, takes, not_before,"
        " expires_at, sent_at, created_at, ended_at)"
        " VALUES (:tenant, :id, :connection, :act_key, :session_id, :room_id, :identity_id, 0, 0, :kind, :mode,"
        " :message_ref, :content, :history, 0, 'ended', :outcome, :detail, 0, :not_before, :expires_at, :sent_at,"
        " :now, :now) ON CONFLICT (tenant, connection, act_key) DO NOTHING",
        params,
        expect=1,
    )


_EDITED = (
    "tenant = :tenant AND connection = :connection AND room_id = :room_id AND message_ref = :ref"
    " AND message_ref <> '' AND session_id = :session AND state = 'waiting' AND id <> :by"
)
"""The waiting rows that an edit replaces; with the condition of the index `inbox_ref`, word for word."""


def _edited(new: NewRow) -> dict[str, Value]:
    return {
        "tenant": TENANT,
        "session": new.session_id,
        "connection": new.connection,
        "room_id": new.room_id,
        "ref": new.message_ref,
        "by": new.id,
    }


def supersede_edited(new: NewRow, now: float) -> Statement:
    """End the waiting rows that an edit replaces."""
    return Statement(
        "inbox.supersede_edited",
        f"UPDATE inbox SET state = 'ended', outcome = 'superseded', detail = :by, ended_at = :now WHERE {_EDITED}",
        {**_edited(new), "now": now},
    )


def uncount_steer(new: NewRow) -> Statement:
    """Take the steering rows that an edit replaces off the session's count (before they are superseded)."""
    return Statement(
        "sessions.uncount_steer",
        "UPDATE sessions SET untaken_steer = untaken_steer"
        f" - (SELECT COUNT(*) FROM inbox WHERE {_EDITED} AND mode = 'steer') WHERE tenant = :tenant AND id = :session",
        _edited(new),
        expect=1,
    )


_NAMED = (
    "SELECT json_object('inbox', json_group_array(id), 'outcome', :outcome, 'by', :by) AS data, 1 AS place"
    " FROM (SELECT id FROM inbox WHERE "
)
_IF_ANY = " ORDER BY lane_order) named HAVING COUNT(*) > 0"
_EDITED_TOLD = _NAMED + _EDITED + _IF_ANY
_STOPPED_TOLD = _NAMED + "tenant = :tenant AND session_id = :session AND " + _WAITING + _IF_ANY


def edited_told(new: NewRow) -> Found:
    """The event of `supersede_edited`; it goes before it."""
    return Found(
        "inbox.ended",
        RAISE + _EDITED_TOLD + RAISED,
        ADD + _EDITED_TOLD + ADDED,
        {**_edited(new), "outcome": "superseded"},
    )


def quieten(session_id: str, not_before: float) -> Statement:
    """A new message of a `collect` lane: what waits there goes on waiting for the quiet time."""
    return Statement(
        "inbox.quieten",
        "UPDATE inbox SET not_before = :not_before WHERE tenant = :tenant AND session_id = :session"
        f" AND {_WAITING} AND mode = 'collect'",
        {"tenant": TENANT, "session": session_id, "not_before": not_before},
    )


def stop_waiting(session_id: str, by: str, now: float) -> Statement:
    """End all that waits in a session as stopped."""
    return Statement(
        "inbox.stop_waiting",
        "UPDATE inbox SET state = 'ended', outcome = 'stopped', detail = :by, ended_at = :now"
        f" WHERE tenant = :tenant AND session_id = :session AND {_WAITING}",
        {"tenant": TENANT, "session": session_id, "by": by, "now": now},
    )


def stopped_told(session_id: str, by: str) -> Found:
    """The event of `stop_waiting`; it goes before it."""
    return Found(
        "inbox.ended",
        RAISE + _STOPPED_TOLD + RAISED,
        ADD + _STOPPED_TOLD + ADDED,
        {"session": session_id, "by": by, "outcome": "stopped"},
    )


def _ids(ids: Sequence[str]) -> str:
    return msgspec.json.encode(ids).decode()


def take(ids: Sequence[str], turn_id: str) -> Statement:
    """A turn takes waiting rows; another count means that one was edited or stopped meanwhile."""
    return Statement(
        "inbox.take",
        "UPDATE inbox SET state = 'taken', turn_id = :turn, takes = takes + 1 WHERE tenant = :tenant"
        " AND id IN (SELECT value FROM json_each(:ids)) AND state = 'waiting'",
        {"tenant": TENANT, "turn": turn_id, "ids": _ids(ids)},
        expect=len(ids),
    )


def take_again(turn_id: str, count: int) -> Statement:
    """Take up a turn after an unclean end: its rows count one more take."""
    return Statement(
        "inbox.take_again",
        "UPDATE inbox SET takes = takes + 1 WHERE tenant = :tenant AND turn_id = :turn AND state = 'taken'",
        {"tenant": TENANT, "turn": turn_id},
        expect=count,
    )


def progressed(turn_id: str) -> Statement:
    """A journal step was written: what was taken is no poison."""
    return Statement(
        "inbox.progressed",
        "UPDATE inbox SET takes = 0 WHERE tenant = :tenant AND turn_id = :turn AND state = 'taken' AND takes > 0",
        {"tenant": TENANT, "turn": turn_id},
    )


def end(ids: Sequence[str], outcome: str, detail: str, now: float, *, state: str = "taken") -> Statement:
    """Give rows their outcome, exactly once."""
    return Statement(
        f"inbox.end_{outcome}",
        "UPDATE inbox SET state = 'ended', outcome = :outcome, detail = NULLIF(:detail, ''), ended_at = :now"
        " WHERE tenant = :tenant AND id IN (SELECT value FROM json_each(:ids)) AND state = :state",
        {
            "tenant": TENANT,
            "ids": _ids(ids),
            "outcome": outcome,
            "detail": detail,
            "now": now,
            "state": state,
        },
        expect=len(ids),
    )


def bring_back(inbox_id: str, expires_at: float) -> Statement:
    """A dead-lettered or failed row waits again, unless a stop covers it; the operation has its session before."""
    return Statement(
        "inbox.bring_back",
        "UPDATE inbox SET state = 'waiting', outcome = NULL, detail = NULL, ended_at = NULL, takes = 0,"
        " turn_id = NULL, not_before = 0, expires_at = :expires WHERE tenant = :tenant AND id = :id"
        " AND state = 'ended' AND outcome IN ('dead_lettered', 'failed')"
        " AND position > (SELECT s.stop_at FROM sessions s WHERE s.tenant = :tenant AND s.id = inbox.session_id)",
        {"tenant": TENANT, "id": inbox_id, "expires": expires_at},
        expect=1,
    )


def forget_asked(inbox_id: str) -> Statement:
    """Forget what the door kept with an act that has ended."""
    return Statement(
        "inbox.forget_asked",
        "UPDATE inbox SET asked = NULL WHERE tenant = :tenant AND id = :id AND state = 'ended' AND asked IS NOT NULL",
        {"tenant": TENANT, "id": inbox_id},
        expect=1,
    )


async def get(store: Store, inbox_id: str) -> InboxRow | None:
    """One row."""
    rows = await store.fetch(
        f"SELECT {columns(InboxRow)} FROM inbox WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": inbox_id},
    )
    return value(InboxRow, rows[0]) if rows else None


async def find(store: Store, connection: str, act_key: str) -> InboxRow | None:
    """The row of an act that was accepted before."""
    rows = await store.fetch(
        f"SELECT {columns(InboxRow)} FROM inbox WHERE tenant = :tenant AND connection = :connection AND act_key = :key",
        {"tenant": TENANT, "connection": connection, "key": act_key},
    )
    return value(InboxRow, rows[0]) if rows else None


async def waiting(store: Store, session_id: str, limit: int) -> list[InboxRow]:
    """What waits in a lane, in its order."""
    rows = await store.fetch(
        f"SELECT {columns(InboxRow)} FROM inbox WHERE tenant = :tenant AND session_id = :session"
        f" AND {_WAITING} ORDER BY lane_order LIMIT :limit",
        {"tenant": TENANT, "session": session_id, "limit": limit},
    )
    return values(InboxRow, rows)


async def waiting_steer_first(store: Store, session_id: str, limit: int) -> list[InboxRow]:
    """What waits in a lane, steering messages before all others."""
    rows = await store.fetch(
        f"SELECT {columns(InboxRow)} FROM inbox WHERE tenant = :tenant AND session_id = :session"
        f" AND {_WAITING} ORDER BY CASE mode WHEN 'steer' THEN 0 ELSE 1 END, lane_order LIMIT :limit",
        {"tenant": TENANT, "session": session_id, "limit": limit},
    )
    return values(InboxRow, rows)


async def count_waiting(store: Store, session_id: str) -> int:
    """How many rows wait in a lane."""
    rows = await store.fetch(
        f"SELECT COUNT(*) FROM inbox WHERE tenant = :tenant AND session_id = :session AND {_WAITING}",
        {"tenant": TENANT, "session": session_id},
    )
    return int(rows[0][0] or 0)


async def alone(store: Store, row: InboxRow) -> bool:
    """Whether a row is the only one of its session that is not ended, waiting or taken: as of one moment."""
    rows = await store.fetch(
        "SELECT id FROM inbox WHERE tenant = :tenant AND session_id = :session AND state <> 'ended' LIMIT 2",
        {"tenant": TENANT, "session": row.session_id},
    )
    return [str(one[0]) for one in rows] == [row.id]


async def of_turn(store: Store, turn_id: str) -> list[InboxRow]:
    """The rows that a turn took, in their order."""
    rows = await store.fetch(
        f"SELECT {columns(InboxRow)} FROM inbox WHERE tenant = :tenant AND turn_id = :turn ORDER BY lane_order",
        {"tenant": TENANT, "turn": turn_id},
    )
    return values(InboxRow, rows)


async def lanes(store: Store, after: str, limit: int) -> list[tuple[str, str, str]]:
    """Rows that are not ended, the oldest first: (id, to go on behind, session, connection)."""
    rows = await store.scan(
        "SELECT id, session_id, connection FROM inbox WHERE tenant = :tenant AND state <> 'ended' AND id > :after"
        " ORDER BY id LIMIT :limit",
        {"tenant": TENANT, "after": after, "limit": limit},
    )
    return [(str(row), str(session), str(connection)) for row, session, connection in rows]


async def listed(store: Store, states: str, limit: int, before: str) -> list[InboxRow]:
    """Rows for people: newest first, behind id `before`; `states` is a state or outcome, empty for all.

    What is in trouble is found by the index that holds only such rows.
    """
    some = "(:states = '' OR state = :states OR outcome = :states)"
    if states in ("dead_lettered", "failed"):
        some = "outcome IN ('dead_lettered', 'failed') AND outcome = :states"
    rows = await store.scan(
        f"SELECT {columns(InboxRow)} FROM inbox WHERE tenant = :tenant AND (:before = '' OR id < :before)"
        f" AND {some} ORDER BY id DESC LIMIT :limit",
        {"tenant": TENANT, "states": states, "limit": limit, "before": before},
    )
    return values(InboxRow, rows)
