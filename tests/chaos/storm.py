"""Twenty rooms that write to a fleet on one database, and what befalls its gateways meanwhile; judged together."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import msgspec

from tests.chaos.fleet import Fleet
from tests.checkers.judge import judge
from tests.checkers.violation import Violation
from tests.crash.configuration import SECRETS, Around, Settings, render
from tests.crash.load import ROOMS, People, settings_of
from tests.crash.run import flat
from tests.crash.telegram import telegram as bot_standin
from tests.crash.world import World
from tests.reading import Reader
from tests.standins.loopback import Settings as Platform
from tests.standins.loopback import loopback_standin
from tests.standins.model import model_standin

SIZE = 3
STORM_SECONDS = 400.0
REST_SECONDS = 120.0

Trouble = Callable[["Storm"], Awaitable[None]]


class Outcome(msgspec.Struct, frozen=True):
    """What came of a storm."""

    kills: int
    acts: int
    violations: tuple[Violation, ...]
    complaints: tuple[str, ...]
    folder: str
    given_up: int = 0

    def __str__(self) -> str:
        found = "\n  ".join([*map(str, self.violations), *self.complaints])
        return f"{self.kills} kills, {self.acts} acts ({self.folder}):\n  {found}"

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations and not self.complaints


class Storm:
    """A fleet under load, for whoever makes trouble."""

    def __init__(self, fleet: Fleet, here: World, seed: str) -> None:
        self.fleet = fleet
        self.here = here
        self.chance = random.Random(f"storm {seed}")


async def storm(
    trouble: Trouble,
    database: str,
    folder: Path,
    seed: str,
    number: int = 0,
    size: int = SIZE,
    *,
    at: str = "",
    telegram: bool = False,
) -> Outcome:
    """Let `trouble` happen to a loaded fleet, let it come to rest, and judge. The folder goes when all is fine.

    `at`: the database's address for the first gateway, where it has another way there. `telegram`: the one connection
    is a bot there, and whoever makes trouble writes to it; else people write in many rooms.
    """
    await asyncio.to_thread(folder.mkdir, parents=True)
    complaints: list[str] = []
    violations: list[Violation] = []
    settings = msgspec.structs.replace(settings_of(number), telegram=telegram)
    async with _world(folder, database, seed, settings, size, at) as (fleet, here):
        people = People(here)
        try:
            async with asyncio.timeout(STORM_SECONDS), asyncio.TaskGroup() as group:
                group.create_task(fleet.keep())
                await fleet.ready()
                writing = [group.create_task(people.write(f"r{room}")) for room in range(ROOMS if not telegram else 0)]
                await trouble(Storm(fleet, here, seed))
                people.enough = True
                await asyncio.gather(*writing)
                complaints += [] if await here.rest(REST_SECONDS) else ["it never came to rest"]
                await fleet.stop()
            evidence = await asyncio.to_thread(here.evidence)
            fleet.gather_blobs()
            violations = await asyncio.to_thread(judge, evidence, fleet.data, fleet.said(), here.secrets)
        except* (AssertionError, TimeoutError) as failed:
            complaints += [f"{type(error).__name__}: {error}" for error in flat(failed)]
        killed, given_up = len(fleet.killed), sum(one.given_up for one in fleet.gateways)
    outcome = Outcome(killed, people.acts, tuple(violations), tuple(complaints), str(folder), given_up)
    if outcome.fine:
        await asyncio.to_thread(shutil.rmtree, folder)
    return outcome


@asynccontextmanager
async def _world(
    folder: Path, database: str, seed: str, settings: Settings, size: int, at: str
) -> AsyncIterator[tuple[Fleet, World]]:
    async with AsyncExitStack() as stack:
        rules = Platform(keys=settings.keys, edits=settings.edits)
        platform = await stack.enter_async_context(loopback_standin(rules, record=folder / "platform.jsonl"))
        bot = await stack.enter_async_context(bot_standin(folder / "telegram.jsonl", SECRETS["BOT_TOKEN"]))
        model = await stack.enter_async_context(model_standin(record=folder / "model.jsonl"))

        def text(n: int) -> str:
            mine = msgspec.structs.replace(settings, database=(at or database) if n == 0 else database)
            return render(mine, Around(model.url, platform.url, bot.url, bot.port, "", ""))

        fleet = Fleet(folder, size, text)
        made = World(folder, fleet.gateways[0], platform, bot, model, random.Random(seed), Reader(database))
        yield fleet, stack.enter_context(closing(made))
