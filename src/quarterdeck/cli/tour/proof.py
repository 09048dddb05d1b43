"""Is a record that was changed found out? One byte of a copy is changed, and the verifier has to name its entry."""

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec

from quarterdeck.cli.tour.account import Account
from quarterdeck.cli.tour.stage import Ended, Stage, StageFailed
from quarterdeck.cli.verify_audit import NO_CHANGE

CLAIM = "Whoever changes one byte of the record is found out, and the verifier says which entry it is."
COPY = "copy.db"


class Log(msgspec.Struct, frozen=True):
    """One log of the verifier's report."""

    size: int
    unsealed: int


class Finding(msgspec.Struct, frozen=True):
    """One finding of the verifier; `position` is the entry's number, from 0."""

    code: str
    position: int | None


class Report(msgspec.Struct, frozen=True):
    """What the verifier printed."""

    ok: bool
    logs: tuple[Log, ...]
    findings: tuple[Finding, ...]


def proof(stage: Stage, account: Account, *, leave_it: bool = False) -> None:
    """Play it; `leave_it`: change nothing, so that the claim fails. Raises StageFailed."""
    first, whole = _verify(stage)
    entries = sum(log.size for log in whole.logs)
    account.did(f"`quarterdeck audit verify` read the record of this tour: {entries} sealed entries.")
    account.hold(first.code == 0 and whole.ok and entries > 0, "The untouched record does not pass.")
    copy = stage.folder / COPY
    _copy(stage.data.database, copy)
    position, offset = _flip(copy, really=not leave_it)
    account.did(f"In a copy of the database, one byte was changed, in entry {position}, chosen by chance.")
    key = stage.data.audit_key.with_name(f"{stage.data.audit_key.name}.pub")
    begun = time.monotonic()
    second = stage.run("quarterdeck.cli.verify_audit", str(copy), "--key", str(key), "--json")
    seconds = time.monotonic() - begun
    changed = _report(second)
    named = {one.position for one in changed.findings if one.code not in NO_CHANGE} - {None}
    shown = ", ".join(str(number) for number in sorted(named, key=str)) or "none"
    account.saw(
        f"The verifier, which shares no code with what writes the record: "
        f"{'unchanged' if changed.ok else 'CHANGED'}, entry {shown}.",
        {"entries": entries, "changed_entry": position, "changed_byte": offset, "named": shown},
    )
    account.hold(second.code == 1 and not changed.ok, "The verifier did not notice the change.")
    account.hold(named == {position}, f"The verifier named {shown}, not entry {position}.")
    third, again = _verify(stage)
    account.saw("The original, read once more, passes." if again.ok else "The original does not pass any more.", {})
    account.hold(third.code == 0 and again.ok, "The original does not pass any more.")
    account.took(seconds, f"to read {entries} entries, check every signature, and find it")


def _verify(stage: Stage) -> tuple[Ended, Report]:
    ended = stage.run("quarterdeck", "audit", "verify", "--config", str(stage.config), "--json")
    return ended, _report(ended)


def _report(ended: Ended) -> Report:
    try:
        return msgspec.json.decode(ended.out, type=Report)
    except msgspec.DecodeError as error:
        raise StageFailed(f"the verifier ended with status {ended.code} and printed no report") from error


def _copy(database: Path, copy: Path) -> None:
    """A copy in one file, also of a database that is in use."""
    source, target = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True), sqlite3.connect(copy)
    with closing(source), closing(target):
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")


def _flip(copy: Path, *, really: bool) -> tuple[int, int]:
    """Change one byte of one entry in the file itself; (the entry's number, the byte's place in it)."""
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as database:
        rows: list[tuple[int, bytes]] = database.execute(
            "SELECT p.position, a.leaf FROM audit_positions p JOIN audit a ON a.rowid = p.audit_rowid"
        ).fetchall()
    content, chance = bytearray(copy.read_bytes()), random.SystemRandom()
    chance.shuffle(rows)
    for position, leaf in rows:
        if (
            content.count(leaf) == 1
        ):  # a long entry is not in one piece, one on a page that is not used any more, in two
            offset = chance.randrange(len(leaf))
            content[content.index(leaf) + offset] ^= int(really)
            copy.write_bytes(content)
            return position, offset
    raise StageFailed("the copy holds no entry in one piece")
