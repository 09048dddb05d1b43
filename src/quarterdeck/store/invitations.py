"""Invitations: pairings that are decided before anybody asks. Of the code only a digest is stored."""

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import value
from quarterdeck.store.tenancy import TENANT


class Invited(msgspec.Struct, frozen=True):
    """An invitation and what came of it. `state` is offered or approved; times are Unix seconds.

    `identity` and `name` are those of whoever used it. `sent` is the state of the first thing that was said to them
    (a part's), at `sent_at`, with its `error`; empty and 0 before.
    """

    id: str
    state: str
    created_at: float
    expires_at: float
    decided_at: float | None
    identity: str
    name: str
    sent: str
    sent_at: float
    error: str


def offer(invitation: str, digest: str, now: float, expires_at: float) -> Statement:
    """A new one. It stands among the pairings, with the digest for a code, and belongs to nobody yet."""
    return Statement(
        "invitations.offer",
        "INSERT INTO pairings (tenant, id, code, identity_id, room_id, state, created_at, expires_at, kind)"
        " VALUES (:tenant, :id, :digest, '', '', 'offered', :now, :expires, 'person')",
        {"tenant": TENANT, "id": invitation, "digest": digest, "now": now, "expires": expires_at},
        expect=1,
    )


def use(digest: str, identity: str, room: str, now: float) -> Statement:
    """Somebody uses one: exactly once, and in time."""
    return Statement(
        "invitations.use",
        "UPDATE pairings SET state = 'approved', code = '', identity_id = :identity, room_id = :room,"
        " decided_at = :now WHERE tenant = :tenant AND code = :digest AND state = 'offered' AND expires_at > :now",
        {"tenant": TENANT, "digest": digest, "identity": identity, "room": room, "now": now},
        expect=1,
    )


def drop(expired_before: float) -> Statement:
    """Those that nobody used go when a new one is made."""
    return Statement(
        "invitations.drop",
        "DELETE FROM pairings WHERE tenant = :tenant AND state = 'offered' AND expires_at < :before",
        {"tenant": TENANT, "before": expired_before},
    )


async def good(store: Store, digest: str, now: float) -> str:
    """The id of the one that this digest belongs to and that can be used, empty for none."""
    rows = await store.fetch(
        "SELECT id FROM pairings WHERE tenant = :tenant AND code = :digest AND state = 'offered' AND expires_at > :now",
        {"tenant": TENANT, "digest": digest, "now": now},
    )
    return str(rows[0][0]) if rows else ""


async def get(store: Store, invitation: str) -> Invited | None:
    """One with what came of it; what is said to somebody who was let in is the first notice since then."""
    rows = await store.fetch(
        "SELECT p.id, p.state, p.created_at, p.expires_at, p.decided_at, p.identity_id, COALESCE(i.name, ''),"
        " COALESCE(x.state, ''), COALESCE(x.updated_at, 0), COALESCE(x.error, '') FROM pairings p"
        " LEFT JOIN identities i ON i.tenant = p.tenant AND i.id = p.identity_id"
        " LEFT JOIN parts x ON x.tenant = p.tenant AND x.delivery_id = (SELECT MIN(d.id) FROM deliveries d"
        " WHERE d.tenant = p.tenant AND d.room_id = p.room_id AND d.kind = 'notice' AND d.created_at >= p.decided_at)"
        " AND x.n = 0 WHERE p.tenant = :tenant AND p.id = :id",
        {"tenant": TENANT, "id": invitation},
    )
    return value(Invited, rows[0]) if rows else None
