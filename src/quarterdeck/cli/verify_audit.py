"""Has the audit record been changed? An offline verifier in one file.

    python -m quarterdeck.cli.verify_audit PATH [--key FILE] [--checkpoint FILE]... [--json]

PATH is a copy of the SQLite database or an exported bundle. This is a second implementation of the record's
format: it shares no code with the program that writes it and needs nothing but Python and `cryptography`, so
that an auditor can read it in one sitting and run it elsewhere. Memory does not grow with the entries.

It shows that every sealed entry and checkpoint is what the holder of the key signed. Alone it cannot show
that nothing was cut off behind the last checkpoint, or taken out before it was sealed: keep checkpoints where
the operator cannot change them, and name them with --checkpoint. Without --key no signature is checked; a
bundle's own key proves nothing unless compared. Exit status: 0 unchanged, 1 changed or damaged, 2 usage.
"""

import argparse
import base64
import hmac
import json
import re
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial, reduce
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

NAMED = 1_000  # how many findings of a kind are named; beyond it they are only counted
DISORDER_US = 60_000_000  # entries are stamped before their commit, by clocks that are corrected now and then
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MEANING = {
    "order": "Entries were deleted, inserted, recorded twice or put in another order.",
    "leaf": "The entry was deleted or edited, or another program wrote it.",
    "row": "The entry or its hash was edited, or moved to another place or tenant.",
    "content": "The content was edited, exchanged or inserted; erased content would be absent.",
    "time": "The entry was given another time before it was sealed.",
    "clock": "The machine's clock was set back: from there on times come twice.",
    "root": "An entry was edited, inserted, exchanged or deleted, and the hashes beside it fitted.",
    "checkpoint": "A checkpoint was edited, deleted, inserted, exchanged or signed with another key.",
    "cut": "Entries or checkpoints were cut off the end, or added by somebody who cannot sign.",
    "file": "The file is damaged, or was edited by hand.",
    "unclosed": "An effect is under way, or a crash left it and recovery has not run yet.",
    "unpaired": "An outcome names no open intent: a defect of the program that wrote it.",
}
NO_CHANGE = {"clock", "unclosed", "unpaired"}  # worth a look, but part of an unchanged record


@dataclass
class Log:
    """What one tenant's log holds; `unsealed` entries have no position. Times: microseconds since 1970."""

    tenant: str
    size: int = 0
    checkpoints: int = 0
    root: str = ""
    sealed_us: int = 0
    unsealed: int = 0
    unsealed_since_us: int = 0


@dataclass
class Report:
    """`key` is the fingerprint of the key that checked the signatures, `counts` is by code. A finding's
    position is the entry's number in its tenant's log, from 0; None: not about one sealed entry.
    """

    key: str = ""
    logs: list[Log] = field(default_factory=list[Log])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    findings: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def ok(self) -> bool:
        """Whether all that is there is as it was signed."""
        return not self.counts.keys() - NO_CHANGE

    def add(self, tenant: str, code: str, position: int | None, what: str) -> None:
        self.counts[code] = self.counts.get(code, 0) + 1
        if self.counts[code] <= NAMED:
            found = {"code": code, "tenant": tenant, "position": position, "what": what}
            self.findings.append({**found, "meaning": MEANING[code]})


_parse = json.JSONDecoder(parse_float=int, parse_constant=int).decode  # int() refuses what is no integer
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def _read_leaf(leaf: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = _parse(leaf.decode())
    if leaf[:1] != b"{" or _canonical(fields).encode() != leaf:
        raise ValueError("its bytes are not canonical")
    found = [fields.get(name) for name in ("id", "tenant", "type", "time_us", "v")]
    if [type(value) for value in found] != [str, str, str, int, int] or fields["v"] != 1:
        raise ValueError("it lacks id, tenant, type or time, or its version is not 1")
    return fields


def _node(right: bytes, left: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


_NOTE = re.compile(
    rb"(?P<text>(?P<origin>[^\n]+)\n(?P<size>[1-9][0-9]{0,17})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    rb"time (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)\nprevious (?P<previous>0|[1-9][0-9]{0,17})\n)"
    rb"\n\xe2\x80\x94 (?P=origin) (?P<signature>[A-Za-z0-9+/]{91}=)\n"
)


class Note(NamedTuple):
    """A checkpoint: a C2SP tlog-checkpoint with extension lines `time` and `previous`, in a signed note."""

    text: bytes
    origin: bytes
    size: int
    root: bytes
    time_us: int
    previous: int
    signature: bytes  # key id and signature

    def signed_by(self, key: Ed25519PublicKey | None) -> bool:
        """Whether `key` signed it under the log's own name; without a key that is taken for granted."""
        if key is None:
            return True
        try:
            key.verify(self.signature[4:], self.text)
        except InvalidSignature:
            return False
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return self.signature[:4] == sha256(self.origin + b"\n\x01" + raw).digest()[:4]


def read_note(note: object) -> Note:
    """Parse a checkpoint. Raises ValueError when one character of it is not as the sealer writes it."""
    found = _NOTE.fullmatch(note) if isinstance(note, bytes) else None
    signature = base64.b64decode(found["signature"]) if found else b""
    if found is None or base64.b64encode(signature) != found["signature"]:
        raise ValueError("it is not written as a checkpoint is")
    time_us = (datetime.fromisoformat(found["time"].decode()) - EPOCH) // timedelta(microseconds=1)
    size, root, previous = int(found["size"]), base64.b64decode(found["root"]), int(found["previous"])
    return Note(found["text"], found["origin"], size, root, time_us, previous, signature)


Row = Sequence[Any]  # an entry as _SEALED gives it, or a checkpoint as _CHECKPOINTS does (in a bundle: note)
Trust = tuple[Ed25519PublicKey | None, Sequence[Note]]  # from outside: the key, checkpoints kept elsewhere


class LogCheck:
    """Takes one tenant's entries in order and judges each checkpoint when its size is reached."""

    def __init__(self, report: Report, tenant: str, checkpoints: Iterable[Row], trust: Trust) -> None:
        self.log, self.origin = Log(tenant), b"quarterdeck/" + tenant.encode()
        self.open: dict[str, tuple[str, int | None]] = {}  # intents without outcome: type's stem, position
        report.logs.append(self.log)
        self._add, self._key = partial(report.add, tenant), trust[0]
        self._saved = sorted((note for note in trust[1] if note.origin == self.origin), key=lambda n: n.size)
        self._expected = self._highest = 0  # position, row
        self._frontier = list[bytes]()  # the roots of the tree's complete subtrees, largest first
        self._judged: Note | None = None
        self._broken = False  # a root has failed; every later one fails too
        self._ahead = self._checkpoints(checkpoints)
        self._next = next(self._ahead, None)

    def take(self, row: Row, *, sealed: bool = True) -> None:
        """Take the next entry. The unsealed ones come last: no position yet, and the newest rows."""
        position, position_hash, rowid, _, _, leaf, leaf_hash = row
        number = self._number(position) if sealed else None
        leaf = leaf if isinstance(leaf, bytes) else b""
        digest = sha256(b"\x00" + leaf).digest()
        if digest != leaf_hash or digest != position_hash:
            self._add("row", number, f"a hash beside row {rowid} is not the leaf's")
        time_us = self._time(number, leaf, row)
        if not sealed:
            if rowid < self._highest:
                self._add("order", None, f"row {rowid} has no position, newer rows have")
            self.log.unsealed += 1
            self.log.unsealed_since_us = min(self.log.unsealed_since_us or time_us, time_us)
            return
        around = (self._judged.time_us if self._judged else 0, self._next[0].time_us if self._next else sys.maxsize)
        if not min(around) - DISORDER_US <= time_us <= max(around) + DISORDER_US:  # min, max: a clock set back
            self._add("time", number, "its time is not between those of the checkpoints around it")
        self._highest = max(self._highest, rowid or 0)
        self._grow(digest)

    def end(self) -> None:
        """Judge what is left when the last sealed entry has been taken."""
        sealed, size = self._judged.size if self._judged else 0, self.log.size
        for note in [*(self._next or ())[:1], *self._saved]:
            self._add("cut", None, f"checkpoint {note.size} was signed, the log holds {size} entries")
        if sealed < size:
            self._add("cut", sealed, f"entries {sealed} to {size - 1} have no checkpoint")
        if self._judged:
            self.log.root, self.log.sealed_us = self._judged.root.hex(), self._judged.time_us

    def _number(self, position: object) -> int:
        number = self._expected
        if position != number:
            self._add("order", number, f"position {position!r} stands where {number} should")
        self._expected = position + 1 if type(position) is int else number + 1
        return number

    def _time(self, number: int | None, leaf: bytes, row: Row) -> int:
        """Read a leaf, compare it with what stands beside it, pair intents with outcomes; gives its time."""
        _, _, rowid, tenant, name, _, _ = row
        try:
            fields = _read_leaf(leaf)
        except (ValueError, RecursionError) as error:
            self._add("leaf", number, f"the leaf of row {rowid} cannot be read: {error}")
            return self._judged.time_us if self._judged else 0
        beside = (tenant, name) in ((None, None), (fields["tenant"].encode(), fields["id"].encode()))
        if fields["tenant"] != self.log.tenant or not beside:
            self._add("row", number, f"tenant or id of row {rowid} is not the leaf's")
        stem, _, end = fields["type"].rpartition(".")
        if end == "intent":
            self.open[fields["id"]] = (stem, number)
        elif end == "outcome" and self.open.pop(str(fields.get("intent")), ("", None))[0] != stem:
            self._add("unpaired", number, f"{fields['type']} {fields['id']}")
        return fields["time_us"]

    def _grow(self, digest: bytes) -> None:
        """Append to the tree, where subtrees merge as a binary counter carries; judge what is due."""
        rest, size = self.log.size, self.log.size + 1
        while rest % 2:
            digest, rest = _node(digest, self._frontier.pop()), rest // 2
        self._frontier.append(digest)
        self.log.size = size
        while self._next is not None and self._next[0].size <= size:
            (self._judged, row), self._next = self._next, next(self._ahead, None)
            if self._judged.root != self._root():
                if not self._broken:
                    self._add("root", None, f"the first {size} entries do not give the root that was signed")
                self._broken = True
            elif row[1:] and row[3] != b"".join(self._frontier):
                self._add("checkpoint", None, f"the frontier beside checkpoint {size} is not the tree's")
        while self._saved and self._saved[0].size <= size:
            if self._saved.pop(0).root != self._root():
                self._add("root", None, f"the first {size} entries are not those of the outside checkpoint")

    def _root(self) -> bytes:
        return reduce(_node, reversed(self._frontier))

    def _checkpoints(self, rows: Iterable[Row]) -> Iterator[tuple[Note, Row]]:
        """The checkpoints that can be read; each is checked by itself and against the one before."""
        size, time_us = 0, 0
        for row in rows:
            self.log.checkpoints += 1
            try:
                note = read_note(row[0])
            except ValueError as error:
                self._add("checkpoint", None, f"number {self.log.checkpoints} cannot be read: {error}")
                continue
            if note.origin != self.origin or not note.signed_by(self._key):
                self._add("checkpoint", None, f"{note.size} is not signed by the key for this log")
            if row[1:] and (row[1], row[2], row[4]) != (note.size, note.root, note.time_us / 1_000_000):
                self._add("checkpoint", None, f"size, root or time beside {note.size} are not the note's")
            if note.previous != size or note.size <= size:
                self._add("checkpoint", None, f"{note.size} does not follow {size}, which stands before it")
            if note.time_us < time_us - DISORDER_US:
                back = f"{(time_us - note.time_us) // 1_000_000} s before the one that it follows"
                self._add("clock", None, f"checkpoint {note.size} was signed {back}")
            size, time_us = note.size, note.time_us
            yield note, row


_TENANTS = """SELECT tenant, typeof(tenant) FROM audit_positions UNION
    SELECT tenant, typeof(tenant) FROM audit UNION SELECT tenant, typeof(tenant) FROM audit_checkpoints"""
_CHECKPOINTS = """SELECT note, size, root, frontier, sealed_at FROM audit_checkpoints
    WHERE tenant = ? ORDER BY size"""
_ROW = "a.rowid, a.tenant, a.id, a.leaf, a.leaf_hash"
_SEALED = f"""SELECT p.position, p.leaf_hash, {_ROW} FROM audit_positions p
    LEFT JOIN audit a ON a.rowid = p.audit_rowid WHERE p.tenant = ? ORDER BY p.position"""
_UNSEALED = f"""SELECT NULL, a.leaf_hash, {_ROW} FROM audit a LEFT JOIN audit_positions p ON p.audit_rowid = a.rowid
    WHERE p.audit_rowid IS NULL ORDER BY a.rowid"""
_CONTENT = """SELECT c.tenant, c.audit_id, CAST(c.salt AS BLOB), CAST(c.content AS BLOB), a.rowid, a.leaf
    FROM audit_content c LEFT JOIN audit a ON a.id = c.audit_id AND a.tenant = c.tenant"""
_TWICE = """SELECT 'order', id FROM audit GROUP BY id HAVING COUNT(*) > 1 UNION ALL
    SELECT 'content', audit_id FROM audit_content GROUP BY tenant, audit_id HAVING COUNT(*) > 1"""


def _check_database(db: sqlite3.Connection, report: Report, trust: Trust) -> list[LogCheck]:
    db.text_factory = bytes  # text that is no text any more is to be found, not raised
    db.execute("BEGIN")  # one state for all that is read
    logs: dict[bytes, LogCheck] = {}
    for tenant, kind in db.execute(_TENANTS).fetchall():
        name = tenant.decode(errors="replace") if kind == b"text" else ""
        if not name or name.encode() != tenant:
            report.add("", "file", None, f"there are rows of the tenant {tenant!r}")
            continue
        logs[tenant] = LogCheck(report, name, db.execute(_CHECKPOINTS, (name,)), trust)
        for row in db.execute(_SEALED, (name,)):
            logs[tenant].take(row)
        logs[tenant].end()
    for row in db.execute(_UNSEALED):
        if row[3] in logs:
            logs[row[3]].take(row, sealed=False)
    for code, name in db.execute(_TWICE):
        report.add("", code.decode(), None, f"{name!r} was recorded twice")
    _check_content(db, report)
    return [*logs.values()]


def _check_content(db: sqlite3.Connection, report: Report) -> None:
    """Compare content with the commitment in its leaf. That it is absent says nothing: content may be erased."""
    for tenant, name, salt, content, rowid, leaf in db.execute(_CONTENT):
        digest = hmac.digest(salt or b"", content or b"", "sha256").hex().encode()
        if isinstance(leaf, bytes) and b'"commitment":"%s"' % digest in leaf:  # quotes inside a text are escaped
            continue
        found = db.execute("SELECT position FROM audit_positions WHERE audit_rowid = ?", (rowid,)).fetchone()
        whose = tenant.decode(errors="replace") if isinstance(tenant, bytes) else ""
        what = f"the content for {name!r} is not what an entry commits to"
        report.add(whose, "content", found[0] if found else None, what)


def _check_bundle(folder: Path, report: Report, trust: Trust) -> list[LogCheck]:
    """Of log number N a bundle has `N.jsonl`, one leaf a line, and `N.notes`, seven lines a checkpoint."""
    checks: list[LogCheck] = []
    for number, tenant in enumerate(json.loads((folder / "tenants.json").read_bytes())):
        with open(folder / f"{number}.jsonl", "rb") as lines, open(folder / f"{number}.notes", "rb") as notes:
            rows = ([b"".join(seven)] for seven in zip_longest(*[notes] * 7, fillvalue=b""))
            checks.append(LogCheck(report, str(tenant), rows, trust))
            for position, line in enumerate(lines):
                leaf = line[:-1]
                digest = sha256(b"\x00" + leaf).digest()
                checks[-1].take((position, digest, None, None, None, leaf, digest))
            checks[-1].end()
    return checks


def verify(path: Path, public_key: Ed25519PublicKey | None = None, saved: Sequence[Note] = ()) -> Report:
    """Verify a copy of the database, or a bundle (with its own key when none is given).

    `saved` are checkpoints that were kept elsewhere. Raises OSError or ValueError when `path` is no record.
    """
    report, checks = Report(), list[LogCheck]()
    if path.is_dir():
        public_key = public_key or read_key(path / "audit.pub")
        checks = _check_bundle(path, report, (public_key, saved))
    else:
        path.stat()  # what is not there cannot have been changed: an OSError, not a finding
        still = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"  # for read-only media
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{still}", uri=True)) as db:
                checks = _check_database(db, report, (public_key, saved))
        except sqlite3.DatabaseError as error:
            report.add("", "file", None, f"the database cannot be read: {error}")
    if public_key is not None:
        report.key = f"sha256:{sha256(public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()}"
    for check in checks:
        for name, (stem, number) in check.open.items():
            report.add(check.log.tenant, "unclosed", number, f"{stem}.intent {name}")
    for note in saved:
        if note.origin not in {check.origin for check in checks} or not note.signed_by(public_key):
            report.add("", "cut", None, f"no log here goes with the outside checkpoint of {note.origin!r}")
    return report


def read_key(path: Path) -> Ed25519PublicKey:
    """The Ed25519 public key in a PEM file. Raises OSError or ValueError."""
    key = load_pem_public_key(path.read_bytes())
    if isinstance(key, Ed25519PublicKey):
        return key
    raise ValueError(f"{path} holds no Ed25519 public key")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(prog="verify_audit", description="Has the audit record been changed?")
    parser.add_argument("path", type=Path, help="a copy of the database, or a bundle")
    parser.add_argument("--key", type=Path, help="file with the public key (PEM)")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="file kept elsewhere")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    options = parser.parse_args(arguments)
    try:
        saved = [read_note(file.read_bytes()) for file in options.checkpoint]
        report = verify(options.path, read_key(options.key) if options.key else None, saved)
    except (OSError, ValueError) as error:
        print(f"verify_audit: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({"ok": report.ok, **asdict(report)}))
        return 0 if report.ok else 1
    for log in report.logs:
        age = f", the oldest {time.time() - log.unsealed_since_us / 1e6:.0f} s ago" if log.unsealed else ""
        print(f"{log.tenant}: {log.size} entries, {log.checkpoints} checkpoints, {log.unsealed} unsealed{age}")
    for found in report.findings:
        print("{tenant} entry {position}: {what} ({code}: {meaning})".format(**found))
    print("unchanged" if report.ok else "CHANGED", f"(signatures checked with {report.key or 'NO KEY'})")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
