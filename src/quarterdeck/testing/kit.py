"""A Kit for a plugin's own tests: a real client, secrets from a mapping, a log that is kept, a folder of the test's."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import SecretReader
from quarterdeck.net.client import Client
from quarterdeck.plugins import Kit


class KeptLog:
    """An EventLog that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        """Keep a line."""
        self.lines.append((event, fields))

    warning = error = info


@asynccontextmanager
async def kit(folder: Path, secrets: Mapping[str, str] | None = None) -> AsyncGenerator[Kit]:
    """What `build` is given; `secrets` are environment variables, `folder` takes the place of DATA_DIR/plugins/NAME."""
    clock = SystemClock()
    async with Client() as client:
        yield Kit(client, SecretReader(secrets or {}, clock), clock, KeptLog(), folder)
