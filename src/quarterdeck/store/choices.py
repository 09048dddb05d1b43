"""Choices: what stands under a message as buttons, until it is pressed or others take its place."""

import msgspec

from quarterdeck.model.button import Button, ButtonRows, Choice
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value
from quarterdeck.store.tenancy import TENANT

Offered = tuple[tuple[Choice, ...], ...]


class Choices(msgspec.Struct, frozen=True):
    """One row of `choices`; `offered` is encoded."""

    id: str
    delivery_id: str
    session_id: str
    connection: str
    room_id: str
    identity_id: str
    offered: bytes
    state: str

    @property
    def rows(self) -> Offered:
        """What can be chosen, as it stands."""
        return msgspec.json.decode(self.offered, type=Offered)

    @property
    def buttons(self) -> ButtonRows:
        """The same for a platform: every value is the id and the choice's number."""
        numbers = iter(range(sum(len(row) for row in self.rows)))
        return tuple(tuple(Button(one.label, f"{self.id}.{next(numbers)}") for one in row) for row in self.rows)

    def chosen(self, number: str) -> Choice | None:
        """The choice of a number; None for what was not offered."""
        flat = {str(n): one for n, one in enumerate(one for row in self.rows for one in row)}
        return flat.get(number)


class Under(msgspec.Struct, frozen=True):
    """A message that has buttons: `native_id` is empty where the platform has not said its own."""

    connection: str
    room_id: str
    native_id: str


def insert(new: Choices, now: float) -> Statement:
    """What is offered from now on."""
    marks = ", ".join(":" + name for name in Choices.__struct_fields__)
    return Statement(
        "choices.insert",
        f"INSERT INTO choices (tenant, {columns(Choices)}, pressed_by, created_at) VALUES (:tenant, {marks}, '', :now)",
        {"tenant": TENANT, "now": now, **{name: getattr(new, name) for name in Choices.__struct_fields__}},
        expect=1,
    )


def supersede(session_id: str, now: float) -> Statement:
    """What a session was offered before is no longer open; it goes before what takes its place."""
    return Statement(
        "choices.supersede",
        "UPDATE choices SET state = 'superseded', closed_at = :now"
        " WHERE tenant = :tenant AND session_id = :session AND state = 'open'",
        {"tenant": TENANT, "session": session_id, "now": now},
    )


def press(choices_id: str, identity: str, now: float) -> Statement:
    """Somebody chose; only the first press finds it open."""
    return Statement(
        "choices.press",
        "UPDATE choices SET state = 'pressed', pressed_by = :identity, closed_at = :now"
        " WHERE tenant = :tenant AND id = :id AND state = 'open'",
        {"tenant": TENANT, "id": choices_id, "identity": identity, "now": now},
        expect=1,
    )


async def get(store: Store, choices_id: str) -> Choices | None:
    """What was offered under an id."""
    rows = await store.fetch(
        f"SELECT {columns(Choices)} FROM choices WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": choices_id},
    )
    return value(Choices, rows[0]) if rows else None


async def open_under(store: Store, session_id: str) -> list[Under]:
    """The messages that have a session's open choices under them, as far as their platform has them."""
    rows = await store.fetch(
        "SELECT p.connection, p.room_id, p.native_id FROM choices c JOIN parts p ON p.tenant = c.tenant"
        " AND p.delivery_id = c.delivery_id AND p.choices_id = c.id"
        " WHERE c.tenant = :tenant AND c.session_id = :session AND c.state = 'open' AND p.native_id <> ''",
        {"tenant": TENANT, "session": session_id},
    )
    return [value(Under, row) for row in rows]
