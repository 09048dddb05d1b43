"""Which price has which model now? The table in force, by route; swapped whole when the configuration changes."""

import hashlib
from collections.abc import Mapping

import msgspec

from quarterdeck.governance import prices
from quarterdeck.governance.prices import Price
from quarterdeck.model.turn import Usage


class Cost(msgspec.Struct, frozen=True):
    """Money as an integer of 10^-9 of the currency; `amount` None and no currency: no price is known.

    `version` names the price table that said so.
    """

    amount: int | None
    currency: str
    version: str


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
        price = self._prices.get(route)
        return self._cost(price, prices.cost(price, usage, at) if price else None)

    def reserve(self, route: str, tokens_in: int, tokens_out: int, at: float) -> Cost:
        """What a call of that size costs at most."""
        price = self._prices.get(route)
        return self._cost(price, prices.reserve(price, tokens_in, tokens_out, at) if price else None)

    def _cost(self, price: Price | None, amount: int | None) -> Cost:
        return Cost(amount, price.currency if price and amount is not None else "", self._version)
