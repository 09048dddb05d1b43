"""Pins: what a person wants kept in mind word for word, however long the conversation grows."""

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, values
from quarterdeck.store.tenancy import TENANT

MOST = 20  # of one session
LONGEST = 500  # characters of one


class Pin(msgspec.Struct, frozen=True):
    """One row of `pins`."""

    id: str
    session_id: str
    text: str
    position: int
    created_at: float


def insert(pin_id: str, session_id: str, text: str, now: float) -> Statement:
    """Pin a text under the session's head, unless there are too many already."""
    return Statement(
        "pins.insert",
        "INSERT INTO pins (tenant, id, session_id, text, position, created_at)"
        " SELECT :tenant, :id, :session, :text, s.head, :now FROM sessions s WHERE s.tenant = :tenant"
        " AND s.id = :session AND (SELECT COUNT(*) FROM pins p WHERE p.tenant = :tenant AND p.session_id = :session"
        " AND p.removed_at IS NULL AND p.position > s.history_from) < :most",
        {"tenant": TENANT, "id": pin_id, "session": session_id, "text": text, "now": now, "most": MOST},
        expect=1,
    )


def remove(pin_id: str, session_id: str, now: float) -> Statement:
    """Take a pin off, exactly once."""
    return Statement(
        "pins.remove",
        "UPDATE pins SET removed_at = :now WHERE tenant = :tenant AND id = :id AND session_id = :session"
        " AND removed_at IS NULL",
        {"tenant": TENANT, "id": pin_id, "session": session_id, "now": now},
        expect=1,
    )


async def of_session(store: Store, session_id: str, after: int) -> list[Pin]:
    """What is pinned behind position `after`, oldest first."""
    rows = await store.fetch(
        f"SELECT {columns(Pin)} FROM pins WHERE tenant = :tenant AND session_id = :session AND removed_at IS NULL"
        " AND position > :after ORDER BY position, id LIMIT :most",
        {"tenant": TENANT, "session": session_id, "after": after, "most": MOST},
    )
    return values(Pin, rows)
