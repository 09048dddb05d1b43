"""What does a key reach: which models, at what price, and what does the service's clock say?"""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec

from quarterdeck.api.control.lists import reach
from quarterdeck.base.clock import Clock, SystemClock
from quarterdeck.base.errors import NotFound, Retry
from quarterdeck.base.secrets import SecretReader
from quarterdeck.base.settings import Config, ProviderConfig
from quarterdeck.cli.wizard.trouble import Look, Trouble, clock, diagnose, proxy_variable
from quarterdeck.flow.configured import price_ask
from quarterdeck.governance import prices
from quarterdeck.governance.pricelist import list_prices
from quarterdeck.governance.prices import Price
from quarterdeck.model.turn import Usage
from quarterdeck.net.client import Client, NetError
from quarterdeck.net.outgoing import Outgoing, Timeouts
from quarterdeck.observe.log import Level, make_logger
from quarterdeck.plugins.build import Plugins
from quarterdeck.ports import ProviderFailed
from quarterdeck.wiring.builtin import Builder

LIST_SECONDS = 30.0
LOOK = Timeouts(connect=5.0, first_byte=5.0, idle=5.0, total=10.0)
SAMPLE = 1_000  # tokens; a price for a million may be one for long requests only


class Reached(msgspec.Struct, frozen=True):
    """The names of the models that can be talked to, in the service's order, and what is worth saying beside."""

    models: tuple[str, ...]
    warning: Trouble | None = None


class _NoFiles:
    """Nothing is sent here that has a file."""

    async def read(self, digest: str) -> bytes:
        raise NotFound(f"there is no file {digest}")


async def ask(
    name: str, one: ProviderConfig, url: str, environ: Mapping[str, str], seconds: float = LIST_SECONDS
) -> Reached | Trouble:
    """Ask for the list of models; nothing is spent. `environ` holds the key that the table refers to."""
    ours = SystemClock()
    async with AsyncExitStack() as stack:
        client = Client()
        stack.push_async_callback(client.close)
        log = make_logger(Level("error"), "text")
        secrets, nothing = SecretReader(environ, ours), Config()
        builder = Builder(nothing, client, secrets, ours, log, stack, Plugins(nothing), _NoFiles())
        provider = await builder.provider(name, one)
        try:
            async with asyncio.timeout(seconds):
                found = await provider.models()
        except TimeoutError:
            state, reason = "unreachable", f"no answer within {seconds:.0f} s"
        except ProviderFailed as failed:
            state, reason = reach(failed), str(failed)
        else:
            talking = tuple(model.name for model in found if "embeddings" not in model.capabilities)
            warning = clock(await _look(client, url, ours, environ)) if url else None
            return Reached(talking, warning)
        return diagnose(state, reason, await _look(client, url, ours, environ), url)


def look(url: str, environ: Mapping[str, str]) -> Look:
    """A plain request without a key."""

    async def once() -> Look:
        async with Client() as client:
            return await _look(client, url, SystemClock(), environ)

    return asyncio.run(once())


async def _look(client: Client, url: str, ours: Clock, environ: Mapping[str, str]) -> Look:
    proxy = proxy_variable(environ)
    try:
        answer = await client.request(Outgoing(method="GET", url=url, trusted=True, timeouts=LOOK))
    except NetError:
        return Look(proxy=proxy)
    try:
        date = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:  # no date, or none that can be read
        return Look(answer.status, proxy=proxy)
    return Look(answer.status, ours.now() - date.timestamp(), proxy)


async def priced(name: str, one: ProviderConfig, models: Sequence[str]) -> dict[str, str]:
    """What models cost, in words; those without a list price are left out."""
    asks = [price_ask(f"{name}/{model}", one) for model in models]
    with tempfile.TemporaryDirectory(prefix="quarterdeck-init-") as folder:
        try:
            found, _ = await list_prices(tuple(ask for ask in asks if ask is not None), Path(folder) / "prices.json")
        except Retry:
            return {}  # the wizard goes on without; the gateway says so in its log
    return {route.partition("/")[2]: words for route, price in found.items() if (words := _words(price))}


def _words(price: Price) -> str:
    at = SystemClock().now()
    costs = [prices.cost(price, usage, at) for usage in (Usage(input=SAMPLE), Usage(output=SAMPLE))]
    if None in costs:
        return ""
    read, write = (prices.amount((one or 0) * (1_000_000 // SAMPLE)) for one in costs)
    return f"{read} {price.currency} in, {write} out, for a million tokens"
