"""A busy conversation, or a busy connection, holds up nobody else: how much begins before others have their turn."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from quarterdeck.model.inbound import Acceptance
from tests.flow.doubles import Reply, newest_words
from tests.flow.world import World
from tests.waiting import until

FLOOD = 200
ROOMS = 40
PLACES = 4
MOST = 20
AT_ONCE = 20  # so many are accepted at a time: none waits for a connection as long as that may take


async def flooded(world: World) -> list[Acceptance]:
    """Hundreds of messages in one room, and a few in each of many, all of one connection."""
    said = [world.say(f"flood {n}", room="flood", mode="followup") for n in range(FLOOD)]
    said += [world.say(f"r{n} {k}", room=f"r{n}", who=f"p{n}", mode="followup") for k in range(2) for n in range(ROOMS)]
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(saying: Coroutine[Any, Any, Acceptance]) -> Acceptance:
        async with at_once:
            return await saying

    return list(await asyncio.gather(*map(one, said)))


def asked(world: World) -> list[str]:
    """What the model was asked, in order."""
    return [newest_words(request) for request in world.main.requests]


def answer(world: World, most: int) -> None:
    """Let the model answer what it was asked, the first first."""
    for future in [future for future in world.main.waiting if not future.done()][:most]:
        future.set_result(Reply("so"))


async def begun_before(world: World, text: str, most: int) -> int:
    """How many turns begin from now on until `text` is asked; one ends at a time, and at most so many."""
    before = world.main.asked
    for _ in range(most):
        if text in asked(world):
            return asked(world).index(text) - before
        answer(world, 1)
        now = world.main.asked
        await until(lambda now=now: world.main.asked > now, what="the next question")
    raise AssertionError(f"{text!r} waits while {most} turns begin: {asked(world)[before:]}")


async def test_whoever_writes_once_waits_for_no_more_than_one_place(loose_world: World) -> None:
    """Alone it would be asked at once; so the wait is what one turn of the others takes."""
    world = loose_world
    world.settings.limit(concurrent_turns=PLACES)
    world.main.manual = True
    await world.start()
    await flooded(world)
    await until(lambda: world.main.asked == PLACES)
    await world.say("another", connection="wire2", room="other", who="q")
    assert await begun_before(world, "another", 3) <= 1


async def test_a_conversation_that_is_flooded_has_its_turn_as_all_others_have(loose_world: World) -> None:
    """On the connection that is busy itself: whoever writes stands behind the rooms, not behind the messages."""
    world = loose_world
    world.settings.limit(concurrent_turns=PLACES)
    world.main.manual = True
    await world.start()
    await flooded(world)
    await until(lambda: world.main.asked == PLACES)
    await world.say("another", room="other", who="q")
    assert await begun_before(world, "another", 2 * ROOMS) <= ROOMS + 2


async def test_what_hangs_leaves_places_for_others(loose_world: World) -> None:
    world = loose_world
    world.settings.limit(concurrent_turns=MOST)
    world.main.manual = True
    await world.start()
    await asyncio.gather(*(world.say("hangs", room=f"r{n}", who=f"p{n}") for n in range(2 * MOST)))
    await until(lambda: world.main.asked == MOST * 9 // 10)
    assert (world.parts.lanes.full, world.parts.lanes.waiting) == (True, 2 * MOST - MOST * 9 // 10)
    await world.say("another", connection="wire2", room="other", who="q")
    await until(lambda: asked(world)[-1] == "another")


async def test_a_platform_that_hangs_leaves_places_for_others(loose_world: World) -> None:
    world = loose_world
    world.settings.outbox_tasks = MOST
    await world.start()
    world.platform.manual = True
    said = [await world.say("hangs", room=f"r{n}", who=f"p{n}") for n in range(2 * MOST)]
    await world.ended(*said)
    await until(lambda: len(world.platform.waiting) == MOST * 9 // 10)
    world.platform.manual = False
    await world.say("another", connection="wire2", room="other", who="q")
    await until(lambda: world.platform.texts("other") == ["re: another"])


async def test_after_a_start_the_oldest_message_is_answered_first(idle_world: World) -> None:
    world = idle_world
    world.settings.limit(concurrent_turns=1)
    world.main.manual = True
    await world.start()
    for n in range(12):
        await world.say(f"say {n}", room=f"r{n}", who=f"p{n}", connection=("wire", "wire2")[n % 2])
    await world.kill()
    world.main.waiting.clear()
    world.main.requests.clear()
    world.main.manual = False
    await world.start()
    await world.rest()
    assert asked(world) == [f"say {n}" for n in range(12)]
