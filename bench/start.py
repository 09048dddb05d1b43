"""S4: how soon is it there, and how soon does it answer?"""

import asyncio
import os
import sys
import time

import msgspec

from bench.figures import Measured, percentile
from bench.gateway import Failed
from bench.lab import Lab
from bench.report import ROOT
from bench.world import CLOSE_LOOK_S, World, world

IMPORTS = """
import json, time
begun = time.perf_counter()
import quarterdeck.cli.up, quarterdeck.channels.telegram.adapter, quarterdeck.providers.openai_compatible.adapter
print(json.dumps({"seconds": time.perf_counter() - begun}))
"""


class Imports(msgspec.Struct):
    """What the child says."""

    seconds: float


class Start(msgspec.Struct, frozen=True):
    """One start: seconds until it is ready, CPU seconds until then, seconds of its first answer."""

    ready: float
    cpu: float
    answer: float


async def measure(lab: Lab) -> Measured:
    """Several starts over one data directory, Telegram configured, bytecode and disk cache warm."""
    count = lab.count(5, quick=2)
    async with world(lab.folder("start"), "telegram") as here:
        await _start(here)  # writes bytecode, migrates
        starts = [await _start(here) for _ in range(count)]
        waited = [await _start_with_message(here) for _ in range(count)]
    values = {
        "cold start": percentile([start.ready for start in starts], 0.5),
        "cold start, CPU": percentile([start.cpu for start in starts], 0.5),
        "imports": percentile([await _imports() for _ in range(count)], 0.5),
        "first answer, over the model's time": percentile([start.answer for start in starts], 0.5),
        "start to the answer of a message that waited": percentile(waited, 0.5),
    }
    return Measured(values, count)


async def _start(here: World) -> Start:
    """A start, and a message that is written when it is ready."""
    async with here.gateway() as gateway:
        (text,) = await here.talk([0])
    book = here.book
    model = book.answered[text] - book.asked[text]
    answer = book.sent[text] - book.offered[here.numbers[text]] - model
    return Start(gateway.ready_s, gateway.ready_cpu, answer)


async def _start_with_message(here: World) -> float:
    """Seconds from the start to the answer of a message that was written before it."""
    (text,) = await here.say([0])
    begun = time.time()
    async with here.gateway():
        await here.answered(look=CLOSE_LOOK_S)
    return here.book.sent[text] - begun


async def _imports() -> float:
    """Seconds that the imports of a gateway with Telegram take."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IMPORTS, cwd=ROOT, env=environ, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        said, _ = await child.communicate()
    if child.returncode != 0:
        raise Failed("the imports fail")
    return msgspec.json.decode(said, type=Imports).seconds
