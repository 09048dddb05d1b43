"""Whoever asks while the demo model is being fetched is answered by it, or told what stands in the way."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.errors import GiveUp, QuarterdeckError, Retry
from quarterdeck.base.secrets import Secret
from quarterdeck.base.supervise import Service, Supervisor
from quarterdeck.net.client import Client
from quarterdeck.ports import ModelRequest, Provider
from quarterdeck.providers.http.adapter import Endpoint
from quarterdeck.providers.local.fetching import Fetching
from quarterdeck.providers.local.pull import Progress
from quarterdeck.providers.local.shelf import ModelStatus
from quarterdeck.wiring.demo import demo_model
from tests.channels.support import KeptLog
from tests.providers.asking import asked, history
from tests.standins.model import KEY
from tests.standins.model.server import model_standin

WISH = ModelRequest("m", "", history("Is anybody there?"))


class Download:
    """A pull that moves and ends when the test says so."""

    def __init__(self) -> None:
        self.begun: asyncio.Future[Callable[[Progress], None]] = asyncio.get_running_loop().create_future()
        self.end: asyncio.Future[ModelStatus] = asyncio.get_running_loop().create_future()

    async def pull(self, data_dir: Path, progress: Callable[[Progress], None]) -> ModelStatus:
        self.begun.set_result(progress)
        return await self.end


@asynccontextmanager
async def fetched(
    folder: Path, still_seconds: float = 20.0
) -> AsyncGenerator[tuple[Provider, Download, Callable[[Progress], None]]]:
    """The demo model whose download has begun, with a stand-in in its engine's place."""
    download = Download()
    fetching = Fetching(folder, KeptLog(), download.pull, still_seconds)
    async with model_standin() as standin, Client() as client, Supervisor(KeptLog(), SystemClock()) as supervisor:

        async def endpoint(key: str) -> Endpoint:
            return Endpoint(f"{standin.url}/v1", Secret(KEY))

        await supervisor.start(Service(name="fetch", run=fetching.run))
        progress = await download.begun
        yield demo_model("main", client, SystemClock(), endpoint, fetching), download, progress
        if not download.end.done():
            download.end.set_result(ModelStatus("ready"))


async def test_whoever_asks_before_it_is_there_is_answered_when_it_is(tmp_path: Path) -> None:
    async with fetched(tmp_path, still_seconds=2.0) as (model, download, progress), asyncio.TaskGroup() as group:
        asking = group.create_task(asked(model, WISH))
        for done in range(50):  # in all longer than a download may stand still
            progress(Progress("weights", done, 100))
            finished, _ = await asyncio.wait([asking], timeout=0.05)
            assert not finished
        download.end.set_result(ModelStatus("ready"))
        answer, shown = await asking
    assert answer.message.text == shown
    assert "Is anybody there?" in shown
    assert "fetched" not in shown


@pytest.mark.parametrize("error", [Retry("no network: look at the cable"), GiveUp("no room: free some space")])
async def test_what_stands_in_the_way_is_told_at_once(tmp_path: Path, error: QuarterdeckError) -> None:
    async with fetched(tmp_path) as (model, download, _), asyncio.TaskGroup() as group:
        asking = group.create_task(asked(model, WISH))
        download.end.set_exception(error)
        answer, _ = await asking
    assert answer.message.text == f"The demo model is not here yet: {error}"


async def test_a_machine_that_is_too_small_is_told_so(tmp_path: Path) -> None:
    async with fetched(tmp_path) as (model, download, _), asyncio.TaskGroup() as group:
        asking = group.create_task(asked(model, WISH))
        download.end.set_result(ModelStatus("missing", ("memory",)))
        answer, _ = await asking
    assert answer.message.text == "The demo model is not here yet: this machine lacks memory for it"


async def test_nobody_waits_for_a_download_that_does_not_move(tmp_path: Path) -> None:
    async with fetched(tmp_path, still_seconds=0.2) as (model, _, progress):
        progress(Progress("weights", 30, 100))
        answer, _ = await asked(model, WISH)
    assert answer.message.text == "The demo model is being fetched: weights (30 %). Please ask again in a moment."
