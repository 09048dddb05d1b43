"""An audit record as the sealer writes it, in plain SQL, and what somebody who can write the file forges."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quarterdeck.cli import verify_audit
from quarterdeck.cli.verify_audit import Report, verify
from quarterdeck.governance.checkpoint import Checkpoint, origin_of, sign
from quarterdeck.governance.leaf import Actor, Leaf, commit_to, encode_leaf, verify_leaf
from quarterdeck.governance.tree import Frontier, hash_leaf

SCHEMA = """
CREATE TABLE audit(rowid INTEGER PRIMARY KEY, tenant TEXT, id TEXT UNIQUE, leaf BLOB NOT NULL, leaf_hash BLOB NOT NULL);
CREATE TABLE audit_content(tenant TEXT, audit_id TEXT, subject TEXT, salt BLOB, content BLOB);
CREATE TABLE audit_positions(tenant TEXT, position INTEGER, audit_rowid INTEGER, leaf_hash BLOB,
    PRIMARY KEY(tenant, position));
CREATE TABLE audit_checkpoints(tenant TEXT, size INTEGER, root BLOB, note TEXT, frontier BLOB, sealed_at REAL,
    PRIMARY KEY(tenant, size));
"""
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = KEY.public_key()
START_US = 1_770_000_000_000_000
TENANTS = ("acme", "zeta")


class Writer:
    """Appends facts of several tenants, seals them, leaves gaps between row ids so that there is room to insert."""

    def __init__(self, db: sqlite3.Connection, rng: random.Random) -> None:
        self.db, self.rng, self.now, self.rowid = db, rng, START_US, 0
        self.frontiers = {tenant: Frontier() for tenant in TENANTS}
        self.waiting: dict[str, list[tuple[int, bytes]]] = {tenant: [] for tenant in TENANTS}
        self.notes: dict[str, list[str]] = {tenant: [] for tenant in TENANTS}
        db.executescript(SCHEMA)

    def record(self, tenant: str, kind: str, intent: str = "", content: bytes = b"", late_us: int = 0) -> str:
        self.now += self.rng.randrange(1, 200_000)
        self.rowid += 3
        name = f"{self.rng.getrandbits(128):032x}"
        salt = self.rng.randbytes(32)
        leaf = Leaf(
            actor=Actor(kind="person", id=f"p-{self.rowid % 7}"),
            assistant="default",
            commitment=commit_to(salt, content) if content else "",
            connection="tg",
            id=name,
            intent=intent,
            outcome="ok" if intent else "",
            session=f"s-{self.rowid % 5}",
            tenant=tenant,
            time_us=self.now - late_us,
            type=kind,
        )
        data = encode_leaf(leaf)
        self.db.execute("INSERT INTO audit VALUES (?,?,?,?,?)", (self.rowid, tenant, name, data, hash_leaf(data)))
        if content:
            self.db.execute("INSERT INTO audit_content VALUES (?,?,?,?,?)", (tenant, name, "p-1", salt, content))
        self.waiting[tenant].append((self.rowid, hash_leaf(data)))
        return name

    def seal(self, tenant: str, key: Ed25519PrivateKey = KEY) -> None:
        before = self.frontiers[tenant]
        positions = [(tenant, before.size + at, *row) for at, row in enumerate(self.waiting[tenant])]
        self.db.executemany("INSERT INTO audit_positions VALUES (?,?,?,?)", positions)
        frontier = before.extend(digest for _, digest in self.waiting[tenant])
        self.now += 1000
        point = Checkpoint(origin_of(tenant), frontier.size, frontier.root(), self.now, before.size)
        self.notes[tenant].append(sign(point, key))
        self.db.execute(
            "INSERT INTO audit_checkpoints VALUES (?,?,?,?,?,?)",
            (tenant, point.size, point.root, self.notes[tenant][-1], frontier.to_bytes(), point.sealed_at),
        )
        self.frontiers[tenant], self.waiting[tenant] = frontier, []


@dataclass(frozen=True)
class Made:
    """A record of about 300 sealed entries in two logs, and 4 that are not sealed."""

    image: bytes
    notes: dict[str, list[str]]
    path: Path

    def open(self) -> sqlite3.Connection:
        db = sqlite3.connect(":memory:")
        db.deserialize(self.image)
        return db

    def verify(self, db: sqlite3.Connection, **options: Any) -> Report:
        self.path.write_bytes(db.serialize())
        return verify(self.path, **{"public_key": PUBLIC, **options})


def write_turn(writer: Writer, tenant: str) -> None:
    writer.record(tenant, "message.in", content=writer.rng.randbytes(40))
    for kind in ("model", "tool", "send"):
        intent = writer.record(tenant, f"{kind}.intent", content=writer.rng.randbytes(20))
        writer.record(tenant, f"{kind}.outcome", intent)
    writer.record(tenant, "turn.end")


def make(path: Path) -> Made:
    """Write the record; `path` is where copies of it are put to be verified."""
    with closing(sqlite3.connect(":memory:")) as db:
        writer = Writer(db, random.Random(1))
        for number in range(37):
            write_turn(writer, TENANTS[number % 2])
            if number % 5 == 4:
                for tenant in TENANTS:
                    writer.seal(tenant)
        writer.record("acme", "tool.intent")  # under way when the copy was made
        for tenant in TENANTS:
            writer.seal(tenant)
        for number in range(4):
            writer.record(TENANTS[number % 2], "message.in", content=b"new")
        db.commit()
        return Made(db.serialize(), writer.notes, path)


def points(db: sqlite3.Connection, tenant: str) -> Iterator[tuple[int, Checkpoint]]:
    query = "SELECT rowid, note FROM audit_checkpoints WHERE tenant=? ORDER BY size"
    for rowid, note in db.execute(query, (tenant,)).fetchall():
        read = verify_audit.read_note(note.encode())
        yield rowid, Checkpoint(read.origin.decode(), read.size, read.root, read.time_us, read.previous)


def edit(db: sqlite3.Connection, rng: random.Random, tenant: str) -> str:
    """Change what a sealed leaf says, and the hashes beside it."""
    position, rowid, leaf = rng.choice(
        db.execute(
            """SELECT p.position, a.rowid, a.leaf FROM audit_positions p JOIN audit a ON a.rowid = p.audit_rowid
            WHERE p.tenant = ?""",
            (tenant,),
        ).fetchall()
    )
    said = verify_leaf(leaf)
    changed = rng.choice(
        [
            msgspec.structs.replace(said, actor=Actor(kind="person", id="p-99")),
            msgspec.structs.replace(said, time_us=said.time_us - rng.randrange(1, 1000)),
            msgspec.structs.replace(said, resource="tool/harmless"),
        ]
    )
    data = encode_leaf(changed)
    db.execute("UPDATE audit SET leaf=?, leaf_hash=? WHERE rowid=?", (data, hash_leaf(data), rowid))
    where = (hash_leaf(data), tenant, position)
    db.execute("UPDATE audit_positions SET leaf_hash=? WHERE tenant=? AND position=?", where)
    return f"{tenant} entry {position} edited"


def forge(db: sqlite3.Connection, rng: random.Random, tenant: str, key: Ed25519PrivateKey) -> None:
    """Edit entries and rebuild everything over them, signatures too."""
    for _ in range(3):
        edit(db, rng, tenant)
    query = "SELECT leaf_hash FROM audit_positions WHERE tenant=? ORDER BY position"
    hashes = [digest for (digest,) in db.execute(query, (tenant,))]
    for rowid, point in points(db, tenant):
        frontier = Frontier().extend(hashes[: point.size])
        note = sign(msgspec.structs.replace(point, root=frontier.root()), key)
        row = (frontier.root(), note, frontier.to_bytes(), rowid)
        db.execute("UPDATE audit_checkpoints SET root=?, note=?, frontier=? WHERE rowid=?", row)
