"""Rooms, identities and pairings: who speaks where, and who was let in."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from quarterdeck.model.inbound import Room, RoomKind, Sender
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.sessions import derived_id
from quarterdeck.store.tenancy import TENANT
from quarterdeck.words.languages import spoken


class Identity(msgspec.Struct, frozen=True):
    """One provider-given id; `state` is unknown, allowed or denied."""

    id: str
    connection: str
    native_id: str
    name: str
    person_id: str | None
    state: str
    created_at: float
    language: str = ""


class KnownRoom(msgspec.Struct, frozen=True):
    """A room that something was accepted from. `state` (of a group) is unknown, allowed or denied.

    `absent` says why the bot cannot write there, empty where it can; `moved_from` is the platform's id under which its
    conversations began.
    """

    id: str
    connection: str
    native_id: str
    kind: RoomKind
    title: str
    state: str
    absent: str
    moved_from: str


class Pairing(msgspec.Struct, frozen=True):
    """A stranger's wish to be let in, or a group's where the stranger spoke; the code was shown there.

    `state`: asked, approved or denied. One that is decided before anybody asks is an invitation (store/invitations).
    """

    id: str
    code: str
    identity_id: str
    room_id: str
    state: str
    created_at: float
    expires_at: float
    decided_at: float | None
    kind: Literal["person", "group"] = "person"


class Wisher(msgspec.Struct, frozen=True):
    """Who or what a wish would let in: a person by identity, or a group."""

    id: str
    connection: str
    native_id: str
    name: str
    kind: Literal["person", "group"]
    language: str = ""


def room_id(connection: str, native_id: str) -> str:
    """The id of a room, from the platform's."""
    return derived_id("room", TENANT, connection, native_id)


def identity_id(connection: str, native_id: str) -> str:
    """The id of an identity, from the platform's."""
    return derived_id("idy", TENANT, connection, native_id)


def know_room(connection: str, room: Room, now: float) -> Statement:
    """Remember a room and its newest title."""
    return Statement(
        "rooms.know",
        "INSERT INTO rooms (tenant, id, connection, native_id, kind, title, created_at)"
        " VALUES (:tenant, :id, :connection, :native, :kind, :title, :now)"
        " ON CONFLICT (tenant, id) DO UPDATE SET title = excluded.title",
        {
            "tenant": TENANT,
            "id": room_id(connection, room.native_id),
            "connection": connection,
            "native": room.native_id,
            "kind": room.kind,
            "title": room.title,
            "now": now,
        },
    )


def know_parent(connection: str, room: Room, now: float) -> Statement:
    """Remember the room that a thread is in; what is known of it stays."""
    return Statement(
        "rooms.know_parent",
        "INSERT INTO rooms (tenant, id, connection, native_id, kind, title, created_at)"
        " VALUES (:tenant, :id, :connection, :native, 'group', '', :now) ON CONFLICT (tenant, id) DO NOTHING",
        {
            "tenant": TENANT,
            "id": room_id(connection, room.parent),
            "connection": connection,
            "native": room.parent,
            "now": now,
        },
    )


def know_identity(connection: str, sender: Sender, now: float) -> Statement:
    """Remember an identity, its newest name, and the language that it was last known to speak; its state stays."""
    return Statement(
        "identities.know",
        "INSERT INTO identities (tenant, id, connection, native_id, name, person_id, state, created_at, language)"
        " VALUES (:tenant, :id, :connection, :native, :name, NULL, 'unknown', :now, :language)"
        " ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name,"
        " language = CASE WHEN excluded.language = '' THEN identities.language ELSE excluded.language END",
        {
            "tenant": TENANT,
            "id": identity_id(connection, sender.native_id),
            "connection": connection,
            "native": sender.native_id,
            "name": sender.name,
            "language": spoken(sender.language) or "",
            "now": now,
        },
    )


def set_identity_state(identity: str, state: str) -> Statement:
    """Let an identity in, or keep it out."""
    return Statement(
        "identities.set_state",
        "UPDATE identities SET state = :state WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": identity, "state": state},
        expect=1,
    )


def set_room_state(room_wanted: str, state: str) -> Statement:
    """Let a group in, or keep it out."""
    return Statement(
        "rooms.set_state",
        "UPDATE rooms SET state = :state WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": room_wanted, "state": state},
        expect=1,
    )


def set_room_absent(room_wanted: str, why: str) -> Statement:
    """The bot cannot write into a room any more, or can again (empty)."""
    return Statement(
        "rooms.set_absent",
        "UPDATE rooms SET absent = :why WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": room_wanted, "why": why},
        expect=1,
    )


def move_room(connection: str, old: str, new: str, now: float) -> list[Statement]:
    """A room goes on under a new id of the platform: what is sent goes there, what comes from there belongs to it.

    The two ids are the platform's. A room that moves again is still the one where its conversations began.
    """
    origin = (
        "COALESCE((SELECT NULLIF(o.moved_from, '') FROM rooms o WHERE o.tenant = :tenant AND o.id = :old_id), :old)"
    )
    params = {
        "tenant": TENANT,
        "connection": connection,
        "old": old,
        "old_id": room_id(connection, old),
        "new": new,
        "new_id": room_id(connection, new),
        "now": now,
    }
    return [
        Statement(
            "rooms.move",
            "INSERT INTO rooms (tenant, id, connection, native_id, kind, title, created_at, moved_from)"
            f" SELECT :tenant, :new_id, :connection, :new, 'group', '', :now, {origin}"
            " WHERE :new <> :old"
            " ON CONFLICT (tenant, id) DO UPDATE SET moved_from = excluded.moved_from",
            {name: params[name] for name in ("tenant", "connection", "old", "old_id", "new", "new_id", "now")},
        ),
        Statement(
            "rooms.rename",
            "UPDATE rooms SET native_id = :new, absent = '' WHERE tenant = :tenant AND connection = :connection"
            " AND (id = :old_id OR native_id = :old)",
            {name: params[name] for name in ("tenant", "connection", "old", "old_id", "new")},
        ),
    ]


def ask_pairing(pairing: Pairing) -> Statement:
    """Note a stranger's wish; one open wish per identity, and one per group."""
    marks = ", ".join(":" + name for name in Pairing.__struct_fields__)
    return Statement(
        "pairings.ask",
        f"INSERT INTO pairings (tenant, {columns(Pairing)}) VALUES (:tenant, {marks}) ON CONFLICT DO NOTHING",
        {"tenant": TENANT, **{name: getattr(pairing, name) for name in Pairing.__struct_fields__}},
        expect=1,
    )


_SAME_WISH = (
    "tenant = :tenant AND kind = :kind AND (kind = 'group' OR identity_id = :identity)"
    " AND (kind = 'person' OR room_id = :room) AND state = 'asked'"
)


def close_expired_pairing(new: Pairing, now: float) -> Statement:
    """A wish whose code has run out makes room for a new one."""
    return Statement(
        "pairings.close_expired",
        f"UPDATE pairings SET state = 'denied', decided_at = :now WHERE {_SAME_WISH} AND expires_at <= :now",
        {"tenant": TENANT, "kind": new.kind, "identity": new.identity_id, "room": new.room_id, "now": now},
    )


def decide_pairing(pairing_id: str, state: str, now: float) -> Statement:
    """Decide an open wish, exactly once, while its code is good."""
    return Statement(
        "pairings.decide",
        "UPDATE pairings SET state = :state, decided_at = :now WHERE tenant = :tenant AND id = :id"
        " AND state = 'asked' AND expires_at > :now",
        {"tenant": TENANT, "id": pairing_id, "state": state, "now": now},
        expect=1,
    )


async def identity(store: Store, wanted: str) -> Identity | None:
    """One identity."""
    rows = await store.fetch(
        f"SELECT {columns(Identity)} FROM identities WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": wanted},
    )
    return value(Identity, rows[0]) if rows else None


async def identities(store: Store, wanted: Sequence[str]) -> list[Identity]:
    """Those of the ids that are known."""
    rows = await store.fetch(
        f"SELECT {columns(Identity)} FROM identities WHERE tenant = :tenant"
        " AND id IN (SELECT value FROM json_each(:ids))",
        {"tenant": TENANT, "ids": msgspec.json.encode(wanted).decode()},
    )
    return values(Identity, rows)


async def room(store: Store, wanted: str) -> KnownRoom | None:
    """One room."""
    rows = await store.fetch(
        f"SELECT {columns(KnownRoom)} FROM rooms WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": wanted},
    )
    return value(KnownRoom, rows[0]) if rows else None


async def groups_let_in(store: Store, connection: str, limit: int) -> list[str]:
    """The platform's ids of groups that were let in, as they are now."""
    rows = await store.fetch(
        "SELECT native_id FROM rooms WHERE tenant = :tenant AND connection = :connection AND kind = 'group'"
        " AND state = 'allowed' ORDER BY id LIMIT :limit",
        {"tenant": TENANT, "connection": connection, "limit": limit},
    )
    return [str(native_id) for (native_id,) in rows]


async def speakers(store: Store, connection: str, room_wanted: str, limit: int) -> list[Identity]:
    """Who has a conversation in a room, or has spoken there while the conversation of that person is held elsewhere."""
    rows = await store.fetch(
        f"SELECT {columns(Identity)} FROM identities WHERE tenant = :tenant AND id IN (SELECT identity_id FROM sessions"
        " WHERE tenant = :tenant AND connection = :connection AND room_id = :room"
        " UNION SELECT i.id FROM identities i WHERE i.tenant = :tenant AND i.person_id IS NOT NULL"
        " AND i.connection = :connection AND EXISTS (SELECT 1 FROM inbox b WHERE b.tenant = :tenant"
        " AND b.connection = :connection AND b.room_id = :room AND b.message_ref <> '' AND b.identity_id = i.id"
        " AND b.session_id <> '')) LIMIT :limit",
        {"tenant": TENANT, "connection": connection, "room": room_wanted, "limit": limit},
    )
    return values(Identity, rows)


async def open_pairing(store: Store, wish: Pairing, now: float) -> Pairing | None:
    """The wish of the same identity, or for the same group, that is still open."""
    rows = await store.fetch(
        f"SELECT {columns(Pairing)} FROM pairings WHERE {_SAME_WISH} AND expires_at > :now",
        {"tenant": TENANT, "kind": wish.kind, "identity": wish.identity_id, "room": wish.room_id, "now": now},
    )
    return value(Pairing, rows[0]) if rows else None


async def pairing_by_code(store: Store, code: str, now: float) -> Pairing | None:
    """The open wish that a code belongs to."""
    rows = await store.fetch(
        f"SELECT {columns(Pairing)} FROM pairings WHERE tenant = :tenant AND code = :code AND state = 'asked'"
        " AND expires_at > :now",
        {"tenant": TENANT, "code": code, "now": now},
    )
    return value(Pairing, rows[0]) if rows else None


async def wisher(store: Store, wish: Pairing) -> Wisher:
    """Whom a wish would let in, and the language of who asked; it was written in the operation that wrote the wish."""
    who = await identity(store, wish.identity_id)
    assert who is not None
    if wish.kind == "group":
        group = await room(store, wish.room_id)
        assert group is not None
        return Wisher(group.id, group.connection, group.native_id, group.title, "group", who.language)
    return Wisher(who.id, who.connection, who.native_id, who.name, "person", who.language)


async def pairings(store: Store, state: str, limit: int, before: str) -> list[Pairing]:
    """Wishes for people, newest first."""
    rows = await store.scan(
        f"SELECT {columns(Pairing)} FROM pairings WHERE tenant = :tenant AND state <> 'offered'"
        " AND (:state = '' OR state = :state) AND (:before = '' OR id < :before) ORDER BY id DESC LIMIT :limit",
        {"tenant": TENANT, "state": state, "limit": limit, "before": before},
    )
    return values(Pairing, rows)
