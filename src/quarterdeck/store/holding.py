"""What a stop does to a session's answers that are not sent yet."""

from quarterdeck.store.database import Store
from quarterdeck.store.events import ADD, ADDED, RAISE, RAISED, Found
from quarterdeck.store.operations import Statement
from quarterdeck.store.outbox import OF_PARTS, OPEN, STOPPED, TOLD
from quarterdeck.store.tenancy import TENANT

_ANSWERS = (
    "p.tenant = :tenant AND p.connection = (SELECT connection FROM sessions WHERE tenant = :tenant AND id = :session)"
    " AND p.room_id = (SELECT room_id FROM sessions WHERE tenant = :tenant AND id = :session)"
    f" AND p.{OPEN} AND EXISTS (SELECT 1 FROM deliveries d LEFT JOIN turns t ON t.tenant = d.tenant"
    " AND t.id = d.turn_id WHERE d.tenant = :tenant AND d.id = p.delivery_id AND d.session_id = :session"
    " AND d.kind = 'answer' AND COALESCE(t.outcome, 'answered') = 'answered')"
)
"""Parts of a session's answers that are not sent yet. How a turn that was cut or failed ended is told even so."""
_HELD = f"{TOLD}'held'{OF_PARTS}{_ANSWERS} AND p.state = 'ready'"


def keep_answers(session_id: str) -> Statement:
    """Keep everybody from moving the parts that a stop finds, until it is done: their senders do not ask the session.

    Otherwise one of them could begin a part between the statement that counts events and the one that adds them.
    """
    return Statement(
        "parts.keep_answers",
        f"UPDATE parts AS p SET updated_at = updated_at WHERE {_ANSWERS} AND p.state IN ('ready', 'sending')",
        {"tenant": TENANT, "session": session_id},
    )


def hold_answers(session_id: str, now: float) -> Statement:
    """A stop: answers that are ready are held; one that is being sent now is not tried again."""
    return Statement(
        "parts.hold_answers",
        "UPDATE parts AS p SET state = CASE p.state WHEN 'ready' THEN 'held' ELSE p.state END, error = :mark,"
        f" updated_at = :now WHERE {_ANSWERS} AND p.state IN ('ready', 'sending')",
        {"tenant": TENANT, "session": session_id, "mark": STOPPED, "now": now},
    )


async def has_answers(store: Store, session_id: str) -> bool:
    """Whether a stop would find answers that are not sent yet."""
    ask = f"SELECT 1 FROM parts AS p WHERE {_ANSWERS} AND p.state IN ('ready', 'sending') LIMIT 1"
    return bool(await store.fetch(ask, {"tenant": TENANT, "session": session_id}))


def held_told() -> Found:
    """The events of `hold_answers`; they go between `keep_answers` and it."""
    return Found("delivery.state", RAISE + _HELD + RAISED, ADD + _HELD + ADDED, {})
