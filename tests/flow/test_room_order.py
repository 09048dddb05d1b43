"""What is committed first is shown first, also where a send rides on the operation that makes it, or grows."""

import msgspec
import pytest

from quarterdeck.flow.sending import Outgoing
from quarterdeck.ports import Capabilities, NotSent
from quarterdeck.store import people
from quarterdeck.store.operations import operation
from quarterdeck.words.book import quoted
from tests.flow.doubles import Held
from tests.flow.world import World
from tests.waiting import until

pytestmark = pytest.mark.proves("M3")


async def notice(world: World, text: str, *, ride: bool = False) -> Outgoing:
    room = people.room_id("wire", "r1")
    return await world.parts.sending.compose("wire", room, quoted(text), kind="notice", language="en", ride=ride)


async def test_a_ride_gives_way_to_what_was_committed_before_it(world: World) -> None:
    await world.say("go")
    await world.rest()
    assert world.parts.outbox.hold("wire", people.room_id("wire", "r1"))
    earlier, later = await notice(world, "earlier"), await notice(world, "later", ride=True)
    await world.store.commit(operation("settle", earlier.statements))
    receipt = await world.store.commit(operation("settle", later.statements))
    world.parts.outbox.launch(later, receipt)
    world.parts.outbox.enqueued(earlier)
    await world.rest()
    assert world.platform.texts() == ["re: go", "earlier", "later"]
    assert world.part_states() == ["sent", "sent", "sent"]


async def test_an_answer_does_not_begin_to_grow_before_what_waits(idle_world: World) -> None:
    idle_world.settings.capabilities = Capabilities(400, edits=True)
    idle_world.settings.wire = msgspec.structs.replace(idle_world.settings.wire, streaming=True)
    await idle_world.start()
    idle_world.platform.answers(NotSent("slow down", 0.4))
    await idle_world.say("one")
    await until(lambda: "ready" in idle_world.part_states(), what="an answer that has to wait")
    held = Held()
    idle_world.main.say("two", deltas=("t",), after=held)
    await idle_world.say("go on")
    await until(lambda: "t" in idle_world.platform.texts(), what="the beginning of the second answer")
    held.release()
    await idle_world.rest()
    assert idle_world.platform.texts() == ["re: one", "two"]
