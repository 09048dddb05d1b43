"""Is every model call settled once, with what it cost, for whom, and is that shown as it is known?"""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.actions.usage import COLUMNS, UsageAsk, report
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.ids import IdSource
from quarterdeck.flow.catalogue import USAGE
from quarterdeck.governance.audit import Auditor
from quarterdeck.governance.gate import Gate, Intent, Scope
from quarterdeck.governance.policy import Facts
from quarterdeck.governance.pricebook import PriceBook
from quarterdeck.governance.prices import Rates, cost, flat
from quarterdeck.model.action import ModelCall
from quarterdeck.model.turn import Usage
from quarterdeck.store import usage
from quarterdeck.store.migrate import migrate
from quarterdeck.store.operations import operation
from quarterdeck.store.sqlite import SqliteStore
from tests.flow.doubles import TestClock
from tests.flow.money import PRICES, RATES
from tests.flow.world import World

SETTLED = "SELECT l.*, i.state FROM ledger l JOIN intents i ON i.id = l.intent_id WHERE l.kind = 'settle' ORDER BY i.id"


async def test_an_answer_is_settled_with_its_cost_and_whom_it_was_for(world: World) -> None:
    used = Usage(1_000_003, 70_001, cached=400_000, cache_write=100_000, reasoning=60_000)
    world.main.say("hi", usage=used)
    await world.say("hello", connection="web")
    await world.rest()
    (row,) = world.rows(SETTLED)
    plain = (500_003 * RATES["input"] + 500_000) // 10**6
    other = (400_000 * RATES["cached"] + 500_000) // 10**6 + (100_000 * RATES["cache_write"] + 500_000) // 10**6
    assert row["amount"] == plain + other + (70_001 * RATES["output"] + 500_000) // 10**6
    assert (row["currency"], row["price_version"], row["reported"]) == ("USD", "world-1", 1)
    assert (row["tokens_cache_write"], row["tokens_reasoning"]) == (100_000, 60_000)
    assert (row["assistant"], row["connection"]) == ("default", "web")
    assert row["session_id"] == world.session(connection="web")
    assert row["identity_id"] == world.rows("SELECT identity_id FROM inbox")[0]["identity_id"]
    assert world.rows("SELECT price_digest FROM turns") == [{"price_digest": "world-1"}]
    (reserve,) = world.rows("SELECT amount, currency FROM ledger WHERE kind = 'reserve'")
    assert reserve == {"amount": 41_667 + 88_889, "currency": "USD"}  # 100 tokens in, at the dearest rate; 50 out


async def test_money_takes_no_statement_of_its_own(world: World) -> None:
    await world.say("hello", connection="web")
    await world.rest()
    assert [name for name in world.store.statements if name.startswith("ledger")] == ["ledger.reserve", "ledger.settle"]
    assert world.store.committed == ["accept", "take", "end_turn"]


async def test_a_model_without_a_price_costs_nothing_known(idle_world: World) -> None:
    idle_world.settings.let(model="spare/m")
    await idle_world.start()
    await idle_world.say("hello", connection="web")
    await idle_world.rest()
    rows = idle_world.rows("SELECT amount, currency, tokens_in FROM ledger ORDER BY kind")
    assert [(row["amount"], row["currency"]) for row in rows] == [(None, ""), (None, "")]


async def test_a_failed_call_counts_at_what_it_reported_a_silent_one_at_its_reserve(world: World) -> None:
    world.main.fail("server", retryable=True, usage=Usage(10, 2))
    world.main.fail("server", retryable=True)
    world.main.say("x", usage=Usage(10, 2, reported=False))
    await world.say("hello", connection="web")
    await world.rest()
    one = cost(PRICES["main/m"], Usage(10, 2), 0)
    (reserve,) = {row["amount"] for row in world.rows("SELECT amount FROM ledger WHERE kind = 'reserve'")}
    found = [(row["state"], row["reported"], row["amount"]) for row in world.rows(SETTLED)]
    assert found == [("failed", 1, one), ("failed", 0, reserve), ("done", 0, one)]
    said = await report(world.store, world.clock, UsageAsk(group=""))
    assert (said.total.sums.calls, said.total.sums.estimated, said.total.sums.unpriced) == (3, 2, 0)


async def test_a_call_lost_in_a_crash_counts_at_its_reserve_as_estimated(world: World) -> None:
    held = world.main.hold()
    accepted = await world.say("go")
    await held.reached()
    await world.restart()
    await world.ended(accepted)
    (reserve,) = {row["amount"] for row in world.rows("SELECT amount FROM ledger WHERE kind = 'reserve'")}
    lost = world.rows(SETTLED)[0]
    assert (lost["state"], lost["reported"], lost["amount"]) == ("lost", 0, reserve)
    assert lost["session_id"] == world.session()


async def test_embeddings_are_settled_in_the_same_way(world: World) -> None:
    call = world.main.prepare_embedding("m", ["a", "bc"], None)
    scope = Scope("default", "", "", "index", 1, None, Facts(models=("main/m",)), connection="web", identity="idn_1")
    intent = world.parts.gate.check(call, scope)
    assert isinstance(intent, Intent)
    permit = world.parts.gate.permit(intent, await world.store.commit(operation("model_intent", intent.statements)))
    assert permit is not None
    made = await world.main.embed(call, permit)
    await world.store.commit(operation("model_step", world.parts.gate.close(intent.row, "done", usage=made.usage)))
    (row,) = world.rows(SETTLED)
    assert (row["amount"], row["tokens_in"]) == (cost(PRICES["main/m"], Usage(2, 0), 0), 2)


# --- sums -----------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(("a", "b"))
USED = st.builds(
    lambda i, o, c, w, r, known: Usage(i, o, i * c // 200, known, i * w // 200, o * r // 100),
    st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100),
    st.booleans(),
)  # fmt: skip
CALL = st.tuples(NAMES, NAMES, NAMES, NAMES, st.sampled_from(("p/x", "p/y", "q/x", "q/none")), st.none() | USED)
BOOK = {
    "p/x": flat(Rates(333_333_333, 777_777_777, 1, 999_999_999, 3)),
    "p/y": flat(Rates(1, 1)),
    "q/x": flat(Rates(5_000_000_001, 7), "EUR"),
}


@pytest.mark.proves("usage.day", "usage.assistant", "usage.person", "usage.connection", "usage.session",
                    "usage.model", "usage.provider")  # fmt: skip
@settings(max_examples=15, deadline=None)
@given(calls=st.lists(CALL, min_size=1, max_size=12))
def test_sums_by_anything_are_the_sum_over_turns_to_the_unit(
    calls: list[tuple[str, str, str, str, str, Usage | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    asyncio.run(_all_sums(calls, tmp_path_factory.mktemp("sums") / "q.db"))


async def _all_sums(calls: list[tuple[str, str, str, str, str, Usage | None]], path: Path) -> None:
    migrate(path)
    clock = TestClock()
    new_id = IdSource(clock)
    store = SqliteStore(path, CrashPoints(), lambda error: None)
    book = PriceBook()
    book.replace({}, "", BOOK)
    gate = Gate(clock, new_id, Auditor(clock, new_id), book)
    turns = [f"turn_{n}" for n in range(len(calls))]

    async def one(turn: str, call: tuple[str, str, str, str, str, Usage | None]) -> None:
        assistant, session, connection, person, route, used = call
        provider, _, model = route.partition("/")
        facts = Facts(models=tuple({*BOOK, "q/none"}))
        scope = Scope(assistant, session, turn, "m1", 1, None, facts, connection=connection, identity=person)
        intent = gate.check(ModelCall(provider, model, b"{}", 1003, 101), scope)
        assert isinstance(intent, Intent)
        await store.commit(operation("model_intent", intent.statements))
        state = "lost" if used is None else "done"
        await store.commit(operation("end_turn", gate.close(intent.row, state, usage=used)))

    await asyncio.gather(*(one(turn, call) for turn, call in zip(turns, calls, strict=True)))
    settled = await usage.of_turns(store, turns)
    by_turn = {"USD": 0, "EUR": 0}
    for found in settled.values():
        (call,) = found
        if call.amount is not None:
            by_turn[call.currency] += call.amount
    wanted = {
        name: amount
        for name, amount in by_turn.items()
        if any(BOOK[c[4]].currency == name for c in calls if c[4] in BOOK)
    }
    unpriced = sum(call[4] not in BOOK for call in calls)
    for group in ("", *USAGE, ",".join(USAGE), "day,model"):
        said = await report(store, clock, UsageAsk(group=group))
        assert (said.total.money, said.total.sums.unpriced, said.total.sums.calls) == (wanted, unpriced, len(calls))
        summed: dict[str, int] = {}
        for line in said.lines:
            for name, amount in line.money.items():
                summed[name] = summed.get(name, 0) + amount
        assert summed == wanted
    await store.close()


def test_what_can_be_summed_by_is_what_the_catalogue_says() -> None:
    assert set(COLUMNS) == set(USAGE)
