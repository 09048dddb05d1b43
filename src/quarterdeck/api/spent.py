"""From settled calls to what every door shows of usage and money."""

from collections.abc import Iterable, Mapping, Sequence

from quarterdeck.api.amounts import ModelCall, Money, Spent, Tokens
from quarterdeck.governance import prices
from quarterdeck.store.usage import Settled, Sums


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
