"""The ledger: what was reserved for a model call, and what it was settled at, once. Rows are never changed.

Money is an integer of 10^-9 of the currency; NULL where no price was known, and then the currency is empty.
"""

import msgspec

from quarterdeck.model.turn import Usage
from quarterdeck.store.operations import Statement
from quarterdeck.store.tenancy import TENANT

_FOR = "assistant, session_id, connection, identity_id"
_TOKENS = "tokens_in, tokens_out, tokens_cached, tokens_cache_write, tokens_reasoning"
_MONEY = "amount, currency, price_version"
_ALL = f"intent_id, kind, route, {_TOKENS}, reported, {_MONEY}, {_FOR}, created_at"


class Reservation(msgspec.Struct, frozen=True):
    """What is put aside for a call, and for whom: by these its settlement is counted."""

    intent_id: str
    route: str
    tokens_in: int
    tokens_out: int
    amount: int | None
    currency: str
    price_version: str
    assistant: str
    session_id: str
    connection: str
    identity_id: str
    created_at: float


_RESERVE = (
    f"INSERT INTO ledger (tenant, {_ALL})"
    " SELECT :tenant, :intent_id, 'reserve', :route, :tokens_in, :tokens_out, 0, 0, 0, 0, :amount, :currency,"
    " :price_version, :assistant, :session_id, :connection, :identity_id, :created_at"
    " WHERE EXISTS (SELECT 1 FROM intents WHERE tenant = :tenant AND id = :intent_id)"
)
_SETTLE = (
    f"INSERT INTO ledger (tenant, {_ALL})"
    " SELECT tenant, intent_id, 'settle', route, :input, :output, :cached, :cache_write, :reasoning, :reported,"
    f" :amount, :currency, :price_version, {_FOR}, :now"
    " FROM ledger WHERE tenant = :tenant AND intent_id = :id AND kind = 'reserve'"
)
_SETTLE_AT_RESERVE = (
    f"INSERT INTO ledger (tenant, {_ALL})"
    f" SELECT tenant, intent_id, 'settle', route, {_TOKENS}, 0, {_MONEY}, {_FOR}, :now"
    " FROM ledger WHERE tenant = :tenant AND intent_id = :id AND kind = 'reserve'"
)


def reserve(one: Reservation) -> Statement:
    """Reserve for an intent that this operation inserted."""
    params = msgspec.structs.asdict(one)
    params["tenant"] = TENANT
    return Statement("ledger.reserve", _RESERVE, params)


def settle(
    intent_id: str, usage: Usage, amount: int | None, currency: str, price_version: str, now: float
) -> Statement:
    """Settle a reservation at what was used."""
    params = msgspec.structs.asdict(usage)
    params |= {
        "tenant": TENANT,
        "id": intent_id,
        "reported": int(usage.reported),
        "amount": amount,
        "currency": currency,
        "price_version": price_version,
        "now": now,
    }
    return Statement("ledger.settle", _SETTLE, params, expect=1)


def settle_at_reserve(intent_id: str, now: float) -> Statement:
    """Settle a reservation at the reserved amount: nobody knows what was used."""
    return Statement("ledger.settle", _SETTLE_AT_RESERVE, {"tenant": TENANT, "id": intent_id, "now": now}, expect=1)
