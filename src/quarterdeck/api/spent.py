"""How usage and money are shown, by every door."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from quarterdeck.governance import prices
from quarterdeck.store.usage import Settled, Sums


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


def money(by_currency: Mapping[str, int]) -> list[Money]:
    """Amounts by currency."""
    return [Money(name, prices.amount(units), units) for name, units in sorted(by_currency.items())]


def tokens(sums: Sums) -> Tokens:
    """The tokens of sums."""
    return Tokens(sums.input, sums.cached, sums.cache_write, sums.output, sums.reasoning)


def spent(calls: Sequence[Settled]) -> Spent:
    """Calls together."""
    by_currency: dict[str, int] = {}
    for one in calls:
        if one.amount is not None:
            by_currency[one.currency] = by_currency.get(one.currency, 0) + one.amount
    return Spent(
        calls=len(calls),
        estimated=sum(not one.reported for one in calls),
        unpriced=sum(one.amount is None for one in calls),
        tokens=Tokens(
            sum(one.tokens_in for one in calls),
            sum(one.tokens_cached for one in calls),
            sum(one.tokens_cache_write for one in calls),
            sum(one.tokens_out for one in calls),
            sum(one.tokens_reasoning for one in calls),
        ),
        cost=money(by_currency),
        models=list(dict.fromkeys(one.route for one in calls)),
    )


def model_calls(calls: Iterable[Settled]) -> list[ModelCall]:
    """Calls one by one."""
    return [_call(one) for one in calls]


def _call(one: Settled) -> ModelCall:
    provider, _, model = one.route.partition("/")
    return ModelCall(
        intent=one.intent_id,
        step=one.step,
        attempt=one.attempt,
        provider=provider,
        model=model,
        state=one.state,
        reported=bool(one.reported),
        tokens=Tokens(one.tokens_in, one.tokens_cached, one.tokens_cache_write, one.tokens_out, one.tokens_reasoning),
        cost=None if one.amount is None else money({one.currency: one.amount})[0],
        price_version=one.price_version,
    )
