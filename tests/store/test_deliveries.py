"""Does a list of deliveries go on until it ends, on both databases, also where the newest are in another state?"""

from collections.abc import AsyncIterator, Sequence

import pytest

from quarterdeck.store import outbox
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation
from quarterdeck.store.outbox import Delivery
from tests.databases import Database


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = await database.open()
    yield store
    await store.close()


async def send(store: Store, n: int, *states: str) -> str:
    one = Delivery(f"dlv_{n:03}", "", "", "tg", "room", "notice", float(n))
    parts = [outbox.insert_part(one, place, "text", state, float(n)) for place, state in enumerate(states)]
    await store.commit(operation("start", outbox.insert_delivery(one), *parts))
    return one.id


async def pages(store: Store, state: str, limit: int) -> Sequence[Sequence[str]]:
    found: list[list[str]] = []
    before = ""
    while len(found) < 100:
        page = await outbox.listed(store, state, limit, before)
        assert all(one.state == state for one in page)
        found.append([one.id for one in page])
        if len(page) < limit:
            return found
        before = page[-1].id
    raise AssertionError("the list does not end")


async def test_only_the_last_page_is_short(store: Store) -> None:
    sent = [await send(store, n, "sent", "sent") for n in range(5)]
    failed = [await send(store, n, "failed", "sent") for n in range(10, 13)]
    ready = [await send(store, n, "ready", "sent") for n in range(20, 23)]
    dismissed = [await send(store, n, "sent", "dismissed") for n in range(24, 27)]
    for n in range(30, 45):  # the worst of its parts is what a delivery is in
        await send(store, n, "unknown", "failed", "ready")
    for state, wanted in (("sent", sent), ("failed", failed), ("ready", ready), ("dismissed", dismissed)):
        newest_first = wanted[::-1]
        assert [one for page in await pages(store, state, 2) for one in page] == newest_first, state
        assert (await pages(store, state, 50)) == [newest_first]
    assert sum(map(len, await pages(store, "unknown", 4))) == 15
