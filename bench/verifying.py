"""A4: how many entries of the record does the verifier check in a second?"""

import time
from collections.abc import Mapping, Sequence

import msgspec

from bench.figures import Measured
from bench.gateway import Failed, command
from bench.lab import Lab
from bench.world import world

SESSIONS = 50
SHORT = 30  # messages of each: too few to be summarized


class Log(msgspec.Struct, frozen=True):
    """What the verifier says of one log."""

    size: int


class Report(msgspec.Struct, frozen=True):
    """What it says of them all."""

    logs: Sequence[Log]
    counts: Mapping[str, int]


async def measure(lab: Lab) -> Measured:
    """People write, the gateway ends, and the command that checks the record is timed from its start to its end."""
    rounds = lab.count(3 * SHORT, quick=6)
    async with world(lab.folder("verify")) as here:
        async with here.gateway():
            for number in range(rounds):
                first = SESSIONS * (number // SHORT)
                await here.together(range(first, first + SESSIONS))
        begun = time.monotonic()
        found = msgspec.convert(await command(here.folder, "audit", "verify"), Report)
        took = time.monotonic() - begun
    if found.counts:
        raise Failed(f"the record does not hold: {found.counts}")
    entries = sum(log.size for log in found.logs)
    return Measured({"entries per second": entries / took, "the whole check": took}, entries)
