"""The outbox: deliveries and their parts. One part is one platform call, one state, one native id."""

import msgspec

from quarterdeck.model.message import Attachment
from quarterdeck.store.database import Store
from quarterdeck.store.events import ADD, ADDED, RAISE, RAISED, Found
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.tenancy import TENANT

BUTTONS = "buttons"
"""The kind of a delivery that takes buttons off a message and shows nothing."""


class Delivery(msgspec.Struct, frozen=True):
    """One answer, notice or message to send."""

    id: str
    session_id: str
    turn_id: str
    connection: str
    room_id: str
    kind: str
    created_at: float
    language: str = ""


class PartRow(msgspec.Struct, frozen=True):
    """One row of `parts`; `seq` is the order of its room, `file` an Attachment as JSON.

    `choices_id`: whose buttons stand under it.
    """

    seq: int
    delivery_id: str
    n: int
    connection: str
    room_id: str
    text: str
    reply_to: str
    state: str
    native_id: str
    attempts: int
    resends: int
    first_at: float
    not_before: float
    error: str
    updated_at: float
    file: str
    choices_id: str = ""

    @property
    def attachment(self) -> Attachment | None:
        """The file that it is, where it is one."""
        return msgspec.json.decode(self.file, type=Attachment) if self.file else None


_PART = columns(PartRow)
OPEN = "state IN ('ready', 'sending', 'streaming')"
"""The condition of the index `parts_open`, word for word: SQLite uses the index of a part of a table only then."""
STOPPED = "stopped"
"""The `error` of a part that a stop covers: it is held, or its send was under way and is not tried again."""


def insert_delivery(delivery: Delivery) -> Statement:
    """A new delivery."""
    marks = ", ".join(":" + name for name in Delivery.__struct_fields__)
    return Statement(
        "deliveries.insert",
        f"INSERT INTO deliveries (tenant, {columns(Delivery)}) VALUES (:tenant, {marks})",
        {"tenant": TENANT, **{name: getattr(delivery, name) for name in Delivery.__struct_fields__}},
        expect=1,
    )


def insert_part(
    delivery: Delivery,
    n: int,
    text: str,
    state: str,
    now: float,
    *,
    reply_to: str = "",
    attempts: int = 0,
    error: str = "",
    file: Attachment | None = None,
    native_id: str = "",
) -> Statement:
    """A new part of a delivery, stored as it was cut; `native_id`: of the message that it changes."""
    return Statement(
        "parts.insert",
        "INSERT INTO parts (tenant, delivery_id, n, connection, room_id, text, reply_to, state, native_id, attempts,"
        " resends, first_at, not_before, error, updated_at, file) VALUES (:tenant, :delivery, :n, :connection, :room,"
        " :text, :reply_to, :state, :native_id, :attempts, 0, 0, 0, :error, :now, :file)",
        {
            "tenant": TENANT,
            "delivery": delivery.id,
            "n": n,
            "connection": delivery.connection,
            "room": delivery.room_id,
            "text": text,
            "reply_to": reply_to,
            "state": state,
            "native_id": native_id,
            "attempts": attempts,
            "error": error,
            "now": now,
            "file": stored(file),
        },
        expect=1,
    )


def put_choices(delivery_id: str, n: int, choices_id: str) -> Statement:
    """Let buttons stand under a new part."""
    return Statement(
        "parts.put_choices",
        "UPDATE parts SET choices_id = :choices WHERE tenant = :tenant AND delivery_id = :delivery AND n = :n",
        {"tenant": TENANT, "delivery": delivery_id, "n": n, "choices": choices_id},
        expect=1,
    )


def stored(file: Attachment | None) -> str:
    """A file as its part has it: what is sent of it, and no more."""
    if file is None:
        return ""
    return msgspec.json.encode(Attachment(file.name, file.mime, file.size, file.blob)).decode()


def move(
    delivery_id: str,
    n: int,
    source: str,
    target: str,
    now: float,
    *,
    native_id: str = "",
    error: str = "",
    not_before: float = 0.0,
    attempt: bool = False,
    resend: bool = False,
    riding_intent: str = "",
    resends: int | None = None,
) -> Statement:
    """Move a part from one state to the next, exactly once; a native id that is known stays.

    With the id of a riding intent: only if that was not left out. With `resends`: only if it still is that repeat.
    """
    guard = " AND EXISTS (SELECT 1 FROM intents WHERE tenant = :tenant AND id = :intent)" if riding_intent else ""
    guard += "" if resends is None else " AND resends = :resends"
    return Statement(
        "parts.move",
        "UPDATE parts SET state = :target, native_id = CASE WHEN :native = '' THEN native_id ELSE :native END,"
        " error = :error, not_before = :not_before, attempts = attempts + :attempt, resends = resends + :resend,"
        " first_at = CASE WHEN :resend = 1 THEN 0 WHEN :attempt = 1 AND first_at = 0 THEN :now ELSE first_at END,"
        f" updated_at = :now WHERE tenant = :tenant AND delivery_id = :delivery AND n = :n AND state = :source{guard}",
        {
            "tenant": TENANT,
            "delivery": delivery_id,
            "n": n,
            "intent": riding_intent,
            "resends": resends,
            "source": source,
            "target": target,
            "native": native_id,
            "error": error,
            "not_before": not_before,
            "attempt": int(attempt),
            "resend": int(resend),
            "now": now,
        },
        expect=None if riding_intent else 1,
    )


def again(
    delivery_id: str, n: int, stopped: str, now: float, *, error: str, not_before: float = 0.0, resend: bool = False
) -> Statement:
    """What was being sent is ready once more, or, where a stop came meanwhile, in state `stopped` (held, unknown).

    Returns the new state.
    """
    return Statement(
        "parts.again",
        "UPDATE parts SET state = CASE WHEN error = :mark THEN :stopped ELSE 'ready' END,"
        " error = CASE WHEN error = :mark THEN error ELSE :error END,"
        " resends = resends + CASE WHEN error = :mark THEN 0 ELSE :resend END,"
        " first_at = CASE WHEN :resend = 1 AND error <> :mark THEN 0 ELSE first_at END,"
        " not_before = :not_before, updated_at = :now"
        " WHERE tenant = :tenant AND delivery_id = :delivery AND n = :n AND state = 'sending' RETURNING state",
        {
            "tenant": TENANT,
            "delivery": delivery_id,
            "n": n,
            "mark": STOPPED,
            "stopped": stopped,
            "error": error,
            "not_before": not_before,
            "resend": int(resend),
            "now": now,
        },
        expect=1,
    )


TOLD, OF_PARTS = (
    "SELECT json_object('delivery', p.delivery_id, 'turn', d.turn_id, 'part', p.n, 'state', ",
    ") AS data, p.seq AS place FROM parts p JOIN deliveries d ON d.tenant = p.tenant AND d.id = p.delivery_id WHERE ",
)
"""What an event says of parts; the state goes between the two, and behind them which parts."""
_NOT_AGAIN = (
    f"{TOLD}p.state{OF_PARTS}p.tenant = :tenant AND p.delivery_id = :delivery AND p.n = :n AND p.state <> 'ready'"
)


def not_again_told(delivery_id: str, n: int) -> Found:
    """The event of a part that `again` did not make ready; it goes behind it."""
    return Found(
        "delivery.state",
        RAISE + _NOT_AGAIN + RAISED,
        ADD + _NOT_AGAIN + ADDED,
        {"delivery": delivery_id, "n": n},
    )


def fix_text(delivery_id: str, text: str, resends: int, now: float) -> Statement:
    """The final text of a part that was streamed; it is ready to be set, or sent as a marked repeat."""
    return Statement(
        "parts.fix_text",
        "UPDATE parts SET text = :text, state = 'ready', resends = :resends, updated_at = :now WHERE tenant = :tenant"
        " AND delivery_id = :delivery AND n = 0 AND state = 'streaming'",
        {"tenant": TENANT, "delivery": delivery_id, "text": text, "resends": resends, "now": now},
        expect=1,
    )


async def next_of_room(store: Store, connection: str, room_id: str) -> PartRow | None:
    """The oldest part of a room that is not done; `streaming` ones do not hold the room."""
    rows = await store.fetch(
        f"SELECT {_PART} FROM parts WHERE tenant = :tenant AND connection = :connection AND room_id = :room"
        f" AND {OPEN} AND state <> 'streaming' ORDER BY seq LIMIT 1",
        {"tenant": TENANT, "connection": connection, "room": room_id},
    )
    return value(PartRow, rows[0]) if rows else None


async def rooms_with_ready(store: Store, limit: int, after: int) -> list[tuple[int, str, str]]:
    """Rooms that have something to send: (seq to go on behind, connection, room id)."""
    rows = await store.scan(
        f"SELECT MIN(seq), connection, room_id FROM parts WHERE tenant = :tenant AND {OPEN} AND state = 'ready'"
        " GROUP BY connection, room_id HAVING MIN(seq) > :after ORDER BY 1 LIMIT :limit",
        {"tenant": TENANT, "limit": limit, "after": after},
    )
    return [(int(seq or 0), str(connection), str(room)) for seq, connection, room in rows]


async def part(store: Store, delivery_id: str, n: int) -> PartRow | None:
    """One part."""
    rows = await store.fetch(
        f"SELECT {_PART} FROM parts WHERE tenant = :tenant AND delivery_id = :delivery AND n = :n",
        {"tenant": TENANT, "delivery": delivery_id, "n": n},
    )
    return value(PartRow, rows[0]) if rows else None


async def parts_of(store: Store, delivery_id: str) -> list[PartRow]:
    """A delivery's parts, in order."""
    rows = await store.fetch(
        f"SELECT {_PART} FROM parts WHERE tenant = :tenant AND delivery_id = :delivery ORDER BY n",
        {"tenant": TENANT, "delivery": delivery_id},
    )
    return values(PartRow, rows)


async def get(store: Store, delivery_id: str) -> Delivery | None:
    """One delivery."""
    rows = await store.fetch(
        f"SELECT {columns(Delivery)} FROM deliveries WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": delivery_id},
    )
    return value(Delivery, rows[0]) if rows else None


async def streaming_of(store: Store, turn_id: str) -> Delivery | None:
    """The delivery in which a turn's answer grows, if it has one."""
    rows = await store.fetch(
        f"SELECT {columns(Delivery, 'd.')} FROM deliveries d JOIN parts p ON p.tenant = d.tenant"
        " AND p.delivery_id = d.id AND p.n = 0 WHERE d.tenant = :tenant AND d.turn_id = :turn"
        " AND p.state = 'streaming'",
        {"tenant": TENANT, "turn": turn_id},
    )
    return value(Delivery, rows[0]) if rows else None


async def of_turn(store: Store, turn_id: str) -> list[Delivery]:
    """What a turn sent or will send."""
    rows = await store.fetch(
        f"SELECT {columns(Delivery)} FROM deliveries WHERE tenant = :tenant AND turn_id = :turn ORDER BY id",
        {"tenant": TENANT, "turn": turn_id},
    )
    return values(Delivery, rows)


class ListedDelivery(msgspec.Struct, frozen=True):
    """A delivery for people, with the state that its parts add up to."""

    id: str
    session_id: str
    turn_id: str
    connection: str
    room_id: str
    kind: str
    created_at: float
    language: str
    state: str
    parts: int
    text: str
    error: str

    @property
    def words(self) -> str:
        """Its first text, or what it does instead of showing one; empty for a file."""
        return "Takes the buttons off a message." if self.kind == BUTTONS else self.text or ""


_STATE = (
    "COALESCE(MAX(CASE WHEN p.state IN ('unknown', 'failed', 'refused', 'held') THEN p.state END),"
    " MAX(CASE WHEN p.state IN ('streaming', 'ready', 'sending') THEN p.state END),"
    " MAX(CASE WHEN p.state = 'dismissed' THEN p.state END), 'sent')"
)


_LISTED = (
    f"SELECT {columns(Delivery, 'd.')}, {_STATE}, COUNT(*), MIN(CASE WHEN p.n = 0 THEN p.text END), MAX(p.error) FROM"
)
_SUMMED = f"JOIN parts p ON p.tenant = d.tenant AND p.delivery_id = d.id GROUP BY {columns(Delivery, 'd.')}"


async def summary(store: Store, delivery_id: str) -> ListedDelivery | None:
    """One as a list has it."""
    one = "(SELECT * FROM deliveries WHERE tenant = :tenant AND id = :id) d"
    rows = await store.fetch(f"{_LISTED} {one} {_SUMMED}", {"tenant": TENANT, "id": delivery_id})
    return value(ListedDelivery, rows[0]) if rows else None


async def listed(store: Store, state: str, limit: int, before: str) -> list[ListedDelivery]:
    """Deliveries for people: newest first, behind id `before`; in one state, or all when it is empty.

    What is in trouble or on its way is found by the index that holds only such parts; else deliveries are gone through
    until the page is full. Only the last page is short.
    """
    page, some = "tenant = :tenant AND (:before = '' OR id < :before)", ""
    if state in ("unknown", "failed", "refused", "held"):
        some = "state IN ('unknown', 'failed', 'refused', 'held')"
    elif state in ("ready", "sending", "streaming"):
        some = "state IN ('ready', 'sending', 'streaming')"
    if some:
        page += f" AND id IN (SELECT delivery_id FROM parts WHERE tenant = :tenant AND {some} AND state = :state)"
    if state:
        its_parts = "p.tenant = deliveries.tenant AND p.delivery_id = deliveries.id"
        page += f" AND (SELECT {_STATE} FROM parts p WHERE {its_parts}) = :state"
    found = f"(SELECT * FROM deliveries WHERE {page} ORDER BY id DESC LIMIT :limit) d"
    rows = await store.scan(
        f"{_LISTED} {found} {_SUMMED} ORDER BY d.id DESC",
        {"tenant": TENANT, "limit": limit, "before": before} | ({"state": state} if state else {}),
    )
    return values(ListedDelivery, rows)
