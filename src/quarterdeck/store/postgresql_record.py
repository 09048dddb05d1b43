"""The audit record in PostgreSQL as a file of SQLite, which is what a verifier reads that shares no code with us.

The file has the rows as they are, of one moment, and none of the rules that the server keeps: what breaks one there is
to be found, not refused here. Memory does not grow with the entries; until all are read, the server keeps their state.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from quarterdeck.store import postgresql_errors as errors
from quarterdeck.store.postgresql_driver import Address, Connection, connect

ROWS: Final = 1_000  # of one trip
TRIP_S: Final = 10.0
CLOSE_S: Final = 5.0
_TABLES: Final = {
    "audit": "rowid, tenant, id, leaf, leaf_hash",
    "audit_content": "tenant, audit_id, salt, content",
    "audit_positions": "tenant, position, audit_rowid, leaf_hash",
    "audit_checkpoints": "tenant, size, root, note, frontier, sealed_at",
}
_INDEXES: Final = """CREATE INDEX audit_rowid ON audit (rowid); CREATE INDEX audit_id ON audit (id);
    CREATE INDEX audit_positions_position ON audit_positions (tenant, position);
    CREATE INDEX audit_positions_rowid ON audit_positions (audit_rowid);"""


async def copy_record(url: str, path: Path) -> bool:
    """Write the record's tables into a new file; whether the database has one. Raises Retry, ConfigRefused."""
    with errors.told():
        connection = await connect(Address(url))
        try:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", timeout=TRIP_S)
            found = await connection.fetch("SELECT to_regclass('audit_checkpoints') IS NOT NULL", timeout=TRIP_S)
            if not found[0][0]:
                return False
            with closing(sqlite3.connect(path)) as file, file:
                for table, columns in _TABLES.items():
                    file.execute(f"CREATE TABLE {table} ({columns})")
                    await _copy_rows(connection, file, table, columns)
                file.executescript(_INDEXES)
        finally:
            await connection.close(timeout=CLOSE_S)
    return True


async def _copy_rows(connection: Connection, file: sqlite3.Connection, table: str, columns: str) -> None:
    await connection.execute(f"DECLARE rows_{table} CURSOR FOR SELECT {columns} FROM {table}", timeout=TRIP_S)
    marks = ", ".join("?" * len(columns.split(",")))
    while rows := await connection.fetch(f"FETCH {ROWS} FROM rows_{table}", timeout=TRIP_S):
        file.executemany(f"INSERT INTO {table} VALUES ({marks})", [tuple(row) for row in rows])
