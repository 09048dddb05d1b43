"""Who lives on a database that several processes share, and who settles what a dead one had begun."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quarterdeck.base.errors import Retry
from quarterdeck.base.standing import CutOff
from quarterdeck.store import intents, processes
from quarterdeck.store.intents import IntentRow
from quarterdeck.store.operations import ExpectationFailed, operation
from quarterdeck.store.processes import KEPT, KEPT_S, Process, ProcessState
from tests.databases import Database
from tests.flow.members import GivenUp, Member, Virtual, time_passes
from tests.flow.spy import Spy
from tests.waiting import until


class Company:
    """Members on one store, which counts what they commit."""

    def __init__(self, database: Database, store: Spy) -> None:
        self.database = database
        self.store = store
        self.clock = Virtual()
        self.members: list[Member] = []

    def member(self, name: str, home: str = "") -> Member:
        made = Member(name, self.store, self.clock, home)
        self.members.append(made)
        return made

    async def joined(self, *names: str) -> list[Member]:
        made = [self.member(name) for name in names]
        for one in made:
            await one.processes.join()
        await self.passes(0.25, *made)
        return made

    async def passes(self, seconds: float, *members: Member) -> None:
        await time_passes(self.clock, seconds, *members)

    def state(self, name: str) -> str:
        return self.row(name)["state"]

    def row(self, name: str) -> dict[str, Any]:
        return self.database.rows("SELECT * FROM processes WHERE id = :id", {"id": name})[0]


@pytest.fixture
async def company(database: Database) -> AsyncIterator[Company]:
    store = Spy(await database.open())
    company = Company(database, store)
    yield company
    for member in company.members:
        await member.end()
    await store.close()


async def test_those_that_join_see_each_other_and_raise_their_numbers(company: Company) -> None:
    a, b = await company.joined("a", "b")
    assert set(a.processes.living) == set(b.processes.living) == {"a", "b"}
    before = company.row("a")["beat"]
    await company.passes(10.0, a, b)
    assert company.row("a")["beat"] == before + 10, "once a second"
    a.standing.check()
    assert (a.changes, b.changes) == (0, 0)


async def test_whoever_leaves_is_gone_at_once_and_nothing_is_settled(company: Company) -> None:
    a, b = await company.joined("a", "b")
    assert not await b.processes.gone("a")
    await a.processes.leave()
    await company.passes(0.25, b)
    assert (company.state("a"), set(b.processes.living), b.changes, b.settled) == ("ended", {"b"}, 1, [])
    assert await b.processes.gone("a")
    await a.processes.leave()
    assert len(a.log.named("process.left_late")) == 1


async def test_whoever_drains_lives_until_it_has_left(company: Company) -> None:
    a, b = await company.joined("a", "b")
    await a.processes.drain()
    await company.passes(6.0, a, b)
    assert (company.state("a"), await b.processes.gone("a"), b.changes) == ("draining", False, 0)
    a.standing.check()
    await a.processes.leave()
    await company.passes(0.25, b)
    assert (company.state("a"), set(b.processes.living), b.settled) == ("ended", {"b"}, [])


async def test_whoever_dies_while_it_drains_is_settled_once(company: Company) -> None:
    a, b = await company.joined("a", "b")
    await a.processes.drain()
    await company.passes(4.5, b)
    assert (company.state("a"), b.settled) == ("settled", ["a"])
    await company.passes(5.0, b)
    assert b.settled == ["a"]
    with pytest.raises(GivenUp):
        await a.look()


async def test_what_a_process_sees_is_told_with_its_heartbeat(company: Company) -> None:
    a, b = await company.joined("a", "b")
    a.processes.seen = lambda: "much room"
    await company.passes(1.25, a, b)
    assert b.processes.living["a"].facts == "much room"


async def test_those_that_ended_long_ago_are_forgotten_and_of_many_the_oldest(company: Company) -> None:
    """A process that starts again and again must not fill the table."""
    (a,) = await company.joined("a")
    now = company.clock.now()
    left: list[tuple[str, ProcessState, float]] = [(f"o{n:04}", "ended", now - KEPT_S - 1) for n in range(3)]
    left.extend((f"r{n:04}", "settled" if n % 2 else "ended", now - 60.0) for n in range(KEPT + 5))
    left.append(("0 dead", "dead", now - 2 * KEPT_S))
    for name, state, ended in left:
        one = Process(name, "", "host", 1, "1", "worker", state, 0, 0.0, ended)
        await company.store.commit(operation("process", processes.join(one)))
    await company.joined("b")
    rows = company.database.rows("SELECT id, state FROM processes ORDER BY id", {})
    assert [row["id"] for row in rows if row["id"] in ("a", "b", "0 dead")] == ["0 dead", "a", "b"]
    kept = [row["id"] for row in rows if row["state"] in ("ended", "settled") and row["id"] != "0 dead"]
    assert kept == [f"r{n:04}" for n in range(5, KEPT + 5)]
    assert await a.processes.gone("o0001"), "as of one that was never there"


async def test_a_number_that_stands_still_is_a_death_that_is_settled_once(company: Company) -> None:
    a, _, c = await company.joined("a", "b", "c")
    await company.passes(3.75, a, c)
    assert company.state("b") == "live"
    await company.passes(0.5, a, c)
    assert company.state("b") == "settled"
    assert (a.settled + c.settled).count("b") >= 1
    assert a.changes >= 1
    assert c.changes >= 1
    await company.passes(5.0, a, c)
    assert sum(len(one.log.named("process.dead")) for one in (a, c)) == 1
    assert {company.state("a"), company.state("c")} == {"live"}


async def test_whoever_was_buried_hears_it_and_begins_nothing(company: Company) -> None:
    a, b = await company.joined("a", "b")
    await company.passes(4.25, a)  # b stands still
    assert company.state("b") == "settled"
    with pytest.raises(CutOff):
        b.standing.check()
    with pytest.raises(GivenUp):
        await b.look()
    assert not b.standing.assured, "that nobody is there any more is no heartbeat"


async def test_a_cut_line_is_a_death_though_the_process_works_on(company: Company) -> None:
    a, b = await company.joined("a", "b")
    b.line.cut = True
    await company.passes(3.0, a, b)
    assert not b.standing.assured, "before others may take its work up"
    assert company.state("b") == "live"
    await company.passes(1.25, a, b)
    assert company.state("b") == "settled"
    b.line.cut = False
    with pytest.raises(GivenUp):
        await b.look()


async def test_answers_that_do_not_come_back_count_for_the_others_only(company: Company) -> None:
    a, b = await company.joined("a", "b")
    b.line.mute = True
    await company.passes(6.0, a, b)
    assert (company.state("b"), b.standing.assured) == ("live", False)
    b.line.mute = False
    await company.passes(0.25, a, b)
    assert b.standing.assured


async def test_when_the_database_was_away_for_everybody_nobody_is_dead(company: Company) -> None:
    members = await company.joined("a", "b", "c")
    for away in (1.25, 4.0, 60.0):
        for one in members:
            one.line.cut = True
        await company.passes(away, *members)
        for one in members:
            one.line.cut = False
        await company.passes(3.0, *members)
    assert {company.state(one.name) for one in members} == {"live"}


async def test_a_machine_that_slept_calls_nobody_dead(company: Company) -> None:
    a, b = await company.joined("a", "b")
    company.clock.at += 3600.0
    await company.passes(2.0, a)
    assert company.state("b") == "live"
    await company.passes(0.25, b)
    await company.passes(5.0, a, b)
    assert {company.state("a"), company.state("b")} == {"live"}


async def test_whoever_has_the_same_data_directory_is_dead_at_once(company: Company) -> None:
    old, other = company.member("old", "/home/x"), company.member("other", "/home/y")
    await old.processes.join()
    await other.processes.join()
    new = company.member("new", "/home/x")
    await new.processes.join()
    assert (company.state("old"), company.state("other"), company.state("new")) == ("dead", "live", "live")
    assert await new.processes.gone("old")
    await company.passes(0.25, new)
    assert (company.state("old"), new.settled) == ("settled", ["old"])


async def test_a_directory_that_is_not_told_is_nobodys_predecessor(company: Company) -> None:
    for name in ("one", "two"):
        made = company.member(name)
        made.processes.me = type(made.processes.me)(name, "", "host", 1, "1", "worker", "live", 0, 0.0)
        await made.processes.join()
    assert {company.state("one"), company.state("two")} == {"live"}


async def test_of_two_that_bury_at_once_one_does_and_both_settle(company: Company) -> None:
    a, b, c = await company.joined("a", "b", "c")
    await company.passes(3.75, a, c)
    company.clock.at += 0.25
    await a.processes._beat()  # so that the next thing that a commits is the burial
    company.store.before["process"].append(c.look)
    await a.look()
    assert [len(one.log.named("process.dead")) for one in (a, c)] == [1, 1], "both have seen it"
    assert company.state(b.name) == "dead"
    company.clock.at += 0.25
    await asyncio.gather(a.look(), c.look())
    await asyncio.gather(a.calm(), c.calm())
    assert company.state(b.name) == "settled"
    await company.passes(1.0, a, c)
    assert {company.state("a"), company.state("c")} == {"live"}


async def test_a_heartbeat_between_the_look_and_the_burial_saves(company: Company) -> None:
    a, b = await company.joined("a", "b")
    await company.passes(3.75, a)
    company.clock.at += 0.25
    await a.processes._beat()  # so that the next thing that a commits is the burial
    company.store.before["process"].append(b.processes._beat)
    await a.look()
    assert len(a.log.named("process.dead")) == 1
    assert company.state("b") == "live"
    await company.passes(2.0, a, b)
    assert company.state("b") == "live"


async def test_what_may_be_taken_up_is_asked_of_the_rows(company: Company) -> None:
    a, b = await company.joined("a", "b")
    late = company.member("late")
    await late.processes.join()  # since the others have looked
    gone = a.processes.gone
    assert "late" not in a.processes.living
    assert [await gone(name) for name in ("a", "b", "late")] == [True, False, False]
    assert [await gone(name) for name in ("", "never seen")] == [True, True], "what was there before there were several"
    await company.passes(5.0, a, late)
    assert await gone(b.name)


async def test_what_one_cannot_settle_another_does(company: Company) -> None:
    a, b = await company.joined("a", "b")

    async def never(process: str) -> None:
        await asyncio.Event().wait()

    a.processes.settle = never
    for _ in range(18):
        company.clock.at += 0.25
        await a.look()
    assert (company.state(b.name), a.life.running) == ("dead", 1), "a is at it"
    (c,) = await company.joined("c")
    assert (company.state(b.name), c.settled) == ("settled", ["b"])


FAILS = [Retry("the database is away", 1.0), ExpectationFailed("recover", "intents.close", 0)]


@pytest.mark.parametrize("failed", FAILS, ids=lambda one: type(one).__name__)
async def test_a_settlement_that_fails_is_told_and_tried_again(company: Company, failed: Exception) -> None:
    a, b = await company.joined("a", "b")
    tried: list[str] = []

    async def late(process: str) -> None:
        tried.append(process)
        if len(tried) == 1:
            raise failed

    a.processes.settle = late
    for _ in range(18):
        company.clock.at += 0.25
        await a.look()
    await until(lambda: len(tried) == 1)
    assert company.state(b.name) == "dead"
    await a.calm()  # it waits for a second, really
    assert len(a.log.named("process.settled_late")) == 1
    await company.passes(0.25, a)
    assert (tried, company.state(b.name)) == (["b", "b"], "settled")


async def test_what_a_process_begins_behind_its_end_is_settled_too(company: Company) -> None:
    """It was paused in the middle of a commit, others have settled what it had, and then it goes on for a moment."""
    b = (await company.joined("a", "b"))[1]
    await company.passes(5.0, b)
    assert (company.state("a"), b.settled) == ("settled", ["a"])
    await company.store.commit(
        operation("send_intent", intents.insert(begun_by_a("send", "trn_1"), None, riding=False))
    )

    async def settle(process: str) -> None:
        b.settled.append(process)
        await company.store.commit(operation("recover", intents.close("int_1", "unknown", 2.0)))

    b.processes.settle = settle
    await company.passes(5.25, b)
    assert (company.state("a"), b.settled) == ("settled", ["a", "a"])
    await company.passes(11.0, b)
    assert b.settled == ["a", "a"]
    assert len(b.log.named("process.left_behind")) == 1


def begun_by_a(kind: str, turn: str) -> IntentRow:
    return IntentRow(
        id="int_1", kind=kind, session_id="", turn_id=turn, step="", delivery_id="", part=0, attempt=1, route="r",
        digest="d", repeatable=0, state="open", created_at=1.0, process="a",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "turn", "state"),
    [("send", "trn_1", "settled"), ("model", "", "settled"), ("model", "trn_1", "ended"), ("tool", "trn_1", "ended")],
)
async def test_what_a_drained_process_could_not_end_is_settled_too(
    company: Company, kind: str, turn: str, state: str
) -> None:
    """Such as a send that took too long. What belongs to a turn is closed by whoever takes the turn up."""
    a, b = await company.joined("a", "b")
    intent = intents.insert(begun_by_a(kind, turn), None, riding=False)
    await company.store.commit(operation("send_intent", intent))
    await a.processes.leave()
    await company.passes(0.25, b)
    assert company.state("a") == state
    assert b.settled == (["a"] if state == "settled" else [])
    assert await b.processes.gone("a")
