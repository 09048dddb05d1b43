"""Does the store work through pgbouncer in transaction mode, where each transaction may come to another server?"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import asyncpg
import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.store import events, sessions, uploads
from quarterdeck.store.migrate import known
from quarterdeck.store.migrate_postgresql import migrate
from quarterdeck.store.operations import ExpectationFailed, Receipt, operation
from quarterdeck.store.postgresql import PostgresqlStore
from quarterdeck.store.sessions import NewSession
from tests.databases import nobody_hears
from tests.ports import free_port
from tests.postgresql import USER, Cluster, as_nobody_important, server_user
from tests.waiting import until_sync

RULES = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


@pytest.fixture(scope="module")
def bouncer(postgresql: Cluster) -> Generator[int]:
    """A pgbouncer in front of the tests' server; its port."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    folder = Path(tempfile.mkdtemp(prefix="quarterdeck-bouncer-"))
    port = free_port()
    (folder / "rules.ini").write_text(
        RULES.format(server=postgresql.port, port=port).replace("* =", f"* = user={USER}")
    )
    if os.geteuid() == 0:
        os.chown(folder, server_user().pw_uid, server_user().pw_gid)
    command = [program, "-q", str(folder / "rules.ini")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **as_nobody_important())

    def answers() -> bool:
        try:
            asyncio.run(_hello(port))
        except (OSError, asyncpg.PostgresError):
            return False
        return True

    try:
        until_sync(answers, 10, "pgbouncer")
        yield port
    finally:
        process.kill()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


async def _hello(port: int) -> None:
    connection = await asyncpg.connect(f"postgresql://{USER}@127.0.0.1:{port}/postgres", timeout=5)
    await connection.close()


async def test_many_operations_and_reads_share_few_connections(bouncer: int, postgresql: Cluster) -> None:
    direct = await asyncio.to_thread(postgresql.create)
    url = f"postgresql://{USER}@127.0.0.1:{bouncer}/{direct.rpartition('/')[2]}?pgbouncer=true"
    assert len(await migrate(url)) == len(known())
    store = await PostgresqlStore.open(url, CrashPoints(), nobody_hears)
    new = NewSession("default", "web", "room", "idy")
    await store.commit(operation("session", sessions.create(new, 1.0)))

    async def one(n: int) -> int:
        receipt = await store.commit(
            operation(
                "accept",
                uploads.insert(f"w{n}", "p", 1.0),
                sessions.advance(new.id, 1, 2.0),
                events.insert(new.id, 0, "e", {"n": n}, 2.0),
            )
        )
        assert isinstance(receipt, Receipt)
        assert await uploads.is_of(store, f"w{n}", "p")
        assert await sessions.get(store, new.id) is not None
        return int(receipt.one("sessions.advance")[0] or 0)

    heads = await asyncio.gather(*(one(n) for n in range(60)))
    assert sorted(heads) == list(range(1, 61))
    with pytest.raises(ExpectationFailed):
        await store.commit(operation("accept", uploads.insert("x", "p", 1.0), sessions.take(new.id, 7, 1, 0, 1.0)))
    assert not await uploads.is_of(store, "x", "p")
    assert [one.seq for one in await events.after(store, new.id, 0, 100)] == list(range(1, 61))
    await store.close()


async def test_whoever_does_not_say_that_it_is_a_pgbouncer_hears_what_to_write(bouncer: int) -> None:
    with pytest.raises(ConfigRefused, match=r"a pgbouncer answers there.*\?pgbouncer=true"):
        await migrate(f"postgresql://{USER}@127.0.0.1:{bouncer}/postgres")
