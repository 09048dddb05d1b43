"""S2: how many turns a second, when the model answers at once and many people write?"""

from bench.figures import Measured
from bench.lab import Lab
from bench.world import world

SESSIONS = 50


async def measure(lab: Lab) -> Measured:
    """Fifty people each write a row of messages at once; the time from the first message to the last answer."""
    each = lab.count(30, quick=6)
    async with world(lab.folder("throughput")) as here, here.gateway() as gateway:
        await here.together(range(SESSIONS))
        await gateway.at_rest()
        before, standins = gateway.cpu(), here.standins_cpu()
        texts = await here.together([room for _ in range(each) for room in range(SESSIONS)])
        await gateway.at_rest()
        used, standins = gateway.cpu().since(before), here.standins_cpu() - standins
    begun = min(here.book.offered[here.numbers[text]] for text in texts)
    ended = max(here.book.sent[text] for text in texts)
    values = {
        "turns per second": len(texts) / (ended - begun),
        "CPU per turn under load": 1000 * used.total / len(texts),
        "CPU of the stand-ins per turn": 1000 * standins / len(texts),
    }
    return Measured(values, len(texts))
