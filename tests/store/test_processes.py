"""What does a process find in the rows of those before it?"""

from collections.abc import AsyncIterator

import msgspec
import pytest

from quarterdeck.store import processes
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation
from quarterdeck.store.processes import Process
from tests.databases import Database

ONE = Process("p1", "boot-a/65024/7", "here", 1, "1", "gateway,worker", "live", 0, 1.0)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    await database.migrate()
    opened = await database.open()
    yield opened
    await opened.close()


async def test_what_its_file_said_last_is_known_after_the_machine_was_started_again(store: Store) -> None:
    """A data directory is the same one then, though no lock of the time before counts any more."""
    said = processes.works_by("p1", 1, "digest", "")
    await store.commit(operation("process", processes.join(ONE), said))
    again = msgspec.structs.replace(ONE, id="p2", started_at=2.0)
    assert await processes.written_before(store, again) == "digest"
    assert await processes.written_before(store, msgspec.structs.replace(again, home="boot-b/65024/7")) == "digest"
    for elsewhere in ({"home": "boot-a/65024/8"}, {"host": "elsewhere"}):
        assert await processes.written_before(store, msgspec.structs.replace(again, **elsewhere)) == ""
