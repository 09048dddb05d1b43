"""Twenty rooms that write to a fleet on one database, and what befalls its gateways meanwhile; judged together."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from tests.chaos.fleet import Fleet
from tests.checkers.judge import judge
from tests.checkers.violation import Violation
from tests.crash.configuration import SECRETS, Around, Settings, render
from tests.crash.load import KINDS, PLAIN, ROOMS, People, settings_of
from tests.crash.run import flat
from tests.crash.telegram import telegram as bot_standin
from tests.crash.world import World
from tests.postgresql import Cluster
from tests.reading import Reader
from tests.standins.loopback import Settings as Platform
from tests.standins.loopback import loopback_standin
from tests.standins.model import model_standin
from tests.standins.proxy import Proxy, proxied

SIZE = 3
STORM_SECONDS = 400.0
REST_SECONDS = 120.0


class Trouble(NamedTuple):
    """What befalls a fleet, and who writes meanwhile: many people, calm ones, or one with a bot, who is told by it.

    `ahead`: by how many seconds each one's clock is ahead at the beginning. `roles`: what each does, if not all.
    """

    happens: "Callable[[Storm], Awaitable[None]]"
    people: Literal["all", "calm", "bot"] = "all"
    site: Path | None = None
    ahead: Sequence[float] = ()
    roles: Sequence[str] = ("",) * SIZE


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
    """A fleet under load, for whoever makes trouble. `way` is the first gateway's to its database, in `cluster`."""

    def __init__(self, fleet: Fleet, here: World, cluster: Cluster, database: str, way: Proxy, seed: str) -> None:
        self.fleet = fleet
        self.here = here
        self.cluster = cluster
        self.database = database
        self.way = way
        self.chance = random.Random(f"storm {seed}")


async def storm(trouble: Trouble, cluster: Cluster, folder: Path, seed: str, number: int = 0) -> Outcome:
    """Let it happen to a loaded fleet, let that come to rest, and judge. The folder goes when all is fine."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    complaints: list[str] = []
    violations: list[Violation] = []
    settings = msgspec.structs.replace(settings_of(number), telegram=trouble.people == "bot")
    async with _world(folder, cluster, seed, settings, trouble) as here:
        fleet, people = here.fleet, People(here.here, PLAIN if trouble.people == "calm" else KINDS)
        if trouble.site is not None:
            fleet.install(trouble.site)
        rooms = range(ROOMS if trouble.people != "bot" else 0)
        try:
            async with asyncio.timeout(STORM_SECONDS), asyncio.TaskGroup() as group:
                group.create_task(fleet.keep())
                await fleet.ready()
                writing = [group.create_task(people.write(f"r{room}")) for room in rooms]
                await trouble.happens(here)
                people.enough = True
                await asyncio.gather(*writing)
                complaints += [] if await here.here.rest(REST_SECONDS) else ["it never came to rest"]
                await fleet.stop()
            evidence = await asyncio.to_thread(here.here.evidence)
            violations = await asyncio.to_thread(judge, evidence, fleet.data, fleet.said(), here.here.secrets)
        except* (AssertionError, TimeoutError) as failed:
            complaints += [f"{type(error).__name__}: {error}" for error in flat(failed)]
        killed, given_up = len(fleet.killed), sum(one.given_up for one in fleet.gateways)
    outcome = Outcome(killed, people.acts, tuple(violations), tuple(complaints), str(folder), given_up)
    if outcome.fine:
        await asyncio.to_thread(shutil.rmtree, folder)
    return outcome


@asynccontextmanager
async def _world(
    folder: Path, cluster: Cluster, seed: str, settings: Settings, trouble: Trouble
) -> AsyncIterator[Storm]:
    database = await asyncio.to_thread(cluster.create)
    async with AsyncExitStack() as stack:
        rules = Platform(keys=settings.keys, edits=settings.edits)
        platform = await stack.enter_async_context(loopback_standin(rules, record=folder / "platform.jsonl"))
        bot = await stack.enter_async_context(bot_standin(folder / "telegram.jsonl", SECRETS["BOT_TOKEN"]))
        model = await stack.enter_async_context(model_standin(record=folder / "model.jsonl"))
        way = stack.enter_context(proxied(cluster.port))
        at = database.replace(f":{cluster.port}/", f":{way.port}/")

        def text(n: int) -> str:
            mine = msgspec.structs.replace(settings, database=at if n == 0 else database)
            return render(mine, Around(model.url, platform.url, bot.url, bot.port, "", ""))

        fleet = Fleet(folder, len(trouble.roles), text, trouble.ahead)
        for gateway, roles in zip(fleet.gateways, trouble.roles, strict=True):
            gateway.play(roles)
        made = World(folder, fleet.gateways[0], platform, bot, model, random.Random(seed), Reader(database))
        yield Storm(fleet, stack.enter_context(closing(made)), cluster, database, way, seed)
