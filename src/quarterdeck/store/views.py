"""What doors show beyond single rows: pages that end between two rows."""

from quarterdeck.store.database import Store
from quarterdeck.store.messages import StoredMessage
from quarterdeck.store.rows import columns, values
from quarterdeck.store.sessions import Session
from quarterdeck.store.tenancy import TENANT


async def messages(store: Store, session_id: str, position: int, part: int, limit: int) -> list[StoredMessage]:
    """A session's newest `limit` messages before (position, part), oldest first."""
    rows = await store.scan(
        f"SELECT {columns(StoredMessage)} FROM messages WHERE tenant = :tenant AND session_id = :session"
        " AND (position, part) < (:position, :part) ORDER BY position DESC, part DESC LIMIT :limit",
        {"tenant": TENANT, "session": session_id, "position": position, "part": part, "limit": limit},
    )
    return values(StoredMessage, rows)[::-1]


async def sessions(store: Store, connection: str, updated_at: float, before: str, limit: int) -> list[Session]:
    """Sessions by newest activity, behind (updated_at, id); of one connection, or of all when it is empty."""
    rows = await store.scan(
        f"SELECT {columns(Session)} FROM sessions WHERE tenant = :tenant AND (updated_at, id) < (:updated, :before)"
        " AND (:connection = '' OR connection = :connection) ORDER BY updated_at DESC, id DESC LIMIT :limit",
        {"tenant": TENANT, "connection": connection, "updated": updated_at, "before": before, "limit": limit},
    )
    return values(Session, rows)
