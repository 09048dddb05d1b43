"""Are calls that were settled before there were prices counted where they belong, without a price?"""

import sqlite3
from pathlib import Path

from quarterdeck.store.migrate import known, migrate

COSTS = next(number for number, name, _ in known() if name == "costs")


def test_old_settlements_find_whom_they_were_for_and_have_no_price(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at REAL)")
        for number, name, sql in known():
            if number < COSTS:
                file.executescript(sql)
                file.execute("INSERT INTO schema_migrations VALUES (?, ?, 0)", (number, name))
        file.execute(
            "INSERT INTO sessions (tenant, id, key, assistant, connection, room_id, identity_id, title, controller,"
            " model, head, fence, untaken_steer, stop_at, history_from, created_at, updated_at)"
            " VALUES ('t', 's', 'k', 'ops', 'tg', 'r', 'who', '', 'assistant', '', 0, 0, 0, 0, 0, 0, 0)"
        )
        file.execute(
            "INSERT INTO intents VALUES ('t', 'i', 'model', 's', 'u', 'm1', 1, '', 0, 'main/m', '', 0, 'done', 0, 0)"
        )
        for kind in ("reserve", "settle"):
            file.execute("INSERT INTO ledger VALUES ('t', 'i', ?, 'main/m', 7, 3, 0, 1, 0)", (kind,))
            file.execute("INSERT INTO ledger VALUES ('t', 'gone', ?, 'main/m', 7, 3, 0, 1, 0)", (kind,))
    file.close()
    assert f"{COSTS:04}_costs" in migrate(path)
    file = sqlite3.connect(path)
    rows = file.execute(
        "SELECT intent_id, assistant, session_id, connection, identity_id, amount, currency FROM ledger"
        " WHERE kind = 'settle' ORDER BY intent_id DESC"
    ).fetchall()
    file.close()
    assert rows == [("i", "ops", "s", "tg", "who", None, ""), ("gone", "", "", "", "", None, "")]
