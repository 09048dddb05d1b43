"""What was used and spent, read from settlements: by turn, and summed by whatever people ask for.

Long ranges are read in slices of the time index, so that no read holds a snapshot for long; settlements never change.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Literal, get_args

import msgspec

from quarterdeck.store.database import Row, Store
from quarterdeck.store.rows import values
from quarterdeck.store.tenancy import TENANT

SLICE = 25_000  # settlements in one read
KEYS = 7  # columns before the sums

Column = Literal["bucket", "assistant", "session_id", "connection", "identity_id", "route"]


_SETTLED = (
    "i.turn_id, i.id, i.step, i.attempt, l.route, i.state, l.reported, l.tokens_in, l.tokens_cached,"
    " l.tokens_cache_write, l.tokens_out, l.tokens_reasoning, l.amount, l.currency, l.price_version"
)


class Sums(msgspec.Struct, frozen=True):
    """Calls and what they were settled at. `estimated` calls were not reported, `unpriced` ones have no price.

    `cached` and `cache_write` are part of `input`, `reasoning` is part of `output`. `amount` is 10^-9 of a currency.
    """

    calls: int = 0
    estimated: int = 0
    unpriced: int = 0
    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    amount: int = 0


class Range(msgspec.Struct, frozen=True):
    """Settlements from `since` to before `until` (Unix seconds); a filter that is empty lets all through."""

    since: float
    until: float
    assistant: str = ""
    session_id: str = ""
    connection: str = ""
    identity_id: str = ""
    provider: str = ""
    model: str = ""


class Group(msgspec.Struct, frozen=True):
    """What a row of sums is for: the columns that were asked for (0 or empty where not), and the currency (empty: no
    price). `bucket` times the width is Unix seconds.
    """

    bucket: int
    assistant: str
    session_id: str
    connection: str
    identity_id: str
    route: str
    currency: str


class Settled(msgspec.Struct, frozen=True):
    """One model call of a turn as it was settled. `state` is how it ended; `amount` None: no price."""

    turn_id: str
    intent_id: str
    step: str
    attempt: int
    route: str
    state: str
    reported: int
    tokens_in: int
    tokens_cached: int
    tokens_cache_write: int
    tokens_out: int
    tokens_reasoning: int
    amount: int | None
    currency: str
    price_version: str


async def summed(
    store: Store, wanted: Range, group: Collection[Column], width: int
) -> AsyncIterator[tuple[Group, Sums]]:
    """Sums by the columns and the currency; a group may come in several slices. `width` of a bucket is seconds."""
    since = wanted.since
    while since < wanted.until:
        until = await _edge(store, since, wanted.until)
        for row in await _slice(store, msgspec.structs.replace(wanted, since=since, until=until), group, width):
            yield Group(*row[:KEYS]), Sums(*row[KEYS:])  # pyright: ignore[reportArgumentType]
        since = until


async def of_turns(store: Store, turn_ids: Sequence[str]) -> dict[str, list[Settled]]:
    """The settled model calls of turns, by turn, in the order of their beginning; turns without one are left out."""
    rows = await store.scan(
        f"SELECT {_SETTLED} FROM intents i JOIN ledger l ON l.tenant = i.tenant AND l.intent_id = i.id"
        " AND l.kind = 'settle' WHERE i.tenant = :tenant AND i.kind = 'model'"
        " AND i.turn_id IN (SELECT value FROM json_each(:turns)) ORDER BY i.turn_id, i.id",
        {"tenant": TENANT, "turns": msgspec.json.encode(turn_ids).decode()},
    )
    found: dict[str, list[Settled]] = {}
    for one in values(Settled, rows):
        found.setdefault(one.turn_id, []).append(one)
    return found


async def _edge(store: Store, since: float, until: float) -> float:
    """Where a slice that begins at `since` ends."""
    rows = await store.scan(
        "SELECT created_at FROM ledger WHERE tenant = :tenant AND kind = 'settle' AND created_at > :since"
        " AND created_at < :until ORDER BY created_at LIMIT 1 OFFSET :slice",
        {"tenant": TENANT, "since": since, "until": until, "slice": SLICE},
    )
    return float(rows[0][0] or 0) if rows else until


async def _slice(store: Store, wanted: Range, group: Collection[Column], width: int) -> Sequence[Row]:
    by = {f"by_{name}": int(name in group) for name in get_args(Column)}
    return await store.scan(
        "SELECT CASE WHEN :by_bucket = 1 THEN CAST(created_at / :width AS BIGINT) ELSE 0 END,"
        " CASE WHEN :by_assistant = 1 THEN assistant ELSE '' END,"
        " CASE WHEN :by_session_id = 1 THEN session_id ELSE '' END,"
        " CASE WHEN :by_connection = 1 THEN connection ELSE '' END,"
        " CASE WHEN :by_identity_id = 1 THEN identity_id ELSE '' END, CASE WHEN :by_route = 1 THEN route ELSE '' END,"
        " currency, COUNT(*), CAST(SUM(1 - reported) AS BIGINT),"
        " CAST(SUM(CASE WHEN amount IS NULL THEN 1 ELSE 0 END) AS BIGINT), CAST(SUM(tokens_in) AS BIGINT),"
        " CAST(SUM(tokens_cached) AS BIGINT), CAST(SUM(tokens_cache_write) AS BIGINT),"
        " CAST(SUM(tokens_out) AS BIGINT), CAST(SUM(tokens_reasoning) AS BIGINT),"
        " CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM ledger WHERE tenant = :tenant AND kind = 'settle'"
        " AND created_at >= :since AND created_at < :until"
        " AND (:assistant = '' OR assistant = :assistant) AND (:session_id = '' OR session_id = :session_id)"
        " AND (:connection = '' OR connection = :connection) AND (:identity_id = '' OR identity_id = :identity_id)"
        " AND (:model = '' OR route = :model)"
        " AND (:provider = '' OR substr(route, 1, length(:provider) + 1) = :provider || '/')"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7",
        {"tenant": TENANT, "width": width, **by, **{name: getattr(wanted, name) for name in wanted.__struct_fields__}},
    )
