"""Everything that contradicts the promises, in one list."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.checkers.database import Database, read_database
from tests.checkers.effects import check_effects
from tests.checkers.history import check_history
from tests.checkers.inbox import check_blobs, check_inbox
from tests.checkers.order import check_order
from tests.checkers.platform import Platform, read_platform
from tests.checkers.trail import check_audit, check_trail
from tests.checkers.violation import Violation
from tests.standins.model import Call, read_record

__all__ = ["Evidence", "check_all", "judge", "read_evidence"]


class Evidence(msgspec.Struct, frozen=True):
    """What is judged."""

    platform: Platform
    database: Database
    requests: tuple[Call, ...] = ()


def read_evidence(platform: Path, model: Path, database: Path) -> Evidence:
    """Read the two record files and the database file."""
    return Evidence(read_platform(platform), read_database(database), tuple(read_record(model)))


def check_all(evidence: Evidence) -> Iterator[Violation]:
    """Every check that needs nothing beside the evidence."""
    yield from check_inbox(evidence.platform, evidence.database)
    yield from check_effects(evidence.platform, evidence.database)
    yield from check_order(evidence.platform, evidence.database)
    yield from check_history(evidence.database, evidence.requests)
    yield from check_trail(evidence.database)


def judge(evidence: Evidence, database: Path, blobs: Path) -> list[Violation]:
    """Every check; `database` is the file that the evidence came from, `blobs` the folder of stored bytes."""
    found = list(check_all(evidence))
    found += check_blobs(evidence.database, blobs)
    found += check_audit(database)
    return found
