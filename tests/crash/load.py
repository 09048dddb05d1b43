"""Twenty rooms that write all kinds of messages at once, and kills at random times."""

import asyncio
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.checkers.violation import Violation
from tests.crash.configuration import Settings
from tests.crash.run import flat
from tests.crash.world import Said, World, world
from tests.standins.loopback import Fault, Upload
from tests.waiting import slowly

ROOMS = 20
PENDING = 200  # people write no more while so much is not confirmed
BETWEEN_S = (0.2, 1.8)  # seconds between two acts of a room
LIFE_S = (0.05, 1.8)  # how long the gateway may live after a kill, its start included
PAUSE_EVERY, PAUSE_S = 5, 5.0  # now and then it gets the time to work something off
SEGMENT_SECONDS = 900.0
REST_SECONDS = 240.0
QUEUES = ("followup", "collect", "steer", "interrupt")

KINDS = (
    "hello {n}",
    "hello {n}",
    "slow {n} [[delay 0.5]]",
    'pass on {n} [[tool send_message {"room": "ROOM", "text": "for you {n}"}]]',
    'do it {n} [[tool http_post {"payload": {"for": "{n}"}}]]',
    'both {n} [[tool time {}]] [[tool http_post {"payload": {"for": "{n}"}}]] [[then]] [[tool time {}]]',
    "all of it {n} [[long 5000]]",
    "pieces {n} [[stream 5 120]]",
    "once {n} [[status 500 x1]]",
    "later {n} [[status 429 0.2 x1]]",
    "hang {n} [[hang x1]]",
    "cut {n} [[cut 2 x1]]",
    "/stop {n}",
    "/new {n}",
    "/status {n}",
)


PLAIN = ("hello {n}", "slow {n} [[delay 0.5]]", "all of it {n} [[long 5000]]", "pieces {n} [[stream 5 120]]")
"""What calm people write, where only the gateway may be late: less than it can answer."""
CALM_S = (2.0, 6.0)


class Segment(msgspec.Struct, frozen=True):
    """What came of some kills under load, judged together."""

    kills: int
    acts: int
    violations: tuple[Violation, ...]
    complaints: tuple[str, ...]
    folder: str = ""


def settings_of(number: int) -> Settings:
    """Segments take turns at the modes, with and without keys and growing answers."""
    return Settings(
        queue=QUEUES[number % 4],
        debounce_ms=100 if number % 4 == 1 else 0,
        keys=number % 2 == 1,
        streaming=number % 3 == 0,
        first_byte=1.0,
    )


async def segment(number: int, kills: int, folder: Path, seed: str) -> Segment:
    """Kill a loaded gateway `kills` times, let it come to rest, and judge. The folder goes when all is fine."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    complaints: list[str] = []
    violations: list[Violation] = []
    async with world(folder, settings_of(number), seed) as here:
        people = People(here)
        try:
            async with asyncio.timeout(SEGMENT_SECONDS), asyncio.TaskGroup() as group:
                group.create_task(here.gateway.keep())
                writing = [group.create_task(people.write(f"r{room}")) for room in range(ROOMS)]
                await _kill(here, kills)
                people.enough = True
                await asyncio.gather(*writing)
                complaints += [] if await here.rest(REST_SECONDS) else ["it never came to rest"]
                await here.gateway.stop(last=True)
            evidence = await asyncio.to_thread(here.evidence)
            violations = await asyncio.to_thread(here.judge, evidence)
        except* (AssertionError, TimeoutError) as failed:
            complaints += [f"{type(error).__name__}: {error}" for error in flat(failed)]
        killed = len(here.gateway.killed)
    if not violations and not complaints:
        await asyncio.to_thread(shutil.rmtree, folder)
    return Segment(killed, people.acts, tuple(violations), tuple(complaints), str(folder))


async def _kill(here: World, kills: int) -> None:
    chance = random.Random(f"kills {here.chance.random()}")
    for number in range(kills):
        if number % PAUSE_EVERY == 0:
            await here.gateway.ready()
            await slowly(PAUSE_S * chance.random())
        await slowly(chance.uniform(*LIFE_S))
        await here.gateway.kill()


class People:
    """Who writes, until it is enough: texts of these kinds. A platform that loses answers goes with all of them."""

    def __init__(self, here: World, kinds: Sequence[str] = KINDS) -> None:
        self.enough = False
        self.acts = 0
        self._here = here
        self._kinds = kinds

    async def write(self, room: str) -> None:
        """One room's people."""
        chance = random.Random(f"{room} {self._here.chance.random()}")
        last: Said | None = None
        while not self.enough:
            if len(self._here.platform.pending) < PENDING:
                last = self._act(room, chance, last)
                self.acts += 1
            await slowly(chance.uniform(*(BETWEEN_S if self._kinds is KINDS else CALM_S)))

    def _act(self, room: str, chance: random.Random, last: Said | None) -> Said:
        """Mostly a new message; sometimes an edit, a duplicate, a file, or a platform that loses an answer."""
        dice = chance.random()
        if last is not None and dice < 0.08:
            return self._here.edit(last, "changed {n}")
        if last is not None and dice < 0.14:
            self._here.again(last)
            return last
        if dice < 0.18:
            file = Upload("note.txt", "text/plain", chance.randbytes(500))
            return self._here.say("with a file {n}", room=room, attachments=[file])
        if dice < 0.22 and self._kinds is KINDS:
            kind = chance.choice(("drop_after", "drop_before", "rate"))
            self._here.platform.fault(Fault(route="messages", kind=kind, retry_after=0.2))
        text = chance.choice(self._kinds).replace("ROOM", f"r{chance.randrange(ROOMS)}")
        return self._here.say(text, room=room)
