"""How does the audit record leave the machine? As a bundle: plain files that `verify_audit` checks anywhere.

    tenants.json    the tenants; the number of one in this list names its files
    N.jsonl         the sealed leaves in order, one a line, exactly the bytes that were hashed
    N.notes         the checkpoints in order, as signed
    audit.pub       the public key (PEM)

No content is exported: a leaf holds metadata and commitments, so a bundle survives the erasure of a person.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path


def export_bundle(database: Path, folder: Path, public_key: bytes) -> None:
    """Write the sealed part of the record in a SQLite database into `folder`, which must not exist yet.

    `public_key` is the PEM that the auditor gets with it. Entries are streamed in one read transaction, so use
    a copy of a large one. Raises FileExistsError, or sqlite3.DatabaseError when the record is unreadable.
    """
    folder.mkdir(parents=True)
    (folder / "audit.pub").write_bytes(public_key)
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as db:
        db.execute("BEGIN")
        rows = db.execute("SELECT DISTINCT tenant FROM audit_checkpoints ORDER BY tenant")
        tenants: list[str] = [tenant for (tenant,) in rows]
        (folder / "tenants.json").write_text(json.dumps(tenants), encoding="utf-8")
        for number, tenant in enumerate(tenants):
            _export_log(db, tenant, folder / f"{number}.jsonl", folder / f"{number}.notes")


def _export_log(db: sqlite3.Connection, tenant: str, leaves: Path, notes: Path) -> None:
    with open(leaves, "wb") as file:
        for (leaf,) in db.execute(
            "SELECT a.leaf FROM audit_positions p JOIN audit a ON a.rowid = p.audit_rowid"
            " WHERE p.tenant = ? ORDER BY p.position",
            (tenant,),
        ):
            file.write(leaf + b"\n")
    with open(notes, "wb") as file:
        for (note,) in db.execute("SELECT note FROM audit_checkpoints WHERE tenant = ? ORDER BY size", (tenant,)):
            file.write(note.encode())
