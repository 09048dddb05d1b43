"""Ten thousand random changes of an audit record: the offline verifier finds every one (1,000 in an ordinary run)."""

import os
import random
import sqlite3
import struct
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.pure.audit_writer import OTHER_KEY, START_US, TENANTS, Made, edit, forge, make, points

from quarterdeck.governance.checkpoint import Checkpoint, origin_of, sign
from quarterdeck.governance.leaf import Actor, Leaf, encode_leaf
from quarterdeck.governance.tree import hash_leaf

pytestmark = pytest.mark.proves("A2")

MUTATIONS = int(os.environ.get("AUDIT_MUTATIONS", "1000"))
COLUMNS = {
    "audit": ["rowid", "tenant", "id", "leaf", "leaf_hash"],
    "audit_content": ["tenant", "audit_id", "salt", "content"],
    "audit_positions": ["tenant", "position", "audit_rowid", "leaf_hash"],
    "audit_checkpoints": ["tenant", "size", "root", "note", "frontier", "sealed_at"],
}
"""What is mutated. Left out: audit_content.subject, which says whose content it is so that it can be erased; it is
bookkeeping about content that may vanish at any time, and no evidence."""


# Each mutation returns what it did, or None when it drew something that changes nothing that is recorded; these are:
# - deleting content: that is what erasing a person does, and the record must survive it;
# - deleting or inserting an unsealed entry, or moving it among the unsealed rows: nobody has signed it yet, an
#   insertion looks like what the platform itself does. The window is the second until the next checkpoint;
# - cutting the log at a checkpoint together with all that follows: shown above to need an outside checkpoint.

Mutation = Callable[[sqlite3.Connection, random.Random], str | None]


def some_row(db: sqlite3.Connection, rng: random.Random, table: str) -> int:
    rowids = [rowid for (rowid,) in db.execute(f"SELECT rowid FROM {table}")]
    return rng.choice(rowids)


def newest_sealed(db: sqlite3.Connection, tenant: str) -> int:
    return db.execute("SELECT MAX(audit_rowid) FROM audit_positions WHERE tenant=?", (tenant,)).fetchone()[0]


def is_sealed(db: sqlite3.Connection, rowid: int) -> bool:
    return db.execute("SELECT 1 FROM audit_positions WHERE audit_rowid=?", (rowid,)).fetchone() is not None


def flipped(value: Any, rng: random.Random) -> tuple[Any, str]:
    """The value with one bit flipped, and the SQL that stores it in the same storage class."""
    match value:
        case int():
            packed = value.to_bytes(8, "little", signed=True)
        case float():
            packed = struct.pack("<d", value)
        case str():
            packed = value.encode()
        case _:
            packed = value
    at = rng.randrange(len(packed) * 8)
    packed = packed[: at // 8] + bytes([packed[at // 8] ^ 1 << at % 8]) + packed[at // 8 + 1 :]
    match value:
        case int():
            return int.from_bytes(packed, "little", signed=True), "?"
        case float():
            return struct.unpack("<d", packed)[0], "?"
        case str():
            return packed, "CAST(? AS TEXT)"
        case _:
            return packed, "?"


def flip(db: sqlite3.Connection, rng: random.Random) -> str | None:
    table = rng.choice(list(COLUMNS))
    column = rng.choice(COLUMNS[table])
    rowid = some_row(db, rng, table)
    (value, tenant) = db.execute(f"SELECT {column}, tenant FROM {table} WHERE rowid=?", (rowid,)).fetchone()
    new, place = flipped(value, rng)
    if (table, column) == ("audit", "rowid") and not is_sealed(db, rowid) and new > newest_sealed(db, tenant):
        return None  # an unsealed row stays unsealed and new
    db.execute(f"UPDATE OR REPLACE {table} SET {column}={place} WHERE rowid=?", (new, rowid))
    return f"{table}.{column} of row {rowid}: {value!r} -> {new!r}"


def delete(db: sqlite3.Connection, rng: random.Random) -> str | None:
    table = rng.choice(["audit", "audit_positions", "audit_checkpoints"])
    rowid = some_row(db, rng, table)
    if table == "audit" and not is_sealed(db, rowid):
        return None
    db.execute(f"DELETE FROM {table} WHERE rowid=?", (rowid,))
    return f"{table} row {rowid} deleted"


def some_leaf(rng: random.Random, tenant: str) -> tuple[str, bytes]:
    name = f"{rng.getrandbits(128):032x}"
    actor, now = Actor(kind="person", id="p-9"), START_US + rng.randrange(10_000_000)
    return name, encode_leaf(Leaf(actor=actor, id=name, tenant=tenant, time_us=now, type="message.in"))


def insert(db: sqlite3.Connection, rng: random.Random) -> str | None:
    table, tenant = rng.choice(list(COLUMNS)), rng.choice(TENANTS)
    name, data = some_leaf(rng, tenant)
    if table == "audit":
        rowid = rng.randrange(newest_sealed(db, tenant) // 3) * 3 + rng.choice([1, 2])
        row: tuple[object, ...] = (rowid, tenant, name, data, hash_leaf(data))
    elif table == "audit_content":
        (held,) = db.execute("SELECT id FROM audit WHERE rowid=?", (some_row(db, rng, "audit"),)).fetchone()
        row = (tenant, rng.choice([name, held]), "p-1", rng.randbytes(32), rng.randbytes(20))
    elif table == "audit_positions":
        position = rng.choice([-1, rng.randrange(145, 400)])
        row = (tenant, position, some_row(db, rng, "audit"), hash_leaf(data))
    else:
        size, root, time_us = rng.randrange(1, 400), rng.randbytes(32), START_US + rng.randrange(10_000_000)
        point = Checkpoint(origin_of(tenant), size, root, time_us, rng.randrange(size))
        frontier = rng.randbytes(32 * size.bit_count())
        row = (tenant, size, root, sign(point, OTHER_KEY), frontier, point.sealed_at)
    marks = ",".join("?" * len(row))
    db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)
    return f"{table}: inserted {row!r}"


def loosen(db: sqlite3.Connection, table: str) -> list[str]:
    """Rebuild a table without its constraints, as somebody who can write the file can; gives its columns."""
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] != "rowid"]
    names = ",".join(columns)
    db.execute(f"CREATE TABLE loose(rowid INTEGER PRIMARY KEY, {names})")
    db.execute(f"INSERT INTO loose SELECT rowid, {names} FROM {table}")
    db.execute(f"DROP TABLE {table}")
    db.execute(f"ALTER TABLE loose RENAME TO {table}")
    return columns


def swap(db: sqlite3.Connection, rng: random.Random) -> str | None:
    """Exchange one column between two rows; exchanging row ids is exchanging all the other columns."""
    table = rng.choice(list(COLUMNS))
    column = rng.choice(COLUMNS[table])
    columns = loosen(db, table)
    one, two = (some_row(db, rng, table) for _ in range(2))
    if column == "rowid" and not is_sealed(db, one) and not is_sealed(db, two):
        return None  # neither has a place in the record yet
    names = columns if column == "rowid" else [column]
    query = f"SELECT {','.join(names)} FROM {table} WHERE rowid=?"
    values = [db.execute(query, (rowid,)).fetchone() for rowid in (one, two)]
    if values[0] == values[1]:
        return None
    for rowid, row in ((one, values[1]), (two, values[0])):
        db.execute(f"UPDATE {table} SET {','.join(f'{name}=?' for name in names)} WHERE rowid=?", (*row, rowid))
    return f"{table}.{column} of rows {one} and {two} exchanged"


def retype(db: sqlite3.Connection, rng: random.Random) -> str | None:
    """Put something of any kind where it does not belong; the verifier must say so, not fall over."""
    table = rng.choice(list(COLUMNS))
    column = rng.choice([column for column in COLUMNS[table] if column != "rowid"])
    loosen(db, table)
    rowid = some_row(db, rng, table)
    value = rng.choice([None, rng.getrandbits(40), -1.5, "", "text", b"", rng.randbytes(32), "[" * 5000, b"[" * 5000])
    db.execute(f"UPDATE {table} SET {column}=? WHERE rowid=?", (value, rowid))
    return f"{table}.{column} of row {rowid}: {value!r}"


def duplicate(db: sqlite3.Connection, rng: random.Random) -> str | None:
    table = rng.choice(list(COLUMNS))
    names = ",".join(loosen(db, table))
    rowid = some_row(db, rng, table)
    db.execute(f"INSERT INTO {table}({names}) SELECT {names} FROM {table} WHERE rowid=?", (rowid,))
    return f"{table} row {rowid} stands twice"


def truncate(db: sqlite3.Connection, rng: random.Random) -> str | None:
    """Cut the end off and leave the last checkpoint; all, some or none of what goes with it is cut too."""
    tenant = rng.choice(TENANTS)
    (size,) = db.execute("SELECT MAX(size) FROM audit_checkpoints WHERE tenant=?", (tenant,)).fetchone()
    keep = rng.randrange(size)
    if rng.random() < 0.5:
        rows = "SELECT audit_rowid FROM audit_positions WHERE tenant=? AND position>=?"
        db.execute(f"DELETE FROM audit WHERE rowid IN ({rows})", (tenant, keep))
    if rng.random() < 0.5:
        db.execute("DELETE FROM audit_checkpoints WHERE tenant=? AND size>? AND size<?", (tenant, keep, size))
    db.execute("DELETE FROM audit_positions WHERE tenant=? AND position>=?", (tenant, keep))
    return f"{tenant} cut to {keep} of {size}"


def swap_notes(db: sqlite3.Connection, rng: random.Random) -> str | None:
    rows = db.execute("SELECT rowid, note FROM audit_checkpoints").fetchall()
    (one, first), (two, second) = rng.sample(rows, 2)
    db.executemany("UPDATE audit_checkpoints SET note=? WHERE rowid=?", [(second, one), (first, two)])
    return f"notes of checkpoints {one} and {two} exchanged"


def resign(db: sqlite3.Connection, rng: random.Random) -> str | None:
    """Sign one checkpoint, or all of a log, with another key."""
    tenant = rng.choice(TENANTS)
    chosen = list(points(db, tenant))
    for rowid, point in rng.choice([chosen, [rng.choice(chosen)]]):
        db.execute("UPDATE audit_checkpoints SET note=? WHERE rowid=?", (sign(point, OTHER_KEY), rowid))
    return f"checkpoints of {tenant} signed with another key"


def edit_and_hash(db: sqlite3.Connection, rng: random.Random) -> str | None:
    return edit(db, rng, rng.choice(TENANTS))


def fork(db: sqlite3.Connection, rng: random.Random) -> str | None:
    tenant = rng.choice(TENANTS)
    forge(db, rng, tenant, OTHER_KEY)
    return f"{tenant} rebuilt and signed with another key"


MUTATORS: list[Mutation] = [
    *[flip] * 8, *[delete] * 2, *[insert] * 2, *[swap] * 2, retype, duplicate, truncate, swap_notes,
    resign, edit_and_hash, fork
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("audit") / "copy.db")


@pytest.mark.timeout(1800)
def test_every_random_change_is_found(made: Made) -> None:
    tried: Counter[str] = Counter()

    @settings(max_examples=MUTATIONS, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, 2**64 - 1))
    def one(seed: int) -> None:
        rng = random.Random(seed)
        done: str | None = None
        while done is None:
            with closing(made.open()) as db:
                mutator = rng.choice(MUTATORS)
                if (done := mutator(db, rng)) is not None:
                    db.commit()
                    tried[mutator.__name__] += 1
                    assert not made.verify(db).ok, done

    one()
    assert sum(tried.values()) >= MUTATIONS
    assert len(tried) == len(set(MUTATORS)), tried
    print(f"{sum(tried.values())} changes, all found: {dict(tried)}")
