"""Tokens and money, as every door shows them."""

import msgspec


class Money(msgspec.Struct, frozen=True):
    """An amount: in words, exactly, and as an integer of 10^-9 of the currency."""

    currency: str
    amount: str
    units: int


class Tokens(msgspec.Struct, frozen=True):
    """Tokens by kind: `cached` and `cache_write` are part of `input`, `reasoning` is part of `output`."""

    input: int
    cached: int
    cache_write: int
    output: int
    reasoning: int


class Spent(msgspec.Struct, frozen=True):
    """What model calls used and cost. `unpriced` calls have no price and are in no sum of `cost`; `estimated` ones
    were not reported by the provider: an estimate, or the reserved amount of a call that was lost.
    """

    calls: int
    estimated: int
    unpriced: int
    tokens: Tokens
    cost: list[Money]
    models: list[str]


class ModelCall(msgspec.Struct, frozen=True):
    """One model call as it was settled; `state` is done, failed or lost, `cost` is null where no price is known."""

    intent: str
    step: str
    attempt: int
    provider: str
    model: str
    state: str
    reported: bool
    tokens: Tokens
    cost: Money | None
    price_version: str
