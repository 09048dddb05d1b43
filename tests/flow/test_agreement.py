"""Processes whose files change at the same moment: versions follow one another, and all end with the newest."""

import asyncio
import platform
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from quarterdeck.actions.agreement import Agreement
from quarterdeck.base.clock import SystemClock
from quarterdeck.base.config_shared import digest, encode, shared
from quarterdeck.base.ids import IdSource
from quarterdeck.base.settings import AssistantConfig, Config
from quarterdeck.governance.audit import SYSTEM, Auditor
from quarterdeck.store import processes
from quarterdeck.store.operations import operation
from quarterdeck.store.processes import Process
from tests.databases import Database, database, postgresql_reader
from tests.flow.doubles import Log
from tests.flow.spy import Spy

__all__ = ["database", "postgresql_reader"]
CLOCK = SystemClock()
MANY = 6


def says(name: str) -> Config:
    """A file whose shared part is told from others by the name of its assistant."""
    return Config(assistants={name: AssistantConfig(model="demo/model")})


class Machine:
    """One process with its store."""

    def __init__(self, store: Spy, number: int) -> None:
        home = f"home{number}"
        self.row = Process(f"p{number}", home, platform.node(), number, "1", "", "live", 0, CLOCK.now())
        self.store = store
        self.agreement = Agreement(store, Auditor(CLOCK, IdSource(CLOCK)), CLOCK, Log(), self.row)

    async def begin(self, own: Config) -> int:
        """It joins and starts with this file; the version that it is led to."""
        await self.store.commit(operation("process", processes.join(self.row)))
        version = await self.agreement.begin(own)
        await self.agreement.has(version, own)
        return version.number


@pytest.fixture
async def machines(database: Database) -> AsyncIterator[list[Machine]]:
    """A machine each with connections of its own."""
    async with AsyncExitStack() as stack:
        made: list[Machine] = []
        for number in range(MANY):
            store = await database.open()
            stack.push_async_callback(store.close)
            made.append(Machine(Spy(store), number))
        yield made


def all_at_once(machines: list[Machine]) -> None:
    """The next change of each is committed when all have looked and see the same."""
    together = asyncio.Barrier(len(machines))
    for one in machines:
        one.store.before["configuration"].append(together.wait)


def versions(database: Database) -> list[tuple[int, str]]:
    rows = database.rows("SELECT number, digest FROM configurations ORDER BY number", {})
    return [(row["number"], row["digest"]) for row in rows]


def records(database: Database) -> int:
    """Of changes; nothing else happens here."""
    return len(database.rows("SELECT id FROM audit", {}))


async def test_processes_that_start_together_with_one_file_make_one_version(
    machines: list[Machine], database: Database
) -> None:
    own = says("ada")
    all_at_once(machines)
    assert set(await asyncio.gather(*(one.begin(own) for one in machines))) == {1}
    assert versions(database) == [(1, digest(encode(shared(own))))]
    assert records(database) == 1


async def test_files_that_change_at_once_are_versions_one_after_the_other(
    machines: list[Machine], database: Database
) -> None:
    for one in machines:
        await one.begin(says("before"))
    all_at_once(machines)
    files = [says(f"by{number}") for number in range(MANY)]
    led_to = await asyncio.gather(
        *(one.agreement.read_again(own, SYSTEM) for one, own in zip(machines, files, strict=True))
    )
    assert sorted(version.number for version in led_to) == list(range(2, MANY + 2))
    assert [number for number, _ in versions(database)] == list(range(1, MANY + 2))
    assert {name for number, name in versions(database) if number > 1} == {digest(encode(shared(one))) for one in files}
    assert records(database) == MANY + 1
    newest = max(led_to, key=lambda version: version.number)
    for one, version in zip(machines, led_to, strict=True):
        await one.agreement.has(version, says(f"by{machines.index(one)}"))
        assert await one.agreement.newer() == (None if version == newest else newest)


async def test_a_file_that_says_again_what_it_said_changes_nothing(machines: list[Machine], database: Database) -> None:
    """Of two, one changes its file while the other reads its own, unchanged one again."""
    first, second, *_ = machines
    await first.begin(says("before"))
    await second.begin(says("before"))
    changed, again = await asyncio.gather(
        first.agreement.read_again(says("after"), SYSTEM), second.agreement.read_again(says("before"), SYSTEM)
    )
    assert changed.number == 2
    assert again.number in (1, 2)
    assert [number for number, _ in versions(database)] == [1, 2]
