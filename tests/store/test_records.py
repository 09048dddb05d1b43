"""Reading the record on both databases: a time leads to its entries, an entry to the first checkpoint that signs it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quarterdeck.actions.records import Records, RecordsAsk
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.ids import IdSource
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.sealer import Sealer
from quarterdeck.store import audit
from quarterdeck.store.database import Store
from quarterdeck.store.migrate import known
from quarterdeck.store.operations import operation
from quarterdeck.store.overview import schema
from tests.channels.support import KeptLog
from tests.databases import Database
from tests.store.test_sealing import HOUR, SetClock


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = await database.open()
    yield store
    await store.close()


def date(clock: SetClock) -> str:
    return datetime.fromtimestamp(clock.now(), UTC).isoformat()


async def test_a_time_leads_to_its_entries_and_an_entry_to_its_checkpoint(store: Store) -> None:
    clock = SetClock()
    auditor, records = Auditor(clock, IdSource(clock)), Records(store, clock)
    sealer = Sealer(store, Ed25519PrivateKey.generate(), clock, CrashPoints(), KeptLog())
    times: list[str] = []
    for hour in range(5):
        clock.ahead = hour * HOUR
        times.append(date(clock))
        record = [auditor.record("test.done", SYSTEM, Subject(resource=f"{hour}.{n}"), content=b"x") for n in range(2)]
        await store.commit(operation("start", *record))
        if hour < 4:
            await sealer.seal()

    async def found(since: str = "", until: str = "") -> list[str]:
        page = await records.listed(RecordsAsk(since=since, until=until), 50)
        assert page.behind == ""
        return [one.leaf.resource for one in page.records]

    assert await found() == [f"{hour}.{n}" for hour in (4, 3, 2, 1, 0) for n in (1, 0)]
    assert await found(until=times[2]) == ["1.1", "1.0", "0.1", "0.0"]
    assert await found(since=times[3]) == ["4.1", "4.0", "3.1", "3.0"]
    assert await found(times[1], times[2]) == ["1.1", "1.0"]
    begins = await audit.row_sealed_by(store, clock.now() - 3 * HOUR - 100)  # there, and not at the newest
    assert (await audit.listed(store, 1, begins))[0].position == 3

    page = await records.listed(RecordsAsk(), 4)
    newest = await records.one(page.records[0].id)
    assert (newest.sealed, newest.record.position, newest.kept) == (None, None, True)
    older = await records.one(page.records[3].id)
    assert older.sealed is not None
    assert (older.record.position, older.sealed.size) == (6, 8)
    lag = await records.lag()
    assert lag.sealed == older.sealed
    assert (lag.waiting, lag.seconds < 60) == (2, True)
    clock.ahead += 100
    assert (await records.lag()).seconds >= 100
    await sealer.seal()
    assert ((await records.lag()).waiting, (await records.lag()).seconds) == (0, 0)


async def test_an_empty_record_is_no_error(store: Store) -> None:
    records = Records(store, SetClock())
    assert (await records.listed(RecordsAsk(until="2026-01-31"), 10)).records == []
    assert (await records.lag()).waiting == 0


async def test_the_schema_is_that_of_the_newest_migration(store: Store) -> None:
    assert await schema(store) == known()[-1][0]
