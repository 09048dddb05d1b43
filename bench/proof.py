"""Was everything answered once, recorded and durable?"""

import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from bench.records import Book
from bench.report import ROOT

PER_TURN = ("model.intent", "model.outcome", "send.intent", "send.outcome", "turn.end")
AGAIN = PER_TURN[:-1]  # what a turn does again that is taken up after a death
FULL = 2  # PRAGMA synchronous = FULL
ASK = """
import sys
from pathlib import Path
from quarterdeck.store.sqlite import connect
connection = connect(Path(sys.argv[1]))
print(*(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")))
"""
"""Opens a database by the function by which the store's writer opens it, and asks what is in force then."""


class Leaf(msgspec.Struct):
    """What is looked at of an audit row."""

    type: str
    id: str = ""
    turn: str = ""
    intent: str = ""
    resource: str = ""


class LogLine(msgspec.Struct):
    """What is looked at of a log line."""

    level: str = ""
    event: str = ""


def complaints(book: Book, said: Mapping[str, int], folder: Path, since: float) -> list[str]:
    """Everything that is not as it should be with what was said `since` then; the gateway has stopped."""
    database = folder / "data" / "quarterdeck.db"
    return [
        *fates(book, said),
        *rows(database, len(said), since),
        *durability(database),
        *log((folder / "gateway.log").read_bytes()),
    ]


def fates(book: Book, said: Mapping[str, int]) -> Iterator[str]:
    """Each message asked, answered and sent exactly once."""
    for name, times in (("asked about", book.asked), ("answered", book.answered), ("sent", book.sent)):
        if lost := len(said.keys() - times.keys()):
            yield f"{lost} of {len(said)} messages were not {name}"
        if foreign := len(times.keys() - said.keys()):
            yield f"{foreign} messages were {name} that nobody said"
    for what, count in book.strange.items():
        yield f"{count} times: {what}"


def rows(database: Path, said: int, since: float, *, killed: bool = False) -> Iterator[str]:
    """Each message's rows ended, and its turn's audit rows there; `killed`: turns were taken up after a death."""
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        turns = dict(
            connection.execute("SELECT id, turn_id FROM inbox WHERE outcome = 'answered' AND created_at >= ?", (since,))
        )
        if len(turns) != said:
            yield f"{len(turns)} inbox rows are answered, not {said}"
        for table, open_rows in (
            ("inbox", "state <> 'ended'"),
            ("parts", "state <> 'sent'"),
            ("intents", "state = 'open'" if killed else "state <> 'done'"),
            ("turns", "state <> 'ended'"),
        ):
            (left,) = connection.execute(f"SELECT COUNT(*) FROM {table} WHERE {open_rows}").fetchone()
            if left:
                yield f"{left} rows of {table} with {open_rows}"
        summaries = {row[0] for row in connection.execute("SELECT id FROM intents WHERE step = 'c1'")}
        yield from audited(turns, summaries, (row[0] for row in connection.execute("SELECT leaf FROM audit")), killed)


def audited(
    turns: Mapping[str, str], summaries: set[str], leaves: Iterable[bytes], killed: bool = False
) -> Iterator[str]:
    """Which audit rows are missing; `turns` are the turns by the id of their inbox row, `summaries` intents beside."""
    found: Counter[tuple[str, str]] = Counter()
    for leaf in leaves:
        one = msgspec.json.decode(leaf, type=Leaf)
        if one.id in summaries or one.intent in summaries:
            continue
        found[one.type, one.resource if one.type == "message.in" else one.turn] += 1
    wanted = [("message.in", inbox) for inbox in turns]
    wanted += [(kind, turn) for kind in PER_TURN for turn in turns.values()]
    often = [(kind, found[kind, key]) for kind, key in wanted]
    missing = Counter(kind for kind, times in often if times != 1 and not (killed and times and kind in AGAIN))
    for kind, count in missing.items():
        yield f"{count} turns do not have exactly one audit row {kind}"


def durability(database: Path) -> Iterator[str]:
    """Whether the store opens this database so that a commit is on the disk."""
    command = [sys.executable, "-c", ASK, str(database)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout.split()
    if said != [str(FULL), "wal"]:
        yield f"synchronous and journal_mode are {said}, not FULL and wal"


def log(lines: bytes) -> Iterator[str]:
    """Log lines of level warning or worse, and lines that are none."""
    for line in lines.splitlines():
        if line.startswith(b"quarterdeck: "):
            continue
        try:
            one = msgspec.json.decode(line, type=LogLine)
        except msgspec.DecodeError:
            yield f"no log line: {line[:200]!r}"
            continue
        if one.level.lower() not in ("debug", "info"):
            yield f"log: {line[:300].decode(errors='replace')}"
