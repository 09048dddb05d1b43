"""The audit record in PostgreSQL as a file of SQLite, which is what a verifier reads that shares no code with us.

The file has the rows as they are, of one moment, and none of the rules that the server keeps: what breaks one there is
to be found, not refused here. Memory does not grow with the entries; until all are read, the server keeps their state.
"""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from quarterdeck.store import postgresql_errors as errors
from quarterdeck.store.postgresql_driver import Address, Connection, connect

TRIP_S: Final = 10.0
CLOSE_S: Final = 5.0
_TABLES: Final = """CREATE TABLE audit (rowid, tenant, id, leaf, leaf_hash);
    CREATE TABLE audit_content (tenant, audit_id, salt, content);
    CREATE TABLE audit_positions (tenant, position, audit_rowid, leaf_hash);
    CREATE TABLE audit_checkpoints (tenant, size, root, note, frontier, sealed_at);"""
_CURSORS: Final = """DECLARE entries CURSOR FOR SELECT rowid, tenant, id, leaf, leaf_hash FROM audit;
    DECLARE contents CURSOR FOR SELECT tenant, audit_id, salt, content FROM audit_content;
    DECLARE positions CURSOR FOR SELECT tenant, position, audit_rowid, leaf_hash FROM audit_positions;
    DECLARE checkpoints CURSOR FOR SELECT tenant, size, root, note, frontier, sealed_at FROM audit_checkpoints;"""
_COPIES: Final = {
    "FETCH 1000 FROM entries": "INSERT INTO audit VALUES (?, ?, ?, ?, ?)",
    "FETCH 1000 FROM contents": "INSERT INTO audit_content VALUES (?, ?, ?, ?)",
    "FETCH 1000 FROM positions": "INSERT INTO audit_positions VALUES (?, ?, ?, ?)",
    "FETCH 1000 FROM checkpoints": "INSERT INTO audit_checkpoints VALUES (?, ?, ?, ?, ?, ?)",
}
_INDEXES: Final = """CREATE INDEX audit_rowid ON audit (rowid); CREATE INDEX audit_id ON audit (id);
    CREATE INDEX audit_positions_position ON audit_positions (tenant, position);
    CREATE INDEX audit_positions_rowid ON audit_positions (audit_rowid);"""


async def copy_record(url: str, path: Path) -> bool:
    """Write the record's tables into a new file; whether the database has one. Raises Retry, ConfigRefused."""
    with errors.entering():
        connection = await connect(Address(url))
        try:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", timeout=TRIP_S)
            found = await connection.fetch("SELECT to_regclass('audit_checkpoints') IS NOT NULL", timeout=TRIP_S)
            if not found[0][0]:
                return False
            await connection.execute(_CURSORS, timeout=TRIP_S)
            with closing(sqlite3.connect(path, check_same_thread=False)) as file, file:
                file.executescript(_TABLES)
                for fetch, insert in _COPIES.items():
                    await _copy(connection, fetch, file, insert)
                await asyncio.to_thread(file.executescript, _INDEXES)
        finally:
            await connection.close(timeout=CLOSE_S)
    return True


async def _copy(connection: Connection, fetch: str, file: sqlite3.Connection, insert: str) -> None:
    while rows := await connection.fetch(fetch, timeout=TRIP_S):
        await asyncio.to_thread(file.executemany, insert, [tuple(row) for row in rows])
