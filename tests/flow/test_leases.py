"""Who holds what only one may do: fair shares, moves, deaths, drains, and never two at a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from quarterdeck.flow.replicas.leases import GIVE_BACK_S, LET_OTHERS_S, MOVE_S
from quarterdeck.store.operations import operation
from quarterdeck.store.processes import bury
from tests.databases import Database
from tests.flow.members import ALL_ROLES, STEP_S, Member, Virtual, time_passes
from tests.flow.spy import Spy
from tests.waiting import until

NAMES = ("audit", "connection:one", "connection:two", "timers")


class Holders:
    """Members that would all have the same leases; after every step nobody holds what another holds."""

    def __init__(self, database: Database, store: Spy) -> None:
        self.database = database
        self.store = store
        self.clock = Virtual()
        self.members: list[Member] = []

    async def member(self, name: str, *names: str, roles: str = ALL_ROLES) -> Member:
        made = Member(name, self.store, self.clock, roles=roles)
        self.members.append(made)
        await made.processes.join()
        made.want(*(names or NAMES))
        return made

    async def passes(self, seconds: float, *members: Member) -> None:
        for _ in range(round(seconds / STEP_S)):
            await time_passes(self.clock, STEP_S, *(members or self.members))
            self.check()

    def check(self) -> None:
        """What runs here runs nowhere else, and the rows say so."""
        running = Counter(name for one in self.members for name in one.runs)
        assert max(running.values(), default=0) <= 1, running
        rows = {row["name"]: row["process"] for row in self.database.rows("SELECT * FROM leases", {})}
        for one in self.members:
            assert all(rows[name] == one.name for name in one.runs), rows

    def owner(self, name: str) -> str:
        return self.database.rows("SELECT process FROM leases WHERE name = :name", {"name": name})[0]["process"]


@pytest.fixture
async def holders(database: Database) -> AsyncIterator[Holders]:
    store = Spy(await database.open())
    holders = Holders(database, store)
    yield holders
    for member in holders.members:
        await member.end()
    await store.close()


async def test_one_alone_has_all_of_it_at_once(holders: Holders) -> None:
    a = await holders.member("a")
    await holders.passes(STEP_S)
    assert a.runs == set(NAMES)


async def test_two_have_half_of_it_each(holders: Holders) -> None:
    a, b = await holders.member("a"), await holders.member("b")
    await holders.passes(1.0)
    assert (len(a.runs), len(b.runs)) == (2, 2)
    assert a.runs | b.runs == set(NAMES)
    await holders.passes(20.0)
    assert not a.log.named("lease.moves") + b.log.named("lease.moves"), "what is fair stays where it is"


async def test_what_nobody_takes_is_left_to_others_for_two_seconds(holders: Holders) -> None:
    """The other has the same roles, but cannot take it: it has another configuration, or is about to end."""
    a, b = await holders.member("a"), await holders.member("b", "audit")
    await b.stop()
    await holders.passes(STEP_S)
    assert len(a.runs) == 2
    await holders.passes(LET_OTHERS_S - STEP_S)
    assert len(a.runs) == 2
    await holders.passes(0.5)
    assert a.runs == set(NAMES)


async def test_one_that_comes_later_is_given_its_share(holders: Holders) -> None:
    a = await holders.member("a")
    await holders.passes(6.0)
    b = await holders.member("b")
    await holders.passes(0.5)
    assert (len(a.runs), len(b.runs)) in ((4, 0), (3, 0), (3, 1)), "not all at once"
    await holders.passes(2 * MOVE_S)
    assert (len(a.runs), len(b.runs)) == (2, 2)
    moves = len(a.log.named("lease.moves"))
    await holders.passes(3 * MOVE_S)
    assert len(a.log.named("lease.moves")) == moves == 2


async def test_what_a_dead_process_had_is_taken(holders: Holders) -> None:
    a, b = await holders.member("a"), await holders.member("b")
    await holders.passes(1.0)
    b.runs.clear()  # it is killed
    for life, task in b.lives.values():
        task.cancel()
        await life.end_tasks()
    holders.members.remove(b)
    await holders.passes(4.0)
    assert len(a.runs) == 2, "while it may live"
    await holders.passes(1.0)
    assert a.runs == set(NAMES)


async def test_what_a_process_gave_back_is_taken_at_once(holders: Holders) -> None:
    a, b = await holders.member("a"), await holders.member("b")
    await holders.passes(1.0)
    mine = set(b.runs)
    await b.stop()
    assert {holders.owner(name) for name in mine} == {""}
    assert b.runs == set()
    await b.processes.leave()
    await holders.passes(1.0, a)
    assert a.runs == set(NAMES)


async def test_whoever_stops_takes_nothing_again(holders: Holders) -> None:
    a = await holders.member("a")
    await holders.passes(1.0)
    a.noise.clear()  # a send is under way
    stopping = asyncio.create_task(a.stop("audit"))
    await until(lambda: "audit" not in a.runs)
    for _ in range(12):
        holders.clock.at += STEP_S
        await a.look()
        assert not a.leases.holds("audit")
    assert holders.owner("audit") == "a", "kept until nothing is under way"
    a.noise.set()
    await stopping
    await holders.passes(5.0)
    assert (a.runs, holders.owner("audit")) == (set(NAMES) - {"audit"}, "")


async def test_a_send_that_takes_long_is_no_reason_to_keep_a_lease_for_good(holders: Holders) -> None:
    """The service ends in time, so nobody cuts it; the lease is given back once the send has ended."""
    a = await holders.member("a", "audit")
    await holders.passes(1.0)
    b = await holders.member("b", "audit")
    a.noise.clear()  # a send is under way
    async with asyncio.timeout(2 * GIVE_BACK_S):
        await a.stop("audit")
    for _ in range(12):
        holders.clock.at += STEP_S
        await a.look()
        await b.look()
    assert (a.runs, b.runs, holders.owner("audit")) == (set(), set(), "a")
    a.noise.set()
    await until(lambda: holders.owner("audit") == "")
    await holders.passes(1.0)
    assert (a.runs, b.runs) == (set(), {"audit"})


async def test_whoever_drains_has_no_share_and_what_it_had_moves_at_once(holders: Holders) -> None:
    a, b = await holders.member("a"), await holders.member("b")
    await holders.passes(1.0)
    assert (len(a.runs), len(b.runs)) == (2, 2)
    await b.processes.drain()
    b.leases.drain()
    await holders.passes(1.0)
    assert (a.runs, b.runs) == (set(NAMES), set())
    assert not await a.processes.gone("b"), "its turns are its own until it has left"
    await holders.passes(2 * MOVE_S)
    assert (a.runs, b.runs, a.log.named("lease.moves")) == (set(NAMES), set(), [])
    await b.processes.leave()
    await holders.passes(1.0, a)
    assert (a.processes.living.keys(), a.settled) == ({"a"}, [])


async def test_whoever_drains_hears_whether_somebody_is_there_to_take_what_it_has(holders: Holders) -> None:
    """Where nobody is, it goes on with it to the end: somebody with fewer roles takes nothing, nor who ends as well."""
    a, b = await holders.member("a"), await holders.member("b", roles="worker")
    assert not await a.processes.drain()
    c, d = await holders.member("c"), await holders.member("d")
    assert await c.processes.drain()
    assert not await d.processes.drain()
    assert not await b.processes.drain()


async def test_what_is_taken_at_the_moment_of_the_drain_is_given_back(holders: Holders) -> None:
    a = await holders.member("a", "audit")

    async def drains() -> None:
        a.leases.drain()

    holders.store.before["lease"].append(drains)
    await holders.passes(STEP_S)
    assert (a.runs, holders.owner("audit")) == (set(), "")


@pytest.mark.parametrize("moving", [False, True])
async def test_what_is_being_given_back_is_not_taken_meanwhile(holders: Holders, moving: bool) -> None:
    """Its process looks at the very moment: a lease that it then thought to have, another would have, too."""
    a = await holders.member("a", "audit")
    await holders.passes(1.0)
    b = await holders.member("b", "audit")
    await b.processes.look(b.life)

    async def looks() -> None:
        holders.clock.at += 1.0
        await a.look()

    holders.store.before["lease"].append(looks)
    if moving:
        a.leases._wanted["audit"].leave.set()
    else:
        await a.stop("audit")
    await until(lambda: holders.owner("audit") == "")
    await holders.passes(1.0, b)
    assert holders.owner("audit") == "b"
    assert not a.leases.holds("audit")


async def test_what_is_taken_at_the_moment_of_the_stop_is_given_back(holders: Holders) -> None:
    a = await holders.member("a", "audit")
    holders.store.after["lease"].append(lambda: a.stop("audit"))
    await holders.passes(STEP_S)
    assert (a.runs, holders.owner("audit")) == (set(), "")


async def test_a_service_that_fails_keeps_its_lease_and_is_run_again(holders: Holders) -> None:
    a, b = await holders.member("a", "audit"), await holders.member("b", "audit")
    await holders.passes(1.0)
    one, other = (a, b) if a.runs else (b, a)
    for _ in range(3):
        one.fails.set()
        await until(lambda: not one.fails.is_set())
        await until(lambda: one.runs == {"audit"})
        await holders.passes(1.0)
    assert (one.runs, other.runs) == ({"audit"}, set())
    taken = holders.database.rows("SELECT fence FROM leases WHERE name = 'audit'", {})
    assert taken == [{"fence": 1}]


async def test_of_two_that_take_at_once_one_has_it(holders: Holders) -> None:
    a, b = await holders.member("a", "audit"), await holders.member("b", "audit")
    for one in (a, b):
        await one.processes.look(one.life)
    holders.store.before["lease"].append(b.look)
    holders.clock.at += STEP_S
    await a.look()
    await asyncio.gather(a.calm(), b.calm())
    holders.check()
    assert len(a.runs) + len(b.runs) == 1


async def test_nothing_is_taken_from_one_that_joined_since(holders: Holders) -> None:
    a = await holders.member("a", "audit")
    await a.processes.look(a.life)
    b = await holders.member("b", "audit")
    await b.look()
    assert (await b.calm(), b.runs) == (None, {"audit"})
    holders.clock.at += 1.0
    await a.leases.look(a.processes.living)
    assert a.runs == set()
    holders.check()


async def test_facts_are_told_to_the_others_and_end_with_the_lease(holders: Holders) -> None:
    a, b = await holders.member("a", "audit"), await holders.member("b", "audit")
    a.leases.seen_of = b.leases.seen_of = lambda name: f"all is well with {name}"
    await holders.passes(5.0)
    one, other = (a, b) if a.runs else (b, a)
    assert (one.leases.facts("audit"), other.leases.facts("audit")) == ("", "all is well with audit")
    one.leases.seen_of = lambda name: "deaf"
    await holders.passes(5.0)
    assert other.leases.facts("audit") == "deaf"
    committed = holders.store.statements.count("leases.report")
    await holders.passes(3.0)
    assert holders.store.statements.count("leases.report") == committed, "only what has changed is written"
    other.leases.seen_of = lambda name: ""
    await one.stop()
    await one.processes.leave()
    await holders.passes(2.0, other)
    assert (other.leases.facts("audit"), other.runs) == ("", {"audit"})


async def test_a_service_that_begins_while_facts_are_written_is_no_trouble(holders: Holders) -> None:
    a = await holders.member("a", "audit")
    await holders.passes(1.0)
    a.leases.seen_of = lambda name: "fine"

    async def begins() -> None:
        a.want("timers")

    holders.store.before["lease"].append(begins)
    await holders.passes(5.0)
    assert a.runs == {"audit", "timers"}


async def test_those_of_other_roles_have_no_share(holders: Holders) -> None:
    """A worker wants no lease, and one that only receives none of a scheduler's: nothing is given up for them."""
    receives = await holders.member("receives", "connection:one", "connection:two", roles="gateway")
    plans = await holders.member("plans", "audit", "timers", roles="scheduler")
    works = Member("works", holders.store, holders.clock, roles="worker")
    holders.members.append(works)
    await works.processes.join()
    await holders.passes(3 * MOVE_S)
    assert (receives.runs, plans.runs) == ({"connection:one", "connection:two"}, {"audit", "timers"})
    assert not receives.log.named("lease.moves") + plans.log.named("lease.moves")
    assert {row["fence"] for row in holders.database.rows("SELECT fence FROM leases", {})} == {1}


async def test_a_process_that_was_buried_takes_nothing_from_its_heir(holders: Holders) -> None:
    a, b = await holders.member("a", "audit"), await holders.member("b", "audit")
    await holders.passes(1.0)
    one, other = (a, b) if a.runs else (b, a)
    row = other.processes.living[one.name]
    await holders.store.commit(operation("process", bury(row, 0.0)))
    one.runs.clear()  # it does not know yet; what it does is what its standing allows
    await holders.passes(3.0, other)
    assert (holders.owner("audit"), other.runs) == (other.name, {"audit"})
    await one.leases.look(one.processes.living)
    assert holders.owner("audit") == other.name
