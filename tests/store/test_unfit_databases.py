"""A database that nothing can be kept in is refused at the start, with what has to be corrected; nothing is written."""

import asyncio

import asyncpg
import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.store.migrate_postgresql import applied, migrate
from quarterdeck.store.postgresql import PostgresqlStore
from quarterdeck.store.postgresql_errors import OLDEST, check_server
from tests.databases import nobody_hears
from tests.postgresql import Cluster


@pytest.fixture
async def url(postgresql: Cluster) -> str:
    return await asyncio.to_thread(postgresql.create)


async def run(url: str, *said: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        for sql in said:
            await connection.execute(sql)
    finally:
        await connection.close()


async def opened(url: str) -> None:
    await (await PostgresqlStore.open(url, CrashPoints(), nobody_hears)).close()


async def test_an_encoding_that_does_not_take_every_text(url: str) -> None:
    name = f"{url.rpartition('/')[2]}_latin"
    await run(
        url, f"CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )  # fmt: skip
    latin = url.rpartition("/")[0] + f"/{name}"
    for open_it in (migrate, applied):
        with pytest.raises(ConfigRefused, match=r"is kept in LATIN1.*ENCODING 'UTF8'"):
            await open_it(latin)


async def test_a_user_who_may_not_make_tables(url: str) -> None:
    name = f"{url.rpartition('/')[2]}_guest"
    await run(url, f"CREATE ROLE {name} LOGIN")
    guest = url.replace("//quarterdeck@", f"//{name}@")
    for open_it in (migrate, applied):
        with pytest.raises(ConfigRefused, match=r"permission denied for schema public.*own the database"):
            await open_it(guest)


@pytest.mark.parametrize(("option", "said"), [("sslmode=yes", "sslmode"), ("colour=red", "colour")])
async def test_an_option_that_nobody_knows(url: str, option: str, said: str) -> None:
    for open_it in (migrate, applied, opened):
        with pytest.raises(ConfigRefused, match=rf"an option in its address cannot be used: (.|\n)*{said}"):
            await open_it(f"{url}?{option}")


def test_a_server_that_is_too_old() -> None:
    with pytest.raises(ConfigRefused, match="PostgreSQL 12, which is too old"):
        check_server(12, "UTF8")
    check_server(OLDEST, "UTF8")
    check_server(15, "")
