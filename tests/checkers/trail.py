"""A1 and A2: has every intent one outcome and one record of each, and does the audit chain verify?"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.checkers.database import Database
from tests.checkers.violation import Violation

CLOSED = frozenset("done failed lost unknown".split())
VERIFY_SECONDS = 60


class _Leaf(msgspec.Struct, frozen=True):
    id: str
    type: str
    intent: str = ""
    outcome: str = ""


class _Log(msgspec.Struct, frozen=True):
    size: int
    checkpoints: int


class _Report(msgspec.Struct, frozen=True):
    ok: bool
    counts: dict[str, int]
    findings: list[dict[str, object]]
    logs: list[_Log]


def check_trail(database: Database) -> Iterator[Violation]:
    """Intents against their state and their audit rows."""
    leaves = [msgspec.json.decode(row.leaf, type=_Leaf) for row in database.audit]
    begun = Counter(leaf.id for leaf in leaves if leaf.type.endswith(".intent"))
    closed = Counter(leaf.intent for leaf in leaves if leaf.type.endswith(".outcome"))
    said = {leaf.intent: leaf.outcome for leaf in leaves if leaf.type.endswith(".outcome")}
    for intent in database.intents:
        about = f"{intent.kind} intent {intent.id}"
        if intent.state not in CLOSED:
            yield Violation("intent_open", about, f"it is {intent.state} ({intent.turn_id} {intent.step})")
        elif closed[intent.id] == 0:
            yield Violation("outcome_missing", about, f"it is {intent.state}, no record says so")
        elif closed[intent.id] > 1:
            yield Violation("two_outcomes", about, f"{closed[intent.id]} records of its outcome")
        elif said[intent.id] != intent.state:
            evidence = f"it is {intent.state}, the record says {said[intent.id]}"
            yield Violation("outcome_missing", about, evidence)
        if begun[intent.id] != 1:
            yield Violation("intent_unrecorded", about, f"{begun[intent.id]} records of its beginning")
    known = {intent.id for intent in database.intents}
    for name in closed.keys() - known:
        yield Violation("two_outcomes", f"intent {name}", "an outcome of an intent that is not there")


def check_audit(path: Path, key: Path) -> Iterator[Violation]:
    """The offline verifier's word on the file, signatures included."""
    done = subprocess.run(
        [sys.executable, "-m", "quarterdeck.cli.verify_audit", str(path), "--key", str(key), "--json"],
        capture_output=True,
        timeout=VERIFY_SECONDS,
    )
    if done.returncode not in (0, 1):
        yield Violation("audit_changed", path.name, done.stderr.decode(errors="replace").strip())
        return
    report = msgspec.json.decode(done.stdout, type=_Report)
    if not any(log.checkpoints for log in report.logs):
        yield Violation("audit_open", path.name, "nothing was sealed")
    for found in report.findings:
        code = "audit_open" if found["code"] in ("unclosed", "unpaired") else "audit_changed"
        yield Violation(code, f"entry {found['position']}", f"{found['what']} ({found['code']})")
