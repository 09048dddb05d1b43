"""What does a key reach: which models, at what price, and what does the service's clock say?"""

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec

from quarterdeck.actions.probes import reach
from quarterdeck.actions.setup.trouble import Look, Trouble, clock, diagnose, proxy_variable
from quarterdeck.base.clock import Clock, SystemClock
from quarterdeck.base.errors import Retry
from quarterdeck.base.secrets import SecretRef
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.flow.configured import price_ask
from quarterdeck.governance import prices
from quarterdeck.governance.pricelist import list_prices
from quarterdeck.governance.prices import Price
from quarterdeck.model.turn import Usage
from quarterdeck.net.client import Client, NetError
from quarterdeck.net.outgoing import Outgoing, Timeouts
from quarterdeck.ports import Provider, ProviderFailed

LIST_SECONDS = 30.0
LOOK = Timeouts(connect=5.0, first_byte=5.0, idle=5.0, total=10.0)
SAMPLE = 1_000  # tokens; a price for a million may be one for long requests only
TYPED = "QUARTERDECK_INIT_KEY"
"""The name under which a typed key is known until it has a file."""

Alone = Callable[[str, ProviderConfig, Mapping[str, str]], AbstractAsyncContextManager[Provider]]
"""A provider by itself, from its name, its table and the environment that holds its key."""


class Reached(msgspec.Struct, frozen=True):
    """The names of the models that can be talked to, in the service's order, and what is worth saying beside. `url` is
    the address that listed them.
    """

    models: tuple[str, ...]
    warning: Trouble | None = None
    url: str = ""

    def table(self, one: ProviderConfig, asked: str) -> ProviderConfig:
        """The table `one` at the address that answered, where that is not the one that was asked first."""
        return one if self.url == asked else msgspec.structs.replace(one, base_url=self.url)


class Reach:
    """Asks services for what they have. `environ` is the process's environment."""

    def __init__(self, alone: Alone, environ: Mapping[str, str], ours: Clock) -> None:
        self._alone = alone
        self._environ = environ
        self._ours = ours

    def provider(self, name: str, one: ProviderConfig, key: str) -> AbstractAsyncContextManager[Provider]:
        """It by itself. A typed `key` goes before what the table refers to."""
        if key:
            one = msgspec.structs.replace(one, api_keys=(SecretRef(env=TYPED),))
        return self._alone(name, one, {**self._environ, TYPED: key})

    async def models(
        self, name: str, one: ProviderConfig, url: str, key: str = "", seconds: float = LIST_SECONDS
    ) -> Reached | Trouble:
        """Ask for the list of models; nothing is spent. An address that somebody wrote is also tried with /v1."""
        found = await self._models(name, one, url, key, seconds)
        if isinstance(found, Reached) or found.name != "wrong_address" or not one.base_url or url.endswith("/v1"):
            return found
        longer = f"{url.rstrip('/')}/v1"
        further = await self._models(name, msgspec.structs.replace(one, base_url=longer), longer, key, seconds)
        return found if isinstance(further, Trouble) and further.name == "wrong_address" else further

    async def _models(self, name: str, one: ProviderConfig, url: str, key: str, seconds: float) -> Reached | Trouble:
        async with self.provider(name, one, key) as provider:
            try:
                async with asyncio.timeout(seconds):
                    found = await provider.models()
            except TimeoutError:
                state, reason = "unreachable", f"no answer within {seconds:.0f} s"
            except ProviderFailed as failed:
                state, reason = "wrong_address" if failed.kind == "invalid" else reach(failed), str(failed)
            else:
                talking = tuple(model.name for model in found if "embeddings" not in model.capabilities)
                return Reached(talking, clock(await self._look(url)) if url else None, url)
        return await self.trouble(state, reason, url)

    async def trouble(self, state: str, reason: str, url: str) -> Trouble:
        """A provider's failure, as `models test` words it, beside what a plain request shows."""
        return diagnose(state, reason, await self._look(url), url)

    async def _look(self, url: str) -> Look:
        """A plain request without a key."""
        proxy = proxy_variable(self._environ)
        async with Client() as client:
            try:
                answer = await client.request(Outgoing(method="GET", url=url, trusted=True, timeouts=LOOK))
            except NetError:
                return Look(proxy=proxy)
        try:
            date = parsedate_to_datetime(answer.headers.get("Date", ""))
        except ValueError:  # no date, or none that can be read
            return Look(answer.status, proxy=proxy)
        return Look(answer.status, self._ours.now() - date.timestamp(), proxy)


async def priced(name: str, one: ProviderConfig, models: Sequence[str]) -> dict[str, str]:
    """What models cost, in words; those without a list price are left out."""
    asks = [price_ask(f"{name}/{model}", one) for model in models]
    with tempfile.TemporaryDirectory(prefix="quarterdeck-setup-") as folder:
        try:
            found, _ = await list_prices(tuple(ask for ask in asks if ask is not None), Path(folder) / "prices.json")
        except Retry:
            return {}  # the course goes on without; the gateway says so in its log
    return {route.partition("/")[2]: words for route, price in found.items() if (words := _words(price))}


def _words(price: Price) -> str:
    at = SystemClock().now()
    costs = [prices.cost(price, usage, at) for usage in (Usage(input=SAMPLE), Usage(output=SAMPLE))]
    if None in costs:
        return ""
    read, write = (prices.amount((one or 0) * (1_000_000 // SAMPLE)) for one in costs)
    return f"{read} {price.currency} in, {write} out, for a million tokens"
