"""Several processes over one database, with all their parts: each act once, each turn in one of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quarterdeck.actions.connections import Connections
from quarterdeck.base.errors import Retry
from quarterdeck.flow.watch.watching import Disk
from quarterdeck.governance.audit import SYSTEM
from quarterdeck.model.inbound import Accepted
from quarterdeck.model.message import Attachment, ToolResult
from quarterdeck.store import events
from tests.databases import Database
from tests.flow.doubles import RETRY_SOON, ToolDouble
from tests.flow.several import Group, peers
from tests.flow.world import World
from tests.waiting import PATIENCE, until


@pytest.fixture
async def group(tmp_path: Path, database: Database) -> AsyncIterator[Group]:
    group = Group(tmp_path, database)
    yield group
    await group.end()


async def at_rest(*worlds: World) -> None:
    """Wait until nothing is under way anywhere."""
    for world in (*worlds, *worlds):
        await world.rest()


def running(world: World) -> list[str]:
    return [
        row["owner"]
        for row in world.rows(
            "SELECT owner FROM sessions s JOIN turns t ON t.session_id = s.id WHERE t.state = 'running'"
        )
    ]


async def test_what_is_accepted_anywhere_is_answered_once(group: Group) -> None:
    a, b, c = await group.start("a", "b", "c")
    accepted = [await (a, b, c)[n % 3].say(f"say {n}", room=f"r{n % 4}") for n in range(12)]
    assert set(await a.ended(*accepted)) == {"answered"}
    await at_rest(a, b, c)
    told = [text for n in range(4) for text in a.platform.texts(f"r{n}")]
    assert sorted(told) == sorted(f"re: say {n}" for n in range(12))
    assert a.main.asked + b.main.asked + c.main.asked == 12
    assert b.main.asked > 0, "work is done where it came in"


async def test_the_same_act_at_two_of_them_is_taken_once(group: Group) -> None:
    a, b = await group.start("a", "b")
    one = a.act("hello", key="the same")
    first, second = await asyncio.gather(a.accept(one), b.accept(one))
    assert first.inbox_id == second.inbox_id
    await a.ended(first)
    await at_rest(a, b)
    assert a.platform.texts() == ["re: hello"]
    assert a.main.asked + b.main.asked == 1


async def test_a_lane_that_runs_elsewhere_is_left_alone(group: Group) -> None:
    a, b = await group.start("a", "b")
    held = a.main.hold("first")
    one = await a.say("one")
    await held.reached()
    two = await b.say("two", mode="followup")
    b.parts.lanes.look_again()
    await until(lambda: b.parts.lanes.running == 0 and b.parts.lanes.waiting == 0)
    assert (running(a), b.main.asked) == (["a"], 0)
    held.release()
    assert await a.ended(one, two) == ["answered", "answered"]
    await at_rest(a, b)
    assert a.platform.texts() == ["first", "re: two"]


async def test_what_a_dead_process_left_is_taken_up_with_its_journal(group: Group) -> None:
    a, b = group.world("a"), group.world("b")
    tools = {world: world.add_tool(ToolDouble("look", effect="external", repeatable=False)) for world in (a, b)}
    await group.run(a, b)
    a.main.use(("look", '{"n": 1}'))
    held = a.main.hold("never told")
    one = await a.say("look for it")
    await held.reached()
    assert (running(b), len(tools[a].runs)) == (["a"], 1)
    await group.kill(a)
    assert await b.ended(one) == ["answered"]
    await b.rest()
    (request,) = b.main.requests
    (result,) = [part for part in request.messages if isinstance(part, ToolResult)]
    assert (result.text, len(tools[b].runs)) == ("look ran 1", 0)
    assert b.platform.texts() == ["re: look for it"]
    assert b.rows("SELECT attempt, outcome FROM turns") == [{"attempt": 2, "outcome": "answered"}]


async def test_a_stop_that_comes_elsewhere_cuts_at_once(group: Group) -> None:
    a, b = await group.start("a", "b")
    held = a.main.hold("never told")
    one = await a.say("one")
    await held.reached()
    await b.say("/stop")
    assert await a.ended(one) == ["stopped"]
    assert a.main.cancelled == 1
    assert any("cuts" in json.loads(text) for text in group.said)


async def test_a_stop_takes_effect_in_time_where_nobody_hears_of_it(group: Group) -> None:
    """What processes tell each other may be lost, and through a pgbouncer in transaction mode nobody hears anything."""
    a, b = await group.start("a", "b")
    held = a.main.hold("never told")
    one = await a.say("one")
    await held.reached()
    group.hearing.clear()
    two = await a.say("two", mode="followup", connection="wire2", who="p2")
    await b.say("/stop")
    assert await a.ended(one) == ["stopped"]
    assert (a.main.cancelled, await a.ended(two)) == (1, ["answered"])
    await at_rest(a, b)


async def test_a_pause_takes_effect_in_time_where_nobody_hears_of_it(group: Group) -> None:
    a, b = await group.start("a", "b")
    held = a.main.hold("late")
    one = await a.say("one")
    await held.reached()
    group.hearing.clear()
    p = b.parts
    await Connections(p.store, p.directory, p.auditor, p.outbox, b.clock).pause("wire", "the bot moves", SYSTEM)
    await until(lambda: a.parts.directory.pauses.of("wire") is not None)
    held.release()
    await a.ended(one)
    await until(lambda: a.part_states() == ["ready"])
    with pytest.raises(Retry, match="paused"):
        await a.say("two")
    assert a.platform.texts() == []
    await Connections(p.store, p.directory, p.auditor, p.outbox, b.clock).resume("wire", SYSTEM)
    await until(lambda: a.platform.texts() == ["late"])


async def test_what_others_have_made_is_seen_in_time_where_nobody_hears_of_it(group: Group) -> None:
    """It is answered in one, sent by another, watched at a third."""
    group.deaf = True
    a, b, c = await group.start("a", "b", "c")
    for n in range(1, 4):  # the second would wait for all of the time between two looks at everything
        one = await b.say(f"say {n}")
        assert isinstance(one, Accepted)
        with c.parts.live.watch(one.session_id) as watcher:
            async with asyncio.timeout(2):
                while not await events.after(c.store, one.session_id, one.position, 100):
                    await watcher.next(60)
        await until(lambda n=n: len(a.platform.texts()) == n, 2)


async def test_an_interruption_that_comes_elsewhere_cuts_at_once(group: Group) -> None:
    a, b = await group.start("a", "b")
    held = a.main.hold("never told")
    one = await a.say("one")
    await held.reached()
    two = await b.say("two", mode="interrupt")
    await a.ended(one, two)
    await at_rest(a, b)
    assert a.main.cancelled == 1
    assert a.platform.texts()[-1].startswith("re: ")


async def test_what_steers_elsewhere_is_taken_in_by_the_turn_that_runs(group: Group) -> None:
    a, b = await group.start("a", "b")
    held = a.main.hold("first")
    one = await a.say("one")
    await held.reached()
    two = await b.say("and mind this", mode="steer")
    held.release()
    assert await a.ended(one, two) == ["answered", "absorbed"]
    await at_rest(a, b)
    assert (a.main.asked, b.main.asked) == (2, 0)


async def test_whoever_holds_the_connection_sends(group: Group) -> None:
    a, b = await group.start("a", "b")
    assert (peers(a).holds("wire"), peers(b).holds("wire")) == (True, False)
    await b.ended(await b.say("one"))
    await until(lambda: b.platform.texts() == ["re: one"])
    assert b.main.asked == 1
    assert any("rooms" in json.loads(text) for text in group.said)
    sent = "SELECT process FROM intents WHERE kind = 'send'"
    assert b.rows(sent) == [{"process": "a"}]


async def test_of_what_a_dead_process_was_sending_one_says_what_became(group: Group) -> None:
    a, b, c = await group.start("a", "b", "c")
    held = a.platform.hold()
    await a.ended(await a.say("one"))
    await held.reached()
    await group.kill(a)
    await until(lambda: b.rows("SELECT state FROM processes WHERE id = 'a'") == [{"state": "settled"}])
    await at_rest(b, c)
    states = b.rows("SELECT kind, state FROM intents WHERE kind = 'send' AND process = 'a'")
    assert states == [{"kind": "send", "state": "unknown"}]
    assert len(b.log.named("recovery.send")) + len(c.log.named("recovery.send")) == 1


async def test_a_drained_process_leaves_its_sends_to_the_others(group: Group) -> None:
    """What takes longer than a drain has time for is nobody's, unless somebody settles it."""
    a, b = await group.start("a", "b")
    a.platform.hold()
    await a.ended(await a.say("one"))
    await until(lambda: len(a.platform.texts()) == 1)
    for life, task in reversed(a.parts.lives):  # as the supervisor does: asked, and cut when its time is over
        life.stopping.set()
        if task is not a.parts.lives[0][1]:
            task.cancel()
        await asyncio.wait((task,), timeout=10)
        await life.end_tasks()
    await a.store.close()
    a._parts = None
    await until(lambda: b.rows("SELECT state FROM processes WHERE id = 'a'") == [{"state": "settled"}])
    await b.rest()
    assert b.rows("SELECT state FROM intents WHERE kind = 'send' AND process = 'a'") == [{"state": "unknown"}]


async def test_what_a_dead_process_begins_while_it_is_taken_up_is_closed_too(group: Group) -> None:
    """It does not know yet that it is: its commit comes between what the other reads and what it writes."""
    a, b = await group.start("a", "b")
    a.platform.files["f"] = b"text"
    reached, go = asyncio.Event(), asyncio.Event()

    async def late() -> None:
        reached.set()
        await go.wait()

    async def first() -> None:
        go.set()
        await until(lambda: len(b.rows("SELECT id FROM intents WHERE kind = 'model' AND process = 'a'")) == 1)

    a.main.hold("never told")
    a.store.before["model_intent"].append(late)
    b.store.before["take"].append(first)
    one = await a.say("look", files=(Attachment("a.txt", "text/plain", 4, native_id="f"),))
    async with asyncio.timeout(PATIENCE):
        await reached.wait()
    await until(lambda: group.buried(b, "a"))
    assert await b.ended(one) == ["answered"]
    await b.rest()
    await a.kill()
    assert b.rows("SELECT process, state FROM intents WHERE kind = 'model' ORDER BY id") == [
        {"process": "a", "state": "lost"},
        {"process": "b", "state": "done"},
    ]
    assert b.log.named("task.failed") == []


async def test_a_send_that_a_paused_process_begins_behind_its_end_holds_no_room(group: Group) -> None:
    """It is paused at the intent of a second attempt, which is committed when others have settled what it had."""
    a, b = await group.start("a", "b")
    reached, go = asyncio.Event(), asyncio.Event()

    async def late() -> None:
        reached.set()
        await go.wait()

    async def first() -> None:
        await until(lambda: b.rows("SELECT state FROM processes WHERE id = 'a'") == [{"state": "settled"}])
        go.set()
        await until(lambda: b.rows("SELECT 1 FROM intents WHERE kind = 'send' AND process = 'a' AND state = 'open'"))

    a.store.before["send_intent"].append(late)
    a.store.after["send_intent"].append(asyncio.Event().wait)
    b.store.before["send_intent"].append(first)
    a.platform.answers(RETRY_SOON)
    one = await a.say("one")
    async with asyncio.timeout(PATIENCE):
        await reached.wait()
    group.lines["a"].cut = True
    await until(lambda: group.buried(b, "a"))
    await until(lambda: b.log.named("recovery.send"), 15, "a look at what was begun behind the end")
    await a.kill()
    assert await b.ended(one) == ["answered"]
    await b.rest()
    assert b.rows("SELECT state FROM intents WHERE kind = 'send' AND process = 'a' ORDER BY id") == [
        {"state": "failed"},
        {"state": "unknown"},
    ]
    assert [text.partition("re: ")[2] for text in b.platform.texts()] == ["one"]


async def test_the_disk_of_each_process_is_seen_everywhere_while_it_lives(group: Group) -> None:
    a, b = await group.start("a", "b")
    room = {"a": Disk(5_000, 90.0), "b": Disk(7_000)}
    seen = [peers(world).disks(lambda name=name: room[name]) for world, name in ((a, "a"), (b, "b"))]
    both = {Disk(5_000, 90.0, "host", "a"), Disk(7_000, None, "host", "b")}
    for disks in seen:
        await until(lambda disks=disks: set(disks()) == both)
    room["b"] = Disk(6_000)
    await until(lambda: Disk(6_000, None, "host", "b") in seen[0]())
    await group.kill(b)
    await until(lambda: list(seen[0]()) == [Disk(5_000, 90.0, "host", "a")])
