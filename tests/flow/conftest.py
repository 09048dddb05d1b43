"""Every world ends at rest, and what its database holds then keeps the rules of rest."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.databases import Database, new_database, postgresql_reader
from tests.flow.rest import broken_rules
from tests.flow.world import World

__all__ = ["postgresql_reader"]


@pytest.fixture
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Database:
    """What worlds live on: SQLite, or what --database says."""
    return new_database(str(request.config.getoption("--database")), tmp_path, request)


@pytest.fixture
async def idle_world(tmp_path: Path, database: Database) -> AsyncIterator[World]:
    """A world that is set up but not started, for tests that change its settings; checked at the end."""
    world = World(tmp_path, database)
    yield world
    if world._parts is not None:
        await world.rest()
        await world.stop()
    assert broken_rules(world.path) == []
    assert world.log.failures == []


@pytest.fixture
async def world(idle_world: World) -> World:
    """A started world with the default settings."""
    await idle_world.start()
    return idle_world


@pytest.fixture
async def loose_world(tmp_path: Path, database: Database) -> AsyncIterator[World]:
    """A world for tests that leave something open on purpose; nothing is checked at its end."""
    world = World(tmp_path, database)
    yield world
    if world._parts is not None:
        await world.kill()
