"""A fork's copy: in slices, whole after any kill, finished by the service when whoever asked for it is gone."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from quarterdeck.actions.exports import Exports
from quarterdeck.actions.forks import Forks
from quarterdeck.base.clock import SystemClock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.ids import IdSource
from quarterdeck.base.supervise import Life, Service
from quarterdeck.flow.live import Live
from quarterdeck.governance.audit import SYSTEM, Auditor
from quarterdeck.governance.principal import OWNER
from quarterdeck.store import forks, pins, sessions, summaries
from quarterdeck.store.operations import Statement, operation
from quarterdeck.store.sqlite import SqliteStore
from quarterdeck.store.summaries import Summary
from quarterdeck.store.tenancy import TENANT
from tests.flow.doubles import Log
from tests.store.mortal import Killed, Mortal
from tests.store.seeding import Vocabulary, seed
from tests.waiting import until

SOURCE = f"ses_{0:026x}"
TURNS = 60


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Mortal]:
    seed(tmp_path / "q.db", 1, TURNS, Vocabulary())
    store = Mortal(SqliteStore(tmp_path / "q.db", CrashPoints(), lambda error: None))
    yield store
    await store.close()


def service(store: Mortal, woken: list[str]) -> Forks:
    clock = SystemClock()
    new_id = IdSource(clock)
    return Forks(store, Auditor(clock, new_id), Live(), clock, new_id, woken.append, Log())


async def run_until_done(store: Mortal, woken: list[str]) -> None:
    """The service, as a start runs it, until nothing is left to copy."""

    def fail(error: BaseException) -> None:
        raise AssertionError from error

    one = service(store, woken)
    life = Life(Service(name="forks", run=one.run), fail, Log())
    async with asyncio.TaskGroup() as group:
        group.create_task(one.run(life))
        await until(lambda: woken, what="a finished copy")
        life.stopping.set()


async def test_a_killed_copy_is_finished_by_the_next_process(store: Mortal) -> None:
    for dies_in in (2, 3, 4):
        for side in ("before", "after"):
            woken: list[str] = []
            store.dies_in, store.side = dies_in, side
            with pytest.raises(Killed):
                await service(store, woken).fork(SOURCE, "", OWNER, SYSTEM)
            (new,) = await forks.copying(store, 10)
            session = await sessions.get(store, new)
            assert session is not None
            assert session.controller == "waiting", "no turn runs on half of a history"
            await run_until_done(store, woken)
            assert woken == [new]
            await whole_copy(store, new)


async def whole_copy(store: Mortal, new: str) -> None:
    session = await sessions.get(store, new)
    assert session is not None
    assert (session.controller, session.forked_from, session.head) == ("assistant", SOURCE, 2 * TURNS)
    texts = "SELECT content FROM messages WHERE session_id = :id ORDER BY position, part"
    original, copy = [await store.fetch(texts, {"id": one}) for one in (SOURCE, new)]
    assert list(copy) == list(original)
    seqs = await store.fetch("SELECT seq FROM events WHERE session_id = :id ORDER BY seq", {"id": new})
    assert [row[0] for row in seqs] == list(range(1, 2 * TURNS + 1))


async def test_a_message_that_comes_during_the_copy_is_no_part_of_it(store: Mortal) -> None:
    woken: list[str] = []
    store.dies_in, store.side = 3, "after"
    with pytest.raises(Killed):
        await service(store, woken).fork(SOURCE, "", OWNER, SYSTEM)
    (new,) = await forks.copying(store, 10)
    await store.commit(operation("accept", sessions.advance(new, 1, 1.0)))
    await run_until_done(store, woken)
    rows = await store.fetch(
        "SELECT COUNT(*), COUNT(DISTINCT position) FROM messages WHERE session_id = :id", {"id": new}
    )
    assert rows[0] == (2 * TURNS, 2 * TURNS)


async def test_two_who_copy_make_one_copy(store: Mortal) -> None:
    store.dies_in, store.side = 2, "before"
    with pytest.raises(Killed):
        await service(store, []).fork(SOURCE, "", OWNER, SYSTEM)
    (new,) = await forks.copying(store, 10)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(service(store, [])._finish(new))
    await whole_copy(store, new)


# --- what is kept in mind -------------------------------------------------------------------------------------

MIND: list[Statement] = [
    summaries.insert(Summary("sum_1", SOURCE, 10, 1, "the first ten", 20, "turn_1", "main/m", 1.0)),
    summaries.insert(Summary("sum_2", SOURCE, 45, 0, "the first forty-five", 89, "turn_2", "main/m", 2.0)),
    summaries.insert(Summary("sum_3", SOURCE, 50, 1, "dropped", 100, "turn_3", "main/m", 3.0, dropped_at=4.0)),
    *(
        Statement(
            "test.pin",
            "INSERT INTO pins VALUES (:tenant, :id, :session, :id, :position, 1.0, :removed)",
            {"tenant": TENANT, "id": name, "session": SOURCE, "position": position, "removed": removed},
        )
        for name, position, removed in (("pin_b", 5, None), ("pin_a", 41, None), ("pin_c", 6, 7.0))
    ),
    Statement("test.model", "UPDATE sessions SET model = 'spare/m' WHERE id = :id", {"id": SOURCE}),
]


async def kept_in_mind(store: Mortal, new: str) -> tuple[str, str, list[str], str]:
    """(the summary, the last message that it stands for, the pins, the model) of a conversation."""
    session = await sessions.get(store, new)
    assert session is not None
    summary = await summaries.newest(store, new, 0)
    pinned = [pin.text for pin in await pins.of_session(store, new, 0)]
    if summary is None:
        return "", "", pinned, session.model
    last = await store.fetch(
        "SELECT content FROM messages WHERE session_id = :id AND position = :position AND part = :part",
        {"id": new, "position": summary.position, "part": summary.part},
    )
    return summary.text, str(last[0][0]), pinned, session.model


async def content(store: Mortal, position: int, part: int) -> str:
    rows = await store.fetch(
        "SELECT content FROM messages WHERE session_id = :id AND position = :position AND part = :part",
        {"id": SOURCE, "position": position, "part": part},
    )
    return str(rows[0][0])


@pytest.mark.parametrize(
    ("at", "summary", "place", "pinned"),
    [
        ("", "the first forty-five", (45, 0), ["pin_b", "pin_a"]),
        ("45.0", "the first forty-five", (45, 0), ["pin_b", "pin_a"]),
        ("44", "the first ten", (10, 1), ["pin_b", "pin_a"]),
        ("10.1", "the first ten", (10, 1), ["pin_b"]),
        ("10.0", "", None, ["pin_b"]),
        ("4", "", None, []),
    ],
)
async def test_what_is_kept_in_mind_comes_along(
    store: Mortal, at: str, summary: str, place: tuple[int, int] | None, pinned: list[str]
) -> None:
    await store.commit(operation("context", MIND))
    new = await service(store, []).fork(SOURCE, at, OWNER, SYSTEM)
    last = await content(store, *place) if place else ""
    assert await kept_in_mind(store, new.id) == (summary, last, pinned, "spare/m")
    assert (await kept_in_mind(store, SOURCE))[2] == ["pin_b", "pin_a"]


async def test_what_the_model_was_not_shown_any_more_is_not_kept_in_mind(store: Mortal) -> None:
    """After a reset at 42 the summary and the older pin are past; the later ones would not be."""
    reset = Statement("test.reset", "UPDATE sessions SET history_from = 42 WHERE id = :id", {"id": SOURCE})
    dropped = Statement("test.drop", "UPDATE summaries SET dropped_at = 9.0 WHERE id = 'sum_2'", {})
    await store.commit(operation("context", MIND, [reset, dropped]))
    new = await service(store, []).fork(SOURCE, "", OWNER, SYSTEM)
    assert await kept_in_mind(store, new.id) == ("", "", [], "spare/m")


async def test_a_kill_anywhere_keeps_it_in_mind_once(store: Mortal) -> None:
    await store.commit(operation("context", MIND))
    for dies_in in (2, 3, 4, 5):
        for side in ("before", "after"):
            woken: list[str] = []
            store.dies_in, store.side = dies_in, side
            with pytest.raises(Killed):
                await service(store, woken).fork(SOURCE, "", OWNER, SYSTEM)
            ((new,),) = await store.fetch("SELECT session_id FROM forks", {})
            if await forks.copying(store, 10):
                await run_until_done(store, woken)
            summary, _, pinned, _ = await kept_in_mind(store, str(new))
            assert (summary, pinned) == ("the first forty-five", ["pin_b", "pin_a"])
            await store.commit(operation("context", [Statement("test.forget", "DELETE FROM forks", {})]))


async def test_an_export_holds_one_page_at_a_time(tmp_path: Path) -> None:
    seed(tmp_path / "long.db", 1, 5_000, Vocabulary())
    store = Mortal(SqliteStore(tmp_path / "long.db", CrashPoints(), lambda error: None))
    clock = SystemClock()
    exports = Exports(store, Auditor(clock, IdSource(clock)), clock)
    for form in ("markdown", "html", "json"):
        made = await exports.begin(SOURCE, form, SYSTEM)
        tracemalloc.start()
        size, pieces = 0, list[str]()
        async for piece in made.pieces:
            size += len(piece)
            pieces += [piece] if form == "json" else []
            assert len(piece) < 100_000
        if form != "json":  # that one was kept here
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        tracemalloc.stop()
        assert size > 2_000_000
        if form == "json":
            found = msgspec.json.decode("".join(pieces))
            assert (len(found["messages"]), len(found["turns"])) == (10_000, 5_000)
    await store.close()
