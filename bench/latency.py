"""S1: how much does the gateway add to an answer, when one person writes at a time?"""

from bench.figures import Measured, percentile
from bench.lab import Lab
from bench.world import alone, world

WARM = 10


async def measure(lab: Lab) -> Measured:
    """One conversation over loopback: the time from the platform's feed to the model, and from it to the send."""
    count = lab.count(150, quick=30)
    async with world(lab.folder("latency")) as here, here.gateway():
        await here.talk([0] * WARM)
        texts = await here.talk(alone(count))
    book = here.book
    to_model = [1000 * (book.asked[text] - book.offered[here.numbers[text]]) for text in texts]
    to_send = [1000 * (book.sent[text] - book.answered[text]) for text in texts]
    added = [before + after for before, after in zip(to_model, to_send, strict=True)]
    values = {
        "added latency, p50": percentile(added, 0.5),
        "added latency, p99": percentile(added, 0.99),
        "inbound to model request, p50": percentile(to_model, 0.5),
        "model answer to send, p50": percentile(to_send, 0.5),
    }
    return Measured(values, count)
