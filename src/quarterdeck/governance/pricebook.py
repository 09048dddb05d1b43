"""Which price has which model now? The table in force, by route; swapped whole when the configuration changes."""

import hashlib
from collections.abc import Mapping

import msgspec

from quarterdeck.governance import prices
from quarterdeck.governance.prices import Price
from quarterdeck.model.turn import Usage

Cost = tuple[int | None, str]
"""Money as an integer of 10^-9, and its currency; (None, ""): no price is known."""
NO_PRICE: Cost = (None, "")


class PriceBook:
    """Looks up by route (`provider/model`). A route that it does not hold has no price."""

    def __init__(self) -> None:
        self._prices: Mapping[str, Price] = {}
        self._version = ""

    @property
    def version(self) -> str:
        """The version of the table in force, empty for none."""
        return self._version

    def replace(self, found: Mapping[str, Price], version: str, own: Mapping[str, Price]) -> None:
        """Put list prices (`version` says whose) and prices of one's own in force; one's own go before."""
        self._prices = {**found, **own}
        names = [version] if version else []
        if own:
            names.append(f"own-{hashlib.sha256(msgspec.json.encode(own, order='deterministic')).hexdigest()[:12]}")
        self._version = "+".join(names)

    def cost(self, route: str, usage: Usage, at: float) -> Cost:
        """What a call that began `at` costs."""
        if (price := self._prices.get(route)) is None:
            return NO_PRICE
        amount = prices.cost(price, usage, at)
        return NO_PRICE if amount is None else (amount, price.currency)

    def reserve(self, route: str, tokens_in: int, tokens_out: int, at: float) -> Cost:
        """What a call of that size costs at most."""
        if (price := self._prices.get(route)) is None:
            return NO_PRICE
        amount = prices.reserve(price, tokens_in, tokens_out, at)
        return NO_PRICE if amount is None else (amount, price.currency)
