"""Do the list prices that we take over give what genai-prices itself reckons, for every model that it has?"""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
from genai_prices import types
from genai_prices.data_snapshot import get_snapshot

from quarterdeck.governance.listed import Ask, priced
from quarterdeck.governance.pricelist import list_prices
from quarterdeck.governance.prices import cost
from quarterdeck.model.turn import Usage

USAGES = (
    Usage(1_000, 500),
    Usage(99_999, 7, 50_001, True, 40_003),
    Usage(100_001, 12_345, 3, True, 99_998, 77),
    Usage(200_001, 1, 200_001),
    Usage(3_000_017, 999_999, 1_000_003, True, 11, 999_998),
)
TIMES = ("2024-06-01T12:00", "2025-12-31T00:29", "2026-07-01T03:15", "2026-11-20T16:29", "2026-11-20T16:30")


def theirs(model: types.ModelInfo, usage: Usage, at: datetime) -> Decimal:
    given = types.Usage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.cache_write,
        output_reasoning_tokens=usage.reasoning,
    )
    return model.get_prices(at).calc_price(given)["total_price"]


def test_every_model_costs_what_its_source_reckons() -> None:
    compared = 0
    for provider in get_snapshot().providers:
        for model in provider.models:
            price = priced(model)
            if price is None:
                continue
            for usage in USAGES:
                for moment in TIMES:
                    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
                    found = cost(price, usage, at.timestamp())
                    if found is None:  # no price for what it writes, or reads
                        continue
                    exact = theirs(model, usage, at) * 10**9
                    assert abs(found - exact) <= Decimal("3.5"), (provider.id, model.id, usage, moment)
                    compared += 1
    assert compared > 40_000


async def test_a_child_answers_once_and_a_file_from_then_on(tmp_path: Path) -> None:
    file, asks = tmp_path / "prices.json", (Ask("o/gpt-4o", "gpt-4o", url="https://api.openai.com/v1"),)
    found, version = await list_prices(asks, file)
    assert version.startswith("genai-prices-")
    assert found["o/gpt-4o"].periods[0].bands[0].rates.input == 2_500_000_000
    kept = msgspec.json.decode(file.read_bytes())
    kept["prices"]["o/gpt-4o"]["currency"] = "XXX"
    file.write_bytes(msgspec.json.encode(kept))
    assert (await list_prices(asks, file))[0]["o/gpt-4o"].currency == "XXX"  # read, not asked
    other = (*asks, Ask("a/none", "no-such-model", vendor="anthropic"), Ask("x/m", "m", url="https://ai.example.com"))
    again, _ = await list_prices(other, file)
    assert set(again) == {"o/gpt-4o"}
    assert again["o/gpt-4o"].currency == "USD"  # another question: asked anew
    file.write_bytes(b"{")
    assert (await list_prices(asks, file))[0] == found


async def test_nothing_is_started_where_nothing_is_asked(tmp_path: Path) -> None:
    assert await list_prices((), tmp_path / "prices.json") == ({}, "")
    assert not await asyncio.to_thread((tmp_path / "prices.json").exists)
