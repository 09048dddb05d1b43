"""What are models' list prices? A child process that asks genai-prices and answers in our frozen values.

It is a child because genai-prices takes 95 MB and half a second to import, and is needed once. Nothing here goes over
the network: the prices are the package's own data, and its updates are not started. What is read of it (0.2.3,
genai_prices/types.py): prices are USD for a million tokens; a tier's price is for all tokens of a request whose input
is above its start; of conditional prices the last that holds counts, else the first; times of day are UTC.

Prices of other things than tokens and calls (searches, pages, seconds of sound), and of pictures and sound as input,
are left out: our usage does not tell them apart.
"""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import msgspec

from quarterdeck.governance.prices import DAY, Band, Period, Price, Rates, rate

if TYPE_CHECKING:
    from decimal import Decimal

    from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, Provider, TieredPrices

KEYS: Mapping[str, str] = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "reasoning": "output_reasoning_mtok",
}
CALLS = "requests_kcount"  # for a thousand


class Ask(msgspec.Struct, frozen=True):
    """A model by the name that the vendor knows it by, and whose it is: by address, else by the vendor's id."""

    route: str
    model: str
    vendor: str = ""
    url: str = ""


def main() -> None:
    """Asks from standard input as JSON, prices by route to standard output; null where there is none."""
    asks = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[Ask, ...])
    sys.stdout.buffer.write(msgspec.json.encode(look_up(asks)))


def look_up(asks: tuple[Ask, ...]) -> dict[str, Price | None]:
    """The price of each that the package knows."""
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    found: dict[str, Price | None] = {}
    for ask in asks:
        try:
            provider: Provider = snapshot.find_provider(None, None if ask.url else ask.vendor, ask.url or None)
        except LookupError:
            found[ask.route] = None
            continue
        model = provider.find_model(ask.model, all_providers=snapshot.providers)
        found[ask.route] = priced(model) if model else None
    return found


def priced(model: "ModelInfo") -> Price | None:
    """A model's prices as ours; None where it has none for tokens or calls."""
    from genai_prices.types import ModelPrice

    if isinstance(model.prices, ModelPrice):
        periods = (Period(bands(model.prices)),)
    else:
        periods = tuple(period(one) for one in model.prices)
    if not any(band.rates != Rates() for one in periods for band in one.bands):
        return None
    return Price(periods)


def period(one: "ConditionalPrice") -> Period:
    """A price that holds from a day on, or at a time of the day."""
    from genai_prices.types import StartDateConstraint

    if one.constraint is None:
        return Period(bands(one.prices))
    if isinstance(one.constraint, StartDateConstraint):
        since = datetime.combine(one.constraint.start_date, time(), UTC)
        return Period(bands(one.prices), since=int(since.timestamp()))
    return Period(bands(one.prices), begins=_second(one.constraint.start_time), ends=_second(one.constraint.end_time))


def bands(prices: "ModelPrice") -> tuple[Band, ...]:
    """Rates by how much a request reads."""
    from genai_prices.types import TieredPrices

    values: dict[str, Decimal | TieredPrices | None] = {name: getattr(prices, key) for name, key in KEYS.items()}
    values["call"] = getattr(prices, CALLS)
    starts = {tier.start for value in values.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    return tuple(Band(_rates(values, above), above) for above in (-1, *sorted(starts)))


def _rates(values: "Mapping[str, Decimal | TieredPrices | None]", above: int) -> Rates:
    found = {name: rate(format(_at(value, above), "f")) for name, value in values.items() if value is not None}
    return Rates(**found | {"call": (found.get("call", 0) + 500) // 1000})


def _at(value: "Decimal | TieredPrices", above: int) -> "Decimal":
    """The price of a request that reads just more than `above` tokens."""
    from genai_prices.types import TieredPrices

    if not isinstance(value, TieredPrices):
        return value
    return next((tier.price for tier in reversed(value.tiers) if tier.start <= above), value.base)


def _second(at: time) -> int:
    """The second of the UTC day."""
    offset = at.utcoffset()
    return (at.hour * 3600 + at.minute * 60 + at.second - (int(offset.total_seconds()) if offset else 0)) % DAY


if __name__ == "__main__":
    main()
