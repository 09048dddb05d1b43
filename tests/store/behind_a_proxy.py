"""A store on PostgreSQL whose network is a proxy that fails when it is told to; rows are read without it."""

from collections.abc import AsyncIterator, Generator

import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.store.postgresql import PostgresqlStore
from tests.databases import PostgresqlDatabase, only_postgresql
from tests.postgresql import Cluster
from tests.standins.proxy import Proxy, proxied

__all__ = ["only_postgresql"]


@pytest.fixture
def network(postgresql: Cluster) -> Generator[Proxy]:
    """What lies between store and server."""
    with proxied(postgresql.port) as proxy:
        yield proxy


@pytest.fixture
def failures() -> list[BaseException]:
    """What the store has failed with."""
    return []


@pytest.fixture
async def store(
    database: PostgresqlDatabase, postgresql: Cluster, network: Proxy, failures: list[BaseException]
) -> AsyncIterator[PostgresqlStore]:
    """The store; the network is healed before it is closed."""
    url = database.url.replace(f":{postgresql.port}/", f":{network.port}/")
    store = await PostgresqlStore.open(url, CrashPoints(), failures.append)
    yield store
    network.heal()
    await store.close()
