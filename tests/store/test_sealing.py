"""Sealing a growing record: every row has its place in the tree, in the order of commits, and is proven by it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.ids import IdSource
from quarterdeck.base.supervise import Service, Supervisor
from quarterdeck.cli.verify_audit import verify
from quarterdeck.governance import sealer as sealing
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.sealer import Sealer
from quarterdeck.governance.tree import Frontier
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation
from tests.channels.support import KeptLog
from tests.databases import Database
from tests.flow.spy import Spy
from tests.waiting import until

HOUR = 3_600.0
BATCHES = (1, 3, sealing.SLICE + 5)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = await database.open()
    yield store
    await store.close()


class SetClock:
    """The machine's clock, which a test may set."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic()


async def test_a_clock_that_was_set_back_is_recorded_and_the_record_verifies(store: Store, database: Database) -> None:
    key, clock, log = Ed25519PrivateKey.generate(), SetClock(), KeptLog()
    auditor, sealer = Auditor(clock, IdSource(clock)), Sealer(store, key, clock, CrashPoints(), log)
    for ahead in (HOUR, HOUR, 0.0, 0.0, HOUR):
        await store.commit(operation("start", auditor.record("test.done", SYSTEM, Subject())))
        clock.ahead = ahead  # the entry before is sealed under the new time
        await store.commit(operation("start", auditor.record("test.done", SYSTEM, Subject())))
        await sealer.seal()
    report = await asyncio.to_thread(verify, database.path, key.public_key())
    assert report.ok, report.findings
    assert [found["code"] for found in report.findings] == ["clock"]
    assert re.search("signed 35[0-9]{2} s before", report.findings[0]["what"])
    assert [event for event, _ in log.lines] == ["audit.clock_set_back"]


async def test_every_row_is_sealed_in_the_order_of_its_commit(store: Store) -> None:
    clock = SystemClock()
    auditor = Auditor(clock, IdSource(clock))
    sealer = Sealer(store, Ed25519PrivateKey.generate(), clock, CrashPoints(), KeptLog())
    for count in BATCHES:
        records = [auditor.record("test.done", SYSTEM, Subject(resource=str(n))) for n in range(count)]
        await store.commit(operation("start", *records))
        left = count
        while left > 0:
            sealed = await sealer.seal()
            assert sealed == min(left, sealing.SLICE)
            left -= sealed
        assert await sealer.seal() == 0
    rows = await store.fetch("SELECT rowid, leaf_hash FROM audit ORDER BY rowid", {})
    placed = await store.fetch("SELECT audit_rowid, leaf_hash FROM audit_positions ORDER BY position", {})
    assert placed == rows
    assert len(rows) == sum(BATCHES)
    hashes = [leaf_hash for _, leaf_hash in rows if isinstance(leaf_hash, bytes)]
    (newest,) = await store.fetch("SELECT size, root FROM audit_checkpoints ORDER BY size DESC LIMIT 1", {})
    assert newest == (len(rows), Frontier(0, ()).extend(hashes).root())


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # beside SQLite there is one process
async def test_a_sealer_goes_on_where_another_was_faster(store: Store) -> None:
    """Such as one in a process that was paused: it commits what it had begun when another has its place already."""
    clock, log, key, late = SystemClock(), KeptLog(), Ed25519PrivateKey.generate(), Spy(store)
    auditor = Auditor(clock, IdSource(clock))
    late.before["seal"].append(Sealer(store, key, clock, CrashPoints(), log).seal)
    sealer = Sealer(late, key, clock, CrashPoints(), log)

    async def sealed(count: int) -> bool:
        return len(await store.fetch("SELECT position FROM audit_positions", {})) == count

    async with Supervisor(log) as supervisor:
        await supervisor.start(Service(name="audit", run=sealer.run))
        for count in (1, 2):
            await store.commit(operation("start", auditor.record("test.done", SYSTEM, Subject())))
            await until(partial(sealed, count), what=f"{count} sealed")
    assert not late.before["seal"]
    assert "service.fatal" not in log.events()
