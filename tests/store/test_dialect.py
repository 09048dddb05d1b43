"""One schema and one text for two databases: do both end with the same tables, and is each text translated whole?"""

import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from quarterdeck.store import search_sql
from quarterdeck.store.dialect import LOCKS, migration, translate
from quarterdeck.store.migrate import migrate
from tests.databases import PostgresqlDatabase, new_database

TYPES = {"TEXT": "text", "BIGINT": "bigint", "INTEGER": "bigint", "REAL": "double precision", "BLOB": "bytea"}
ONLY_THERE = {"commit_base", "commit_marks", "search"}  # the index is another one in each

Columns = dict[str, list[tuple[str, str, bool]]]
Keys = set[tuple[str, str]]


def of_sqlite(path: Path) -> tuple[Columns, Keys]:
    """Tables with (name, type, may not be NULL) of their columns; (table, columns and condition) of unique indexes."""
    with closing(sqlite3.connect(path)) as file:
        names = [row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        names = [name for name in names if not name.startswith("search") or name == "search_cursor"]
        columns: Columns = {}
        keys: Keys = set()
        for name in names:
            found = file.execute(f"PRAGMA table_info({name})").fetchall()
            columns[name] = [(row[1], TYPES[row[2]], bool(row[3] or row[5])) for row in found]
            whole = sorted((row for row in found if row[5]), key=lambda row: row[5])
            keys.add((name, ",".join(row[1] for row in whole)))
            for index in file.execute(f"PRAGMA index_list({name})").fetchall():
                parts = [row[2] for row in file.execute(f"PRAGMA index_info({index[1]})")]
                if index[2]:
                    keys.add((name, ",".join(parts)))
        return columns, keys


async def of_postgresql(url: str) -> tuple[Columns, Keys]:
    connection = await asyncpg.connect(url, timeout=10)
    rows = await connection.fetch(
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
    )
    indexes = await connection.fetch(
        "SELECT c.relname, (SELECT string_agg(a.attname, ',' ORDER BY k.n)"
        " FROM unnest(i.indkey) WITH ORDINALITY k(att, n)"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.att) FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace s ON s.oid = c.relnamespace"
        " WHERE s.nspname = 'public' AND i.indisunique"
    )
    await connection.close()
    columns: Columns = {}
    for table, column, kind, nullable in rows:
        columns.setdefault(table, []).append((column, kind, nullable == "NO"))
    return columns, {(str(table), str(names)) for table, names in indexes}


@pytest.fixture
def database(tmp_path: Path, request: pytest.FixtureRequest) -> PostgresqlDatabase:
    made = new_database("postgresql", tmp_path, request)
    assert isinstance(made, PostgresqlDatabase)
    return made


async def test_both_databases_have_the_same_tables(database: PostgresqlDatabase, tmp_path: Path) -> None:
    migrate(tmp_path / "q.db")
    (mine, my_keys), (theirs, their_keys) = of_sqlite(tmp_path / "q.db"), await of_postgresql(database.url)
    assert {name: theirs[name] for name in theirs if name not in ONLY_THERE} == mine
    assert {key for key in their_keys if key[0] not in ONLY_THERE} == my_keys


def test_parameters_have_the_types_of_their_values() -> None:
    said = translate("SELECT :a, :b, :a, ':c', x::text, :n", {"a": "text", "b": 1.5, "n": None, "unused": 3})
    assert said.text == "SELECT $1::text, $2::double precision, $1::text, ':c', x::text, NULL"
    assert said.arguments({"a": "A", "b": 2.5, "n": None}) == ["A", 2.5]


def test_a_parameter_that_is_not_given_is_an_error() -> None:
    with pytest.raises(KeyError, match="missing"):
        translate("SELECT :missing", {"given": 1})


def test_lines_for_one_database_are_for_that_one_alone() -> None:
    text = "a TEXT\n-- only sqlite\nb TEXT\n-- only postgresql\nc TEXT\n-- both\nd REAL -- TEXT\n"
    assert migration(text, "sqlite") == "a TEXT\nb TEXT\nd REAL -- TEXT\n"
    assert migration(text, "postgresql") == 'a TEXT COLLATE "C"\nc TEXT\nd DOUBLE PRECISION -- TEXT\n'


def test_every_lock_and_every_other_text_belongs_to_a_statement_of_ours() -> None:
    source = "".join(file.read_text() for file in Path(search_sql.__file__).parent.glob("*.py"))
    for name in LOCKS:
        assert f'"{name}",' in source
    assert set(search_sql.POSTGRESQL) == {search_sql.INSERT, search_sql.MERGE, search_sql.FIND}
