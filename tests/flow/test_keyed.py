"""One worker per key: a place that gets free is given on at once, not at the next regular look."""

import asyncio
from collections.abc import AsyncIterator

from quarterdeck.base.supervise import Life, Service
from quarterdeck.flow.keyed import TICK_S, Keyed
from tests.flow.doubles import Log
from tests.waiting import until

KEYS = 60


async def test_what_is_launched_and_cut_before_it_begins_leaves_nothing_open() -> None:
    begun: list[str] = []

    async def first() -> None:
        begun.append("first")

    async def work(key: str) -> None:
        begun.append(key)

    async def nothing() -> AsyncIterator[tuple[str, str]]:
        for key in ():
            yield key, ""

    keyed = Keyed("test", work, nothing, lambda: 1, Log())
    life = Life(Service(name="test", run=keyed.run), lambda error: None, Log())
    running = asyncio.create_task(keyed.run(life))
    await life.until_ready()
    assert keyed.hold("k")
    keyed.launch("k", first)
    await life.end_tasks()
    running.cancel()
    await asyncio.wait((running,))
    assert begun == []  # a coroutine that was made and never begun would be a warning, and so an error


async def test_a_place_that_gets_free_is_taken_at_once() -> None:
    done: list[str] = []

    async def work(key: str) -> None:
        done.append(key)

    async def nothing() -> AsyncIterator[tuple[str, str]]:
        for key in ():
            yield key, ""

    keyed = Keyed("test", work, nothing, lambda: 1, Log())
    life = Life(Service(name="test", run=keyed.run), lambda error: None, Log())
    running = asyncio.create_task(keyed.run(life))
    keys = [f"k{n}" for n in range(KEYS)]
    for key in keys:
        keyed.wake(key)
    await until(lambda: len(done) == KEYS, KEYS * TICK_S / 2, "all of them")
    assert done == keys
    life.stopping.set()
    keyed.wake(keys[0])
    await running
