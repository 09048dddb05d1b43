"""S3: what does a turn over Telegram cost, everything included, and where does it go?"""

from collections.abc import Awaitable

from bench.figures import Measured
from bench.gateway import Gateway
from bench.lab import Lab
from bench.machine import Cpu
from bench.stages import measure_stages
from bench.world import alone, world

WARM, PEOPLE = 20, 20


async def measure(lab: Lab) -> Measured:
    """One person at a time who waits for each answer, then twenty at once; once in a run, also the stages."""
    count = lab.count(300, quick=60)
    async with world(lab.folder("cpu"), "telegram") as here, here.gateway() as gateway:
        await here.talk([0] * WARM)
        one = await per_turn(gateway, count, here.talk(alone(count)))
        many = [room for _ in range(count // PEOPLE) for room in range(PEOPLE)]
        beside = await per_turn(gateway, len(many), here.together(many))
    values = {"CPU per turn": one.total * 1000, "CPU per turn, 20 people at once": beside.total * 1000}
    if lab.first:
        values |= await measure_stages(lab.folder("stages"), one, count)
    return Measured(values, count)


async def per_turn(gateway: Gateway, count: int, talk: Awaitable[object]) -> Cpu:
    """What each of `count` turns costs, from rest to rest."""
    await gateway.at_rest()
    before = gateway.cpu()
    await talk
    await gateway.at_rest()
    return gateway.cpu().since(before).share(count)
