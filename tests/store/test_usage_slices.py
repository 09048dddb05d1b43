"""Is a long range the sum of its slices, also where many settlements have one and the same time?"""

import sqlite3
from pathlib import Path

from quarterdeck.base.crash import CrashPoints
from quarterdeck.store import usage
from quarterdeck.store.migrate import migrate
from quarterdeck.store.sqlite import SqliteStore
from quarterdeck.store.tenancy import TENANT

COUNT = 2 * usage.SLICE + 1234
AT_ONCE = 700  # settlements of one moment


async def test_slices_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    migrate(path)
    with sqlite3.connect(path) as file:
        file.executemany(
            "INSERT INTO ledger (tenant, intent_id, kind, route, tokens_in, tokens_out, tokens_cached, reported,"
            " amount, currency, created_at) VALUES (?, ?, 'settle', 'main/m', 1, 0, 0, 1, ?, 'USD', ?)",
            ((TENANT, f"int_{n:08d}", n, float(n // AT_ONCE)) for n in range(COUNT)),
        )
    file.close()
    store = SqliteStore(path, CrashPoints(), lambda error: None)
    wanted = usage.Range(0.0, float(COUNT))
    found = [sums async for _, sums in usage.summed(store, wanted, (), 1)]
    assert len(found) == 3
    assert sum(one.calls for one in found) == COUNT
    assert sum(one.amount for one in found) == COUNT * (COUNT - 1) // 2
    some = usage.Range(3.0, 5.0)
    (only,) = [sums async for _, sums in usage.summed(store, some, (), 1)]
    assert only.calls == 2 * AT_ONCE
    await store.close()
