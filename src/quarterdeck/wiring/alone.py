"""One provider by itself: built as a gateway builds it, before any configuration names it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from quarterdeck.actions.setup.reach import Alone
from quarterdeck.base.clock import SystemClock
from quarterdeck.base.errors import NotFound
from quarterdeck.base.secrets import SecretReader
from quarterdeck.base.settings import Config, ProviderConfig
from quarterdeck.base.supervise import EventLog
from quarterdeck.net.client import Client
from quarterdeck.plugins.build import Plugins
from quarterdeck.ports import Provider
from quarterdeck.wiring.builtin import Builder


class _NoFiles:
    """Nothing is sent here that has a file."""

    async def read(self, digest: str) -> bytes:
        raise NotFound(f"there is no file {digest}")


def alone(log: EventLog) -> Alone:
    """How to build a provider by itself. What it has to say goes into `log`."""
    clock, nothing = SystemClock(), Config()

    @asynccontextmanager
    async def build(name: str, one: ProviderConfig, environ: Mapping[str, str]) -> AsyncGenerator[Provider]:
        async with AsyncExitStack() as stack:
            client = Client()
            stack.push_async_callback(client.close)
            secrets = SecretReader(environ, clock)
            builder = Builder(nothing, client, secrets, clock, log, stack, Plugins(nothing), _NoFiles())
            yield await builder.provider(name, one)

    return build
