"""Which prices are in force: those of the configuration, and list prices for the other models that it names."""

from pathlib import Path

from quarterdeck.base.errors import Retry
from quarterdeck.base.settings import Config
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow import configured
from quarterdeck.governance.pricebook import PriceBook
from quarterdeck.governance.pricelist import Found, list_prices


class Prices:
    """The use case of (re)loading prices. `file` keeps list prices over restarts."""

    def __init__(self, config: Config, book: PriceBook, file: Path, log: EventLog) -> None:
        self._config = config
        self._book = book
        self._file = file
        self._log = log

    async def run(self, life: Life) -> None:
        """Ready when prices are in force, so that turns that begin later have them. See base.supervise.Service."""
        await self.load(self._config)
        life.ready()
        await life.stopping.wait()

    async def load(self, config: Config) -> None:
        """Put the prices of a configuration in force. Without list prices such models have none, and it is said."""
        own = configured.own_prices(config)
        found: Found = {}
        version = ""
        try:
            found, version = await list_prices(configured.price_asks(config), self._file)
        except (Retry, OSError) as error:
            self._log.error("prices.failed", reason=str(error), alert=True)
        self._book.replace(found, version, own)
        unknown = sorted(configured.routes(config) - found.keys() - own.keys())
        self._log.info("prices.loaded", version=self._book.version, without_price=unknown)
