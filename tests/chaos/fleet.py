"""A fleet of gateways on one database, each the real command in a folder of its own."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.clocks.wall import WallClock
from tests.crash.configuration import SECRETS
from tests.crash.gateway import Gateway

KEY = "audit.key"


class Fleet:
    """`gateways` live in `folder`/g0, g1 ...; `text` gives each its configuration.

    Where `ahead` says how many seconds, each has a clock of its own; all may be set while they run.
    """

    def __init__(self, folder: Path, size: int, text: Callable[[int], str], ahead: Sequence[float] = ()) -> None:
        make_key(folder / KEY)
        self.gateways: list[Gateway] = []
        for n in range(size):
            home = folder / f"g{n}"
            home.mkdir()
            (home / "config.toml").write_text(f'{text(n)}\n[audit]\nkey = {{ file = "{folder / KEY}" }}\n')
            self.gateways.append(Gateway(home, SECRETS, (), None))
        self.clocks = [WallClock(folder / f"clock{n}", seconds) for n, seconds in enumerate(ahead)]
        for gateway, clock in zip(self.gateways, self.clocks, strict=False):
            gateway.wear(clock)

    @property
    def data(self) -> Path:
        """The first one's folder: what is judged besides the database is the same everywhere."""
        return self.gateways[0].data

    @property
    def killed(self) -> list[str]:
        """What ended any of them by SIGKILL."""
        return [end for gateway in self.gateways for end in gateway.killed]

    def said(self) -> str:
        """All that they wrote."""
        return "".join(gateway.said() for gateway in self.gateways)

    def install(self, site: Path) -> None:
        """All of them are of the version that is installed there, from their next lives on."""
        for gateway in self.gateways:
            gateway.install(site)

    async def keep(self) -> None:
        """Keep all of them running until they are stopped."""
        async with asyncio.TaskGroup() as group:
            for gateway in self.gateways:
                group.create_task(gateway.keep())

    async def ready(self) -> list[str]:
        """Wait until all have their intake open; their addresses."""
        return list(await asyncio.gather(*(gateway.ready() for gateway in self.gateways)))

    async def stop(self) -> None:
        """Drain all of them, one after the other."""
        for gateway in self.gateways:
            await gateway.stop(last=True)


def make_key(path: Path) -> None:
    """A key to seal the record with, which all of them have."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
