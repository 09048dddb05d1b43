"""A paused connection takes nothing in and sends nothing, over a restart too; then everything goes on."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from quarterdeck.actions.connections import Connections
from quarterdeck.base.errors import BadInput, Conflict, NotFound, Retry
from quarterdeck.base.supervise import Life, Service
from quarterdeck.flow.pauses import Pause, Pauses
from quarterdeck.governance.audit import SYSTEM
from tests.flow.doubles import Log
from tests.flow.world import World
from tests.waiting import until


def connections(world: World) -> Connections:
    p = world.parts
    return Connections(p.store, p.directory, p.auditor, p.outbox, world.clock)


async def looked(world: World) -> None:
    """Every room with something to send was looked at."""
    rooms = world.parts.outbox._rooms
    world.look()
    await until(lambda: not rooms.running and not rooms.waiting)


async def test_what_is_to_be_sent_waits_and_what_comes_is_not_acknowledged(world: World) -> None:
    held = world.platform.hold(room="r1")
    await world.say("one")
    await held.reached()
    await world.ended(await world.say("two"))
    await connections(world).pause("wire", "the bot moves", SYSTEM)
    held.release()  # what was under way ends
    await until(lambda: world.part_states() == ["sent", "ready"])
    with pytest.raises(Retry, match="paused"):
        await world.say("three")
    await world.say("elsewhere", connection="wire2", room="r2", who="p2")
    await until(lambda: world.platform.texts("r2") == ["re: elsewhere"])
    await looked(world)
    assert world.platform.texts("r1") == ["re: one"]
    await connections(world).resume("wire", SYSTEM)
    await until(lambda: world.platform.texts("r1") == ["re: one", "re: two"])


async def test_a_pause_survives_a_kill_and_what_waited_is_sent_in_order_after_it(world: World) -> None:
    held = world.platform.hold(room="r1")
    await world.say("one")
    await held.reached()
    await world.say("two")
    await world.ended(await world.say("three"))
    await connections(world).pause("wire", "", SYSTEM)
    held.release()
    await until(lambda: world.part_states() == ["sent", "ready", "ready"])
    await world.restart()
    with pytest.raises(Retry, match="paused"):
        await world.say("four")
    await looked(world)
    now = await connections(world).get("wire")
    assert (now.state, now.waiting, now.pause and now.pause.by) == ("paused", 2, "quarterdeck")
    assert world.platform.texts("r1") == ["re: one"]
    await connections(world).resume("wire", SYSTEM)
    await until(lambda: world.platform.texts("r1") == ["re: one", "re: two", "re: three"])
    await world.say("four")
    await until(lambda: len(world.platform.texts("r1")) == 4)


async def test_it_is_paused_once_and_resumed_once_and_both_are_on_record(world: World) -> None:
    use = connections(world)
    with pytest.raises(Conflict, match="is not paused"):
        await use.resume("wire", SYSTEM)
    await use.pause("wire", "why", SYSTEM)
    with pytest.raises(Conflict, match="is paused already"):
        await use.pause("wire", "", SYSTEM)
    await use.resume("wire", SYSTEM)
    with pytest.raises(BadInput, match="no wire"):
        await use.pause("web", "", SYSTEM)
    with pytest.raises(NotFound):
        await use.pause("nobody", "", SYSTEM)
    leaves = b" ".join(row["leaf"] for row in world.rows("SELECT leaf FROM audit ORDER BY rowid"))
    assert (leaves.count(b"change.connection.paused"), leaves.count(b"change.connection.resumed")) == (1, 1)


class Feed:
    """A channel's receiving: counted, and ended by cancellation only."""

    def __init__(self) -> None:
        self.begun = 0
        self.running = 0

    async def receive(self, intake: object) -> None:
        self.begun += 1
        self.running += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.running -= 1


async def served(run: Callable[[Life], Awaitable[None]]) -> tuple[Life, "asyncio.Task[None]"]:
    def fail(error: BaseException) -> None:
        raise error

    async def begin() -> None:
        await run(life)

    life = Life(Service(name="channel", run=run), fail, Log())
    return life, asyncio.create_task(begin())


async def test_receiving_ends_with_the_pause_and_begins_again_after_it() -> None:
    pauses, feed = Pauses(), Feed()
    pauses.replace([Pause("tg", 1.0, "ada", "")])
    life, task = await served(pauses.receiving("tg", feed, None))  # type: ignore[arg-type]
    await life.until_ready()
    assert feed.begun == 0
    pauses.end("tg")
    await until(lambda: feed.running == 1)
    pauses.begin(Pause("tg", 2.0, "ada", ""))
    await until(lambda: feed.running == 0)
    assert not task.done()
    pauses.end("tg")
    await until(lambda: feed.running == 1)
    pauses.begin(Pause("tg", 3.0, "ada", ""))
    pauses.end("tg")  # at once: it is asked for anew
    await until(lambda: feed.begun == 3 and feed.running == 1)
    life.stopping.set()
    async with asyncio.timeout(5):
        await task
    assert feed.running == 0
    await life.end_tasks()


async def test_a_paused_service_ends_when_it_is_told_to() -> None:
    pauses, feed = Pauses(), Feed()
    pauses.replace([Pause("tg", 1.0, "ada", "")])
    life, task = await served(pauses.receiving("tg", feed, None))  # type: ignore[arg-type]
    await life.until_ready()
    life.stopping.set()
    async with asyncio.timeout(5):
        await task
    assert feed.begun == 0
    await life.end_tasks()
