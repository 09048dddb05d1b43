"""First contacts: which identity was told by which assistant what it is."""

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.tenancy import TENANT


def make(identity: str, assistant: str, delivery_id: str, now: float) -> Statement:
    """It is told now, by a delivery; exactly once."""
    return Statement(
        "contacts.make",
        "INSERT INTO first_contacts (tenant, identity_id, assistant, delivery_id, created_at)"
        " VALUES (:tenant, :identity, :assistant, :delivery, :now) ON CONFLICT DO NOTHING",
        {"tenant": TENANT, "identity": identity, "assistant": assistant, "delivery": delivery_id, "now": now},
        expect=1,
    )


async def made(store: Store, identity: str, assistant: str) -> bool:
    """Whether it was told before."""
    rows = await store.fetch(
        "SELECT 1 FROM first_contacts WHERE tenant = :tenant AND identity_id = :identity AND assistant = :assistant",
        {"tenant": TENANT, "identity": identity, "assistant": assistant},
    )
    return bool(rows)
