"""Sessions: one conversation's context, its event counter, its fence and its stop mark."""

import hashlib

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value
from quarterdeck.store.tenancy import TENANT


class Session(msgspec.Struct, frozen=True):
    """One row of `sessions`."""

    id: str
    key: str
    assistant: str
    connection: str
    room_id: str
    identity_id: str
    title: str
    controller: str
    model: str
    head: int
    fence: int
    untaken_steer: int
    stop_at: int
    history_from: int
    created_at: float
    updated_at: float
    mind: int = 0
    forked_from: str = ""
    owner: str = ""


class NewSession(msgspec.Struct, frozen=True):
    """What identifies a session; the id is derived from it, so that nobody has to look before creating one."""

    assistant: str
    connection: str
    room_id: str
    identity_id: str
    title: str = ""
    person: str = ""

    @property
    def key(self) -> str:
        """Assistant, connection, room and identity; of a person, whose identities share it, assistant and person."""
        if self.person:
            return "|".join((self.assistant, self.person))
        return "|".join((self.assistant, self.connection, self.room_id, self.identity_id))

    @property
    def id(self) -> str:
        """`ses_` and 26 characters of the key's digest."""
        return derived_id("ses", TENANT, self.key)


def derived_id(prefix: str, *parts: str) -> str:
    """An id that the same parts always give."""
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"{prefix}_{digest[:26]}"


def create(new: NewSession, now: float) -> Statement:
    """Create the session unless it exists."""
    return Statement(
        "sessions.create",
        "INSERT INTO sessions (tenant, id, key, assistant, connection, room_id, identity_id, title, controller,"
        " model, head, fence, untaken_steer, stop_at, history_from, created_at, updated_at)"
        " VALUES (:tenant, :id, :key, :assistant, :connection, :room, :identity, :title, 'assistant',"
        " '', 0, 0, 0, 0, 0, :now, :now) ON CONFLICT (tenant, id) DO NOTHING",
        {
            "tenant": TENANT,
            "id": new.id,
            "key": new.key,
            "assistant": new.assistant,
            "connection": new.connection,
            "room": new.room_id,
            "identity": new.identity_id,
            "title": new.title,
            "now": now,
        },
    )


def fresh(new: NewSession, now: float) -> Session:
    """What `create` makes of a session that was not there."""
    return Session(
        new.id, new.key, new.assistant, new.connection, new.room_id, new.identity_id, new.title, "assistant",
        "", 0, 0, 0, 0, 0, now, now,
    )  # fmt: skip


def advance(session_id: str, events: int, now: float, *, steer: int = 0) -> Statement:
    """Raise the head by `events` under the row's lock, and the count of untaken steering messages by `steer`."""
    return Statement(
        "sessions.advance",
        "UPDATE sessions SET head = head + :events, untaken_steer = untaken_steer + :steer, updated_at = :now"
        " WHERE tenant = :tenant AND id = :id RETURNING head",
        {"tenant": TENANT, "id": session_id, "events": events, "steer": steer, "now": now},
        expect=1,
    )


def take(session_id: str, fence: int, events: int, steer: int, now: float, *, owner: str = "") -> Statement:
    """Take the lane for a process: raise the fence from `fence`, count `steer` messages as taken, number events."""
    return Statement(
        "sessions.take",
        "UPDATE sessions SET fence = fence + 1, head = head + :events, untaken_steer = untaken_steer - :steer,"
        " owner = :owner, updated_at = :now WHERE tenant = :tenant AND id = :id AND fence = :fence RETURNING head",
        {
            "tenant": TENANT,
            "id": session_id,
            "fence": fence,
            "events": events,
            "steer": steer,
            "owner": owner,
            "now": now,
        },
        expect=1,
    )


def hold(
    session_id: str, fence: int, events: int, now: float, *, steer: int = 0, position: int | None = None
) -> Statement:
    """Go on while the fence is still mine; `steer` messages are taken in, `events` are numbered.

    With a `position`: only while no stop covers the turn up to it.
    """
    guard = "" if position is None else " AND stop_at < :position"
    return Statement(
        "sessions.hold",
        "UPDATE sessions SET head = head + :events, untaken_steer = untaken_steer - :steer, updated_at = :now"
        f" WHERE tenant = :tenant AND id = :id AND fence = :fence{guard} RETURNING head",
        {
            "tenant": TENANT,
            "id": session_id,
            "fence": fence,
            "position": position,
            "events": events,
            "steer": steer,
            "now": now,
        },
        expect=1,
    )


def end_answered(
    session_id: str, fence: int, position: int, events: int, now: float, *, leave: bool = False
) -> Statement:
    """End a turn with an answer: while the fence is mine, no steering message is left untaken, and no stop covers
    the turn up to `position`. All three are columns of the row that this locks. `leave`: steering messages may be
    left to the next turn.
    """
    return Statement(
        "sessions.end_answered",
        "UPDATE sessions SET head = head + :events, updated_at = :now WHERE tenant = :tenant AND id = :id"
        " AND fence = :fence AND (untaken_steer = 0 OR :leave = 1) AND stop_at < :position RETURNING head",
        {
            "tenant": TENANT,
            "id": session_id,
            "fence": fence,
            "position": position,
            "events": events,
            "leave": int(leave),
            "now": now,
        },
        expect=1,
    )


def stop(session_id: str) -> Statement:
    """Everything accepted up to the head is stopped; untaken steering messages are among it."""
    return Statement(
        "sessions.stop",
        "UPDATE sessions SET stop_at = head, untaken_steer = 0 WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": session_id},
        expect=1,
    )


def reset(session_id: str) -> Statement:
    """From the next message on the model sees nothing of what was said before."""
    return Statement(
        "sessions.reset",
        "UPDATE sessions SET history_from = head WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": session_id},
        expect=1,
    )


def count(session_id: str, events: int) -> Statement:
    """Raise the head for something that nobody said: the conversation is no newer for it."""
    return Statement(
        "sessions.advance",
        "UPDATE sessions SET head = head + :events WHERE tenant = :tenant AND id = :id RETURNING head",
        {"tenant": TENANT, "id": session_id, "events": events},
        expect=1,
    )


def reset_at(session_id: str, head: int) -> Statement:
    """The same as `reset`, if the head is exactly `head`: nothing was accepted, begun or ended meanwhile."""
    return Statement(
        "sessions.reset",
        "UPDATE sessions SET history_from = :head WHERE tenant = :tenant AND id = :id AND head = :head",
        {"tenant": TENANT, "id": session_id, "head": head},
        expect=1,
    )


def set_model(session_id: str, model: str) -> Statement:
    """The model for the next turns; empty for the assistant's own."""
    return Statement(
        "sessions.set_model",
        "UPDATE sessions SET model = :model WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": session_id, "model": model},
        expect=1,
    )


def edit(was: Session, title: str, model: str) -> Statement:
    """Another title and model, while both are as they were read."""
    return Statement(
        "sessions.edit",
        "UPDATE sessions SET title = :title, model = :model WHERE tenant = :tenant AND id = :id"
        " AND title = :old_title AND model = :old_model",
        {
            "tenant": TENANT,
            "id": was.id,
            "title": title,
            "model": model,
            "old_title": was.title,
            "old_model": was.model,
        },
        expect=1,
    )


def change_mind(session_id: str) -> Statement:
    """What is kept in mind of the conversation changes (a summary, a pin): what was cached of it no longer holds."""
    return Statement(
        "sessions.change_mind",
        "UPDATE sessions SET mind = mind + 1 WHERE tenant = :tenant AND id = :id RETURNING mind",
        {"tenant": TENANT, "id": session_id},
        expect=1,
    )


async def get(store: Store, session_id: str) -> Session | None:
    """One session."""
    rows = await store.fetch(
        f"SELECT {columns(Session)} FROM sessions WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": session_id},
    )
    return value(Session, rows[0]) if rows else None


async def with_running(store: Store, session_id: str) -> tuple[Session, str] | None:
    """A session and the id of the turn that it is in, or that a dead process left it in (else empty)."""
    rows = await store.fetch(
        f"SELECT (SELECT t.id FROM turns t WHERE t.tenant = s.tenant AND t.session_id = s.id AND t.state = 'running'),"
        f" {columns(Session, 's.')} FROM sessions s WHERE s.tenant = :tenant AND s.id = :id",
        {"tenant": TENANT, "id": session_id},
    )
    return (value(Session, rows[0][1:]), str(rows[0][0] or "")) if rows else None
