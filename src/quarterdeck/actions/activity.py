"""What goes on: the turns that run now, and how many messages, turns and how much money today (UTC) has seen."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from quarterdeck.actions.usage import DAY, UsageAsk, report
from quarterdeck.base.clock import Clock
from quarterdeck.governance import prices
from quarterdeck.store.database import Store
from quarterdeck.store.overview import RunningTurn, began, running

SHOWN = 20


class Today(msgspec.Struct, frozen=True):
    """Since midnight UTC. `cost` is money as people write it, by currency; `unpriced` calls are in none of it."""

    running: Sequence[RunningTurn]
    messages: int
    turns: int
    failed: int
    calls: int
    tokens: int
    cost: Sequence[str]
    unpriced: int


class Activity:
    """Looks."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def today(self) -> Today:
        """Since midnight UTC, and now."""
        midnight = self._clock.now() // DAY * DAY
        counts = await began(self._store, midnight)
        since = datetime.fromtimestamp(midnight, UTC).isoformat()
        total = (await report(self._store, self._clock, UsageAsk(group="", since=since))).total
        return Today(
            await running(self._store, SHOWN), counts.messages, counts.turns, counts.failed, total.sums.calls,
            total.sums.input + total.sums.output, money(total.money), total.sums.unpriced,
        )  # fmt: skip


def money(by_currency: Mapping[str, int]) -> list[str]:
    """Amounts as people write them."""
    return [f"{prices.amount(units)} {currency}" for currency, units in sorted(by_currency.items())]
