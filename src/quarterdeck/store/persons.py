"""Persons: identities that belong to one human, and the session that they share with each assistant."""

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.people import Identity
from quarterdeck.store.rows import columns, values
from quarterdeck.store.sessions import Session
from quarterdeck.store.tenancy import TENANT


def belongs(identity: Identity, person: str) -> Statement:
    """An identity belongs to a person, unless somebody else has said otherwise meanwhile."""
    return Statement(
        "identities.belongs",
        "UPDATE identities SET person_id = :person WHERE tenant = :tenant AND id = :id"
        " AND COALESCE(person_id, '') = :old",
        {"tenant": TENANT, "id": identity.id, "person": person, "old": identity.person_id or ""},
        expect=1,
    )


def nobody_left(person: str) -> Statement:
    """A person has no identity any more; it goes behind what takes them away, all of which has their rows."""
    return Statement(
        "identities.nobody_left",
        "UPDATE identities SET person_id = person_id WHERE tenant = :tenant AND person_id = :person",
        {"tenant": TENANT, "person": person},
        expect=0,
    )


def goes_on(person: str, assistant: str, session_id: str) -> Statement:
    """The session in which a person talks to an assistant from now on."""
    return Statement(
        "persons.goes_on",
        "INSERT INTO person_sessions (tenant, person_id, assistant, session_id) VALUES (:tenant, :person, :assistant,"
        " :session) ON CONFLICT (tenant, person_id, assistant) DO UPDATE SET session_id = excluded.session_id",
        {"tenant": TENANT, "person": person, "assistant": assistant, "session": session_id},
        expect=1,
    )


async def session_of(store: Store, person: str, assistant: str) -> str:
    """The session that goes on, empty where there is none yet."""
    rows = await store.fetch(
        "SELECT session_id FROM person_sessions WHERE tenant = :tenant AND person_id = :person"
        " AND assistant = :assistant",
        {"tenant": TENANT, "person": person, "assistant": assistant},
    )
    return str(rows[0][0]) if rows else ""


async def sessions_of(store: Store, person: str) -> dict[str, str]:
    """Assistant -> the session that goes on."""
    rows = await store.fetch(
        "SELECT assistant, session_id FROM person_sessions WHERE tenant = :tenant AND person_id = :person",
        {"tenant": TENANT, "person": person},
    )
    return {str(assistant): str(session) for assistant, session in rows}


async def identities(store: Store, person: str) -> list[Identity]:
    """All identities of a person."""
    rows = await store.fetch(
        f"SELECT {columns(Identity)} FROM identities WHERE tenant = :tenant AND person_id = :person ORDER BY id",
        {"tenant": TENANT, "person": person},
    )
    return values(Identity, rows)


async def talks(store: Store, identity: Identity) -> list[Session]:
    """The direct conversations of an identity, the newest first."""
    rows = await store.fetch(
        f"SELECT {columns(Session, 's.')} FROM rooms r JOIN sessions s ON s.tenant = r.tenant"
        " AND s.connection = r.connection AND s.room_id = r.id WHERE r.tenant = :tenant AND s.identity_id = :identity"
        " AND r.connection = :connection AND r.kind = 'dm' ORDER BY s.updated_at DESC LIMIT 100",
        {"tenant": TENANT, "identity": identity.id, "connection": identity.connection},
    )
    return values(Session, rows)


async def listed(store: Store, limit: int, before: str) -> list[Identity]:
    """Identities for people, behind id `before`."""
    rows = await store.scan(
        f"SELECT {columns(Identity)} FROM identities WHERE tenant = :tenant AND (:before = '' OR id < :before)"
        " ORDER BY id DESC LIMIT :limit",
        {"tenant": TENANT, "before": before, "limit": limit},
    )
    return values(Identity, rows)
