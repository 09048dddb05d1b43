"""The watcher over a real database on a clock that runs as the test says: what fires, when, how often it is told."""

import asyncio
from functools import partial

import msgspec
import pytest

from quarterdeck.base.ids import IdSource
from quarterdeck.base.supervise import Life, Service
from quarterdeck.flow.pauses import Pause
from quarterdeck.flow.watch.answerable import answerable
from quarterdeck.flow.watch.looking import Looking
from quarterdeck.flow.watch.telling import Telling, ToldRoom
from quarterdeck.flow.watch.watcher import BLIND, Rhythm, Watcher
from quarterdeck.flow.watch.watching import Disk, Limits
from quarterdeck.observe.metrics import Metrics
from quarterdeck.ports import ChannelHealth
from tests.flow.doubles import RETRY_SOON
from tests.flow.world import World
from tests.waiting import until

EVERY = 5.0
OPERATOR = "Otto"
NO_SEALER = Limits(audit_seconds=1e9)  # these worlds have none
WELL = ChannelHealth(True, True, last_heard=1.0)


class Watched:
    """A world with a watcher that looks whenever five seconds have passed, however long a test takes for that."""

    def __init__(self, world: World, *, room: bool = False, limits: Limits = NO_SEALER) -> None:
        self.world = world
        self.free = 50_000_000_000
        self.metrics = Metrics()
        self.limits = limits
        self.room = ToldRoom("wire", "ops") if room else None
        world.platform.health = WELL
        world.clock.stop()
        self.begin()

    def begin(self) -> None:
        """A new process: nothing is remembered but what is in the database."""
        parts, world = self.world.parts, self.world
        looking = Looking(parts.store, parts.directory, lambda: False, lambda: [Disk(self.free)], world.clock)
        told = Telling(parts.store, parts.sending, self.room, world.clock)
        self.watcher = Watcher(
            parts.store, looking, told, parts.outbox, parts.live, self.limits, Rhythm(EVERY), world.clock,
            IdSource(world.clock), self.metrics, world.log,
            partial(answerable, parts.directory, OPERATOR),
        )  # fmt: skip

    async def passes(self, seconds: float, *, beats: bool = True) -> None:
        """Time goes by; with `beats` the platform answers meanwhile."""
        for _ in range(round(seconds / EVERY)):
            self.world.clock.ahead += EVERY
            if beats:
                self.hear()
            await self.watcher.tick()

    def hear(self, **more: object) -> None:
        health = self.world.platform.health
        self.world.platform.health = msgspec.structs.replace(health, last_heard=health.last_heard + 1, **more)

    def feel(self, **more: object) -> None:
        self.world.platform.health = msgspec.structs.replace(self.world.platform.health, **more)

    async def until_fires(self, rule: str, most: float, *, beats: bool = True) -> float:
        """Seconds until a rule fires."""
        for n in range(round(most / EVERY) + 1):
            if rule in self.firing:
                return n * EVERY
            await self.passes(EVERY, beats=beats)
        raise AssertionError(f"{rule} does not fire within {most} s: {self.firing}")

    @property
    def firing(self) -> set[str]:
        return {row["rule"] for row in self.world.rows("SELECT rule FROM alerts WHERE state = 'firing'")}

    @property
    def rows(self) -> list[dict[str, object]]:
        return self.world.rows("SELECT * FROM alerts ORDER BY id")

    def said(self, event: str) -> list[object]:
        return [fields["rule"] for fields in self.world.log.named(event)]


@pytest.mark.proves("D1")
async def test_a_dead_connection_is_an_alert_within_a_minute_and_clears(world: World) -> None:
    watched = Watched(world)
    await watched.passes(30)
    watched.feel(alive=False, detail="no route to host")
    assert await watched.until_fires("connection_dead", 60, beats=False) <= 60
    assert {row["subject"] for row in watched.rows} == {"wire", "wire2"}
    await watched.passes(600, beats=False)
    assert len(watched.rows) == 2
    assert watched.said("alert.fired") == ["connection_dead", "connection_dead"]
    watched.feel(alive=True)
    await watched.passes(70)
    assert watched.firing == set()
    assert watched.said("alert.resolved") == ["connection_dead", "connection_dead"]


@pytest.mark.proves("D1")
async def test_an_unauthorised_connection_is_an_alert_within_a_minute(world: World) -> None:
    watched = Watched(world)
    watched.feel(alive=False, authenticated=False, refused=True)
    assert await watched.until_fires("connection_unauthorised", 60, beats=False) <= 60
    assert watched.firing == {"connection_unauthorised"}


@pytest.mark.proves("D1")
async def test_a_deaf_connection_is_an_alert_within_five_minutes(world: World) -> None:
    watched = Watched(world)
    await watched.passes(600)
    assert watched.firing == set()
    assert await watched.until_fires("connection_deaf", 300, beats=False) <= 300
    await watched.passes(70)
    assert watched.firing == set()


@pytest.mark.proves("D4")
async def test_a_paused_connection_is_neither_dead_nor_deaf_nor_late_until_it_is_resumed(world: World) -> None:
    watched, held = Watched(world), world.platform.hold(room="r1")
    await world.say("one")
    await held.reached()
    await world.ended(await world.say("two"))
    world.parts.directory.pauses.begin(Pause("wire", world.clock.now(), "ada", "the bot moves"))
    held.release()
    await until(lambda: world.part_states() == ["sent", "ready"])
    watched.feel(alive=False)
    await watched.passes(600, beats=False)
    watched.feel(alive=True)
    await watched.passes(600, beats=False)
    assert {row["subject"] for row in watched.rows} == {"wire2"}
    watched.feel(alive=False)
    world.parts.directory.pauses.end("wire")
    assert await watched.until_fires("outbox_late", 60, beats=False) <= 60
    await watched.passes(60, beats=False)
    assert ("connection_dead", "wire") in {(row["rule"], row["subject"]) for row in watched.rows}
    world.look()
    await until(lambda: world.platform.texts("r1") == ["re: one", "re: two"])


@pytest.mark.proves("D4")
async def test_a_clock_that_jumps_makes_no_connection_deaf(world: World) -> None:
    watched = Watched(world)
    await watched.passes(30)
    watched.feel(last_heard=world.clock.now() - 86_400)
    await watched.passes(60, beats=False)
    assert watched.firing == set()


@pytest.mark.proves("D2")
async def test_a_message_without_an_outcome_is_an_alert_within_two_minutes(idle_world: World) -> None:
    world = idle_world
    world.settings.let(turn_seconds=300.0)
    await world.start()
    watched, held = Watched(world), world.main.hold()
    accepted = await world.say("hello")
    await held.reached()
    assert await watched.until_fires("message_unanswered", 120) <= 120
    (row,) = watched.rows
    assert row["subject"] == "wire"
    assert "1 message on wire" in str(row["cause"])
    held.release()
    await world.ended(accepted)
    await watched.passes(70)
    assert watched.firing == set()


async def test_a_turn_that_does_nothing_for_longer_than_it_may_is_a_stuck_lane(world: World) -> None:
    watched, held = Watched(world), world.main.hold()
    accepted = await world.say("hello")
    await held.reached()
    await watched.passes(80)
    assert watched.firing == set()
    assert await watched.until_fires("lane_stuck", 40) <= 40
    held.release()
    await world.ended(accepted)
    await watched.passes(70)
    assert watched.firing == set()


@pytest.mark.proves("D4")
async def test_nothing_fires_while_all_is_well_and_people_write(world: World) -> None:
    watched = Watched(world)
    for n in range(20):
        await world.say(f"hello {n}", who=f"p{n % 5}", room=f"r{n % 5}")
        await world.rest()
        await watched.passes(180)
    assert watched.rows == []
    assert world.log.named("watch.look_failed") == []


async def test_what_is_seen_once_does_not_fire(world: World) -> None:
    watched = Watched(world)
    watched.feel(refused=True)
    await watched.passes(EVERY)
    watched.feel(refused=False)
    await watched.passes(60)
    assert watched.rows == []


async def test_what_comes_and_goes_is_one_row_and_is_told_a_bounded_number_of_times(world: World) -> None:
    watched = Watched(world)
    for _ in range(10):
        watched.feel(refused=True)
        await watched.passes(10)
        watched.feel(refused=False)
        await watched.passes(70)
    assert [(row["subject"], row["times"]) for row in watched.rows] == [("wire", 10), ("wire2", 10)]
    assert len(watched.said("alert.fired")) == 2 * 3
    assert len(watched.said("alert.resolved")) == 2 * 3


async def test_what_came_and_went_and_then_stayed_is_told_again(world: World) -> None:
    watched = Watched(world)
    for _ in range(4):
        watched.feel(refused=True)
        await watched.passes(10)
        watched.feel(refused=False)
        await watched.passes(70)
    watched.feel(refused=True)
    await watched.passes(960)
    assert len(watched.said("alert.fired")) == 2 * 4
    assert {row["told"] for row in watched.rows} == {1}


async def test_a_restart_neither_tells_again_nor_forgets(world: World) -> None:
    watched = Watched(world)
    watched.feel(refused=True)
    await watched.passes(10)
    watched.begin()
    await watched.passes(300)
    assert [row["times"] for row in watched.rows] == [1, 1]
    assert len(watched.said("alert.fired")) == 2
    watched.begin()
    watched.feel(refused=False)
    await watched.passes(70)
    assert watched.firing == set()


@pytest.mark.proves("event.alert.fired", "event.alert.resolved")
async def test_the_room_is_told_through_the_outbox_and_whoever_follows_sees_it(world: World) -> None:
    watched = Watched(world, room=True)
    watched.free = 1_000_000
    await watched.passes(10)
    await world.rest()
    (fired,) = world.platform.texts("ops")
    assert fired.startswith("ALERT disk_filling: 1 MB are free")
    assert "Affected: Everybody" in fired
    assert "Answerable: Otto" in fired
    assert "docs/howto/runbooks/disk_filling.md" in fired
    watched.free = 50_000_000_000
    await watched.passes(70)
    await world.rest()
    assert world.platform.texts("ops")[1].startswith("RESOLVED disk_filling")
    events = world.rows("SELECT kind, seq FROM events WHERE session_id = '' ORDER BY id")
    assert [(one["kind"], one["seq"]) for one in events] == [("alert.fired", 1), ("alert.resolved", 2)]
    sends = world.rows("SELECT state FROM intents WHERE kind = 'send'")
    assert [fields["owner"] for fields in world.log.named("alert.fired")] == ["Otto"]
    assert [row["owner"] for row in watched.rows] == ["Otto"]
    assert [one["state"] for one in sends] == ["done", "done"]  # each with its intent, as every send


async def test_the_room_is_told_once_although_the_process_dies_between(world: World) -> None:
    watched = Watched(world, room=True)
    world.platform.answers(RETRY_SOON)
    watched.free = 0
    await watched.passes(10)
    await until(lambda: world.platform.calls, what="a first attempt")
    await world.restart()
    watched.begin()
    await watched.passes(30)
    await world.rest()
    assert len(world.platform.texts("ops")) == 1


async def test_metrics_say_what_fires(world: World) -> None:
    watched = Watched(world)
    watched.feel(refused=True)
    await watched.passes(10)
    exposed = watched.metrics.exposition().decode()
    assert 'quarterdeck_alerts{rule="connection_unauthorised"} 2.0' in exposed
    assert 'quarterdeck_alerts{rule="disk_filling"} 0.0' in exposed
    assert 'quarterdeck_connection_refused{connection="wire"} 1.0' in exposed


async def test_a_watcher_that_does_not_look_is_in_trouble_itself(world: World) -> None:
    watched = Watched(world)
    assert watched.watcher.trouble == ""  # it has not begun
    await watched.passes(EVERY)
    world.clock.ahead += BLIND + 1
    assert "no look for 61 s" in watched.watcher.trouble


async def test_a_watcher_whose_work_another_process_has_is_in_no_trouble_and_shows_nothing_old(world: World) -> None:
    watched = Watched(world)
    bare = watched.metrics.exposition()
    life = Life(Service(name="watch", run=watched.watcher.run), lambda error: None, world.log)
    running = asyncio.create_task(watched.watcher.run(life))
    await until(lambda: b"quarterdeck_watch_timestamp_seconds" in watched.metrics.exposition(), what="a look")
    life.stopping.set()
    await running
    world.clock.ahead += BLIND + 1
    assert watched.watcher.trouble == ""
    assert watched.metrics.exposition() == bare
    await watched.passes(EVERY)  # it may come back
    assert b"quarterdeck_watch_timestamp_seconds" in watched.metrics.exposition()
