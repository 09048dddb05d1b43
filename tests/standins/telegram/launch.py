"""How does a test start the stand-in?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.standins import serving, spawned
from tests.standins.telegram.driver import TelegramDriver
from tests.standins.telegram.server import application
from tests.standins.telegram.state import DEFAULT_TOKEN, State


@dataclass(frozen=True)
class RunningStandIn:
    """A stand-in that answers. `url` is what the bot takes as `api_root`."""

    url: str
    token: str
    driver: TelegramDriver


@asynccontextmanager
async def in_process(
    *, token: str = DEFAULT_TOKEN, state_file: Path | None = None, strict_rates: bool = False, port: int = 0
) -> AsyncIterator[RunningStandIn]:
    """Run a stand-in in the running event loop."""
    state = State(token, state_file, strict_rates)
    try:
        async with serving(application(state), port) as url, TelegramDriver(url) as driver:
            yield RunningStandIn(url, token, driver)
    finally:
        state.journal.close()


@asynccontextmanager
async def own_process(
    state_file: Path, *, token: str = DEFAULT_TOKEN, strict_rates: bool = False
) -> AsyncIterator[RunningStandIn]:
    """Run a stand-in as a process of its own, which nothing that happens to the bot can touch."""
    options = ["--state", str(state_file), "--token", token, *(["--strict-rates"] if strict_rates else [])]
    async with spawned("telegram", *options) as (url, _process), TelegramDriver(url) as driver:
        yield RunningStandIn(url, token, driver)
