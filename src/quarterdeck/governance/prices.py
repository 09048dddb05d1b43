"""What does a model call cost? Pure arithmetic in integers, no float anywhere.

Money is an integer of 10^-9 of its currency. A rate is such an integer for a million tokens. A component (plain input,
cached input, cache writes, plain output, reasoning) costs tokens times rate, rounded to the nearest 10^-9, halves up;
the call costs the sum of its rounded components. So each component is off by half a unit at most, and sums of calls
are exact. A cost that nobody can know is None, which is not 0.
"""

import msgspec

from quarterdeck.model.turn import Usage

UNITS = 1_000_000_000  # of one dollar, euro ...
PER = 1_000_000  # tokens that a rate is for
DAY = 86_400
MOST = 10**15  # a call that costs more than a million is a provider's mistake, and has no price


class Rates(msgspec.Struct, frozen=True):
    """10^-9 of the currency for a million tokens; `call` for the call itself, whatever its tokens.

    A kind without a rate of its own is charged as what it is part of: cached and cache writes as input, reasoning as
    output. Without `input` or `output` nobody knows what such tokens cost.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    call: int = 0


class Band(msgspec.Struct, frozen=True):
    """The rates for all tokens of a call that reads more than `above` tokens."""

    rates: Rates
    above: int = -1


class Period(msgspec.Struct, frozen=True):
    """Bands, in the order of `above`, and when they hold: from `since` (Unix seconds) on, or each day between two
    seconds of the UTC day, `begins` included; around midnight when it ends before it begins.
    """

    bands: tuple[Band, ...]
    since: int = 0
    begins: int = 0
    ends: int = DAY


class Price(msgspec.Struct, frozen=True):
    """A model's price. The last period that holds counts; where none does, the first."""

    periods: tuple[Period, ...]
    currency: str = "USD"


def flat(rates: Rates, currency: str = "USD") -> Price:
    """A price that is the same at all times and for any size."""
    return Price((Period((Band(rates),)),), currency)


FREE = flat(Rates(0, 0))


def cost(price: Price, usage: Usage, at: float) -> int | None:
    """What a call costs that began `at` (Unix seconds); None where that cannot be known.

    Parts that a provider reports as larger than their whole are charged as reported, and the rest as nothing.
    """
    rates = rates_of(price, usage.input, at)
    total = rates.call
    plain_in, plain_out = usage.input, usage.output
    if rates.cached is not None:
        plain_in -= usage.cached
        total += component(usage.cached, rates.cached)
    if rates.cache_write is not None:
        plain_in -= usage.cache_write
        total += component(usage.cache_write, rates.cache_write)
    if rates.reasoning is not None:
        plain_out -= usage.reasoning
        total += component(usage.reasoning, rates.reasoning)
    if plain_in > 0:
        if rates.input is None:
            return None
        total += component(plain_in, rates.input)
    if plain_out > 0:
        if rates.output is None:
            return None
        total += component(plain_out, rates.output)
    return total if total <= MOST else None


def reserve(price: Price, tokens_in: int, tokens_out: int, at: float) -> int | None:
    """What a call of that size costs at most: every token at the dearest rate that it can have."""
    rates = rates_of(price, tokens_in, at)
    dear_in = max(rates.input or 0, rates.cached or 0, rates.cache_write or 0)
    dear_out = max(rates.output or 0, rates.reasoning or 0)
    if (tokens_in > 0 and rates.input is None) or (tokens_out > 0 and rates.output is None):
        return None
    total = rates.call + component(tokens_in, dear_in) + component(tokens_out, dear_out)
    return total if total <= MOST else None


def component(tokens: int, rate: int) -> int:
    """Tokens at a rate, rounded to the nearest unit, halves up; 0 for a negative count."""
    return (tokens * rate + PER // 2) // PER if tokens > 0 else 0


def rates_of(price: Price, tokens_in: int, at: float) -> Rates:
    """The rates for a call that reads `tokens_in` tokens and begins at that time."""
    periods = price.periods
    bands = periods[0].bands
    if len(periods) > 1:
        bands = next((one.bands for one in reversed(periods) if _holds(one, int(at))), bands)
    rates = bands[0].rates
    for band in bands[1:]:
        if tokens_in > band.above:
            rates = band.rates
    return rates


def _holds(period: Period, at: int) -> bool:
    second = at % DAY
    if period.begins <= period.ends:
        return at >= period.since and period.begins <= second < period.ends
    return at >= period.since and (second >= period.begins or second < period.ends)


def rate(text: str) -> int:
    """A price for a million tokens, such as "0.15", as a rate; to the nearest unit, halves up. Raises ValueError."""
    whole, _, rest = text.partition(".")
    digits = whole + rest
    if not (digits.isascii() and digits.isdecimal()):
        raise ValueError(f"{text} is no price")
    below = 10 ** len(rest)
    return (2 * int(digits) * UNITS + below) // (2 * below)


def amount(units: int) -> str:
    """Money in words: all its decimals, but no zeros behind them."""
    whole, rest = divmod(abs(units), UNITS)
    text = f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
    return f"-{text}" if units < 0 else text
