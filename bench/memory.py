"""S5: how much memory does it hold, idle and for every person that it knows, and how large is it on the disk?"""

from tests.waiting import slowly

from bench.figures import Measured
from bench.install import installed_mb
from bench.lab import Lab
from bench.world import world

SETTLE_S = 2.0
WARM = 1000  # at once: connections and page caches for so many are held from then on, whoever comes


async def measure(lab: Lab) -> Measured:
    """Idle with Telegram configured; then, over loopback, one message of every new person. Once in a run, the size."""
    people = lab.count(2000, quick=500)
    async with world(lab.folder("idle"), "telegram") as here, here.gateway() as gateway:
        await here.talk([0])
        await slowly(SETTLE_S)
        idle = gateway.memory()
    async with world(lab.folder("people")) as here, here.gateway() as gateway:
        await here.together(range(WARM))
        await slowly(SETTLE_S)
        before = gateway.memory()
        await here.together(range(WARM, WARM + people))
        await slowly(SETTLE_S)
        grown = gateway.memory() - before
    values = {
        "memory idle": idle,
        "memory per 1,000 known sessions": grown * 1000 / people,
        "memory after 1,000 people at once": before,
    }
    if lab.first:
        values["install"] = await installed_mb(lab.folder("install"))
    return Measured(values, people)
