"""What doors show beyond single rows: pages that end between two rows."""

from collections.abc import Collection

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.messages import StoredMessage
from quarterdeck.store.rows import columns, values
from quarterdeck.store.sessions import Session
from quarterdeck.store.tenancy import TENANT
from quarterdeck.store.turns import Turn


async def messages(store: Store, session_id: str, position: int, part: int, limit: int) -> list[StoredMessage]:
    """A session's newest `limit` messages before (position, part), oldest first."""
    rows = await store.scan(
        f"SELECT {columns(StoredMessage)} FROM messages WHERE tenant = :tenant AND session_id = :session"
        " AND (position, part) < (:position, :part) ORDER BY position DESC, part DESC LIMIT :limit",
        {"tenant": TENANT, "session": session_id, "position": position, "part": part, "limit": limit},
    )
    return values(StoredMessage, rows)[::-1]


async def messages_behind(
    store: Store, session_id: str, position: int, part: int, until: int, limit: int
) -> list[StoredMessage]:
    """A session's oldest `limit` messages behind (position, part) and up to position `until`, oldest first."""
    rows = await store.scan(
        f"SELECT {columns(StoredMessage)} FROM messages WHERE tenant = :tenant AND session_id = :session"
        " AND (position, part) > (:position, :part) AND position <= :until ORDER BY position, part LIMIT :limit",
        {
            "tenant": TENANT,
            "session": session_id,
            "position": position,
            "part": part,
            "until": until,
            "limit": limit,
        },
    )
    return values(StoredMessage, rows)


async def turns_behind(store: Store, session_id: str, started_at: float, turn_id: str, limit: int) -> list[Turn]:
    """A session's oldest `limit` turns behind (started_at, id), oldest first."""
    rows = await store.scan(
        f"SELECT {columns(Turn)} FROM turns WHERE tenant = :tenant AND session_id = :session"
        " AND (started_at, id) > (:started, :turn) ORDER BY started_at, id LIMIT :limit",
        {"tenant": TENANT, "session": session_id, "started": started_at, "turn": turn_id, "limit": limit},
    )
    return values(Turn, rows)


async def turns_named(store: Store, ids: Collection[str]) -> list[Turn]:
    """Turns by their ids, in no order; a page's worth."""
    rows = await store.scan(
        f"SELECT {columns(Turn)} FROM turns WHERE tenant = :tenant AND id IN (SELECT value FROM json_each(:ids))",
        {"tenant": TENANT, "ids": msgspec.json.encode(list(ids)).decode()},
    )
    return values(Turn, rows)


async def sessions(store: Store, connection: str, updated_at: float, before: str, limit: int) -> list[Session]:
    """Sessions by newest activity, behind (updated_at, id); of one connection, or of all when it is empty."""
    rows = await store.scan(
        f"SELECT {columns(Session)} FROM sessions WHERE tenant = :tenant AND (updated_at, id) < (:updated, :before)"
        " AND (:connection = '' OR connection = :connection) ORDER BY updated_at DESC, id DESC LIMIT :limit",
        {"tenant": TENANT, "connection": connection, "updated": updated_at, "before": before, "limit": limit},
    )
    return values(Session, rows)
