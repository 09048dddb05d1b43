"""M4: how long until the platform is told that a message is kept, at 200 messages a second?"""

import time

from tests.waiting import slowly

from bench.figures import Measured, percentile
from bench.lab import Lab
from bench.world import world

PER_SECOND = 200
ROOMS = 100


async def measure(lab: Lab) -> Measured:
    """Messages come over Telegram one by one at a fixed rate, and are answered meanwhile; the feed's times of each."""
    count = lab.count(2000, quick=400)
    async with world(lab.folder("acknowledge"), "telegram") as here, here.gateway():
        await here.together(range(ROOMS))
        texts: list[str] = []
        begun = time.monotonic()
        for n in range(count):
            await slowly(max(0.0, begun + n / PER_SECOND - time.monotonic()))
            texts += await here.say([n % ROOMS])
        rate = count / (time.monotonic() - begun)
        await here.answered()
    numbers = [here.numbers[text] for text in texts]
    late = [1000 * (here.book.confirmed[n] - here.book.offered[n]) for n in numbers]
    values = {
        "acknowledgement, p99": percentile(late, 0.99),
        "acknowledgement, p50": percentile(late, 0.5),
        "messages per second": rate,
    }
    return Measured(values, count)
