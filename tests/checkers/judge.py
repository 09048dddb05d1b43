"""Everything that contradicts the promises, in one list."""

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from tests.checkers.buttons import check_buttons
from tests.checkers.database import Database, read_database
from tests.checkers.effects import check_effects
from tests.checkers.history import check_history
from tests.checkers.inbox import check_blobs, check_inbox
from tests.checkers.logs import check_logs
from tests.checkers.money import check_money
from tests.checkers.order import check_order
from tests.checkers.platform import Platform, from_lines, read_lines
from tests.checkers.telegram import telegram_lines
from tests.checkers.trail import check_audit, check_trail
from tests.checkers.violation import Violation
from tests.standins.model import Call, read_record

__all__ = ["Evidence", "check_all", "judge", "read_evidence"]


class Evidence(msgspec.Struct, frozen=True):
    """What is judged."""

    platform: Platform
    database: Database
    requests: tuple[Call, ...] = ()


def read_evidence(records: Path, database: Path) -> Evidence:
    """Read the record files of a folder and the database file."""
    lines = [
        *read_lines(records / "platform.jsonl"),
        *telegram_lines(read_lines(records / "telegram.jsonl")),
        *read_lines(records / "doors.jsonl"),
    ]
    return Evidence(from_lines(lines), read_database(database), tuple(read_record(records / "model.jsonl")))


def check_all(evidence: Evidence) -> Iterator[Violation]:
    """Every check that needs nothing beside the evidence."""
    yield from check_inbox(evidence.platform, evidence.database)
    yield from check_buttons(evidence.platform, evidence.database)
    yield from check_effects(evidence.platform, evidence.database)
    yield from check_order(evidence.platform, evidence.database)
    yield from check_history(evidence.database, evidence.requests)
    yield from check_trail(evidence.database)
    yield from check_money(evidence.database)


def judge(evidence: Evidence, data: Path, log: str, secrets: Collection[str]) -> list[Violation]:
    """Every check; `data` is the gateway's folder, `log` all that it wrote, `secrets` what it was given to keep."""
    found = list(check_all(evidence))
    found += check_blobs(evidence.database, data / "blobs")
    found += check_audit(data / "quarterdeck.db", data / "keys" / "audit.key.pub")
    found += check_logs(log, texts(evidence), secrets)
    return found


def texts(evidence: Evidence) -> Iterator[str]:
    """Everything that was said."""
    yield from (event.text for event in evidence.platform.injected)
    yield from (entry.text for entry in evidence.platform.entries)
    yield from (part.text for part in evidence.database.parts)
