"""M1: has every acknowledged act exactly one row with exactly one outcome, and did its answer arrive?"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tests.checkers.database import Database, Inbox
from tests.checkers.platform import DOORS, Platform
from tests.checkers.violation import Violation

OUTCOMES = frozenset(
    "answered absorbed superseded command ignored refused handed_over stopped failed expired dead_lettered".split()
)
"""Architecture 3.6: what an inbox row may end in."""

SETTLED = frozenset("sent unknown refused failed held".split())
"""What a part may be in when nothing is left to do; all but `sent` are visible to people."""

TOLD = frozenset(("failed", "dead_lettered"))
"""Outcomes of a turn of which the person is told."""

PRESS = "press/"
"""Before a press's id, in the key of its row."""

GIVEN = b'"status":"given"'
"""In the result of a call that an API client has to run: it may be all that a turn gives."""


class _Content(msgspec.Struct, frozen=True):
    text: str = ""


def check_inbox(platform: Platform, database: Database) -> Iterator[Violation]:
    """Acts against rows, rows against outcomes, outcomes against answers."""
    yield from _acts(platform, database)
    yield from _timers(database)
    for row in database.inbox:
        if row.state != "ended" or row.outcome not in OUTCOMES:
            yield Violation("no_outcome", row.id, f"{row.state}, outcome {row.outcome}, takes {row.takes}")
    yield from _told(database)
    yield from _answers(database)
    yield from _held(database)
    yield from _unfinished(database)
    yield from _arrivals(platform, database)


def _acts(platform: Platform, database: Database) -> Iterator[Violation]:
    """One row for each revision of each message and for each press; none for what nobody did."""
    rows: defaultdict[tuple[str, str], list[Inbox]] = defaultdict(list)
    names = {room.id: room.native_id for room in database.rooms}
    for row in database.inbox:
        if row.kind == "timer":
            continue  # nobody spoke
        rows[names.get(row.room_id, row.room_id), _act(row)].append(row)
    revisions: defaultdict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    acknowledged: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for event in platform.injected:
        place = event.room, PRESS + event.id if event.kind == "press" else event.id
        revisions[place][event.revision] = event.text
        if event.seq in platform.acked:
            acknowledged[place].add(event.revision)
        else:
            yield Violation("not_acknowledged", _name(place), f"event {event.seq} is still on the feed")
    for place, texts in revisions.items():
        found = [f"{row.id} ({row.kind}, {row.outcome})" for row in rows[place]]
        if len(found) < len(acknowledged[place]):
            evidence = f"{len(acknowledged[place])} acts acknowledged, rows: {found}"
            yield Violation("no_row", _name(place), evidence)
        elif len(found) > len(texts):
            yield Violation("two_rows", _name(place), f"{len(texts)} acts, rows: {found}")
        else:
            yield from _texts(place, texts, rows[place])
    for place in rows.keys() - revisions.keys():
        yield Violation("two_rows", _name(place), f"no act, rows: {[row.id for row in rows[place]]}")


def _act(row: Inbox) -> str:
    """What a row is of: a message with its revisions, or one press, which has an id of its own."""
    return row.act_key if row.kind == "press" else row.message_ref


def _timers(database: Database) -> Iterator[Violation]:
    """A due time has one row, which ended at once."""
    seen: set[str] = set()
    for row in database.inbox:
        if row.kind != "timer":
            continue
        if row.act_key in seen:
            yield Violation("two_rows", row.id, f"{row.act_key} has another row")
        elif row.outcome != "command" or not row.act_key.startswith("timer/"):
            yield Violation("no_outcome", row.id, f"{row.act_key} ended {row.outcome}")
        seen.add(row.act_key)


def _texts(place: tuple[str, str], texts: dict[int, str], rows: list[Inbox]) -> Iterator[Violation]:
    """The newest row holds what the newest revision says, but for the code of an invitation that was used."""
    text = texts[max(texts)]
    newest = max(rows, key=lambda row: row.position, default=None)
    if text and newest is not None:
        accepted = msgspec.json.decode(newest.content, type=_Content).text
        invited = newest.outcome == "command" and text.startswith("/start ") and accepted == "/start"
        if accepted != text and not invited:
            yield Violation("other_text", _name(place), f"{text!r} was written, {accepted!r} accepted")


class _End(msgspec.Struct, frozen=True):
    """An event that may tell the end of rows."""

    inbox: str | Sequence[str] = ()
    outcome: str | None = None


def _told(database: Database) -> Iterator[Violation]:
    """Who watches a session hears of every end: as the act is accepted, with its turn, or for itself."""
    told: set[tuple[str, str]] = set()
    for event in database.events:
        if event.kind in ("inbox.accepted", "inbox.ended", "turn.ended"):
            end = msgspec.json.decode(event.data, type=_End)
            names = (end.inbox,) if isinstance(end.inbox, str) else end.inbox
            told |= {(event.session_id, name) for name in names if end.outcome}
    for row in database.inbox:
        if row.session_id and row.state == "ended" and (row.session_id, row.id) not in told:
            yield Violation("end_untold", row.id, f"it was {row.outcome}, no event of {row.session_id} says so")


def _held(database: Database) -> Iterator[Violation]:
    """What is held is an answer that a stop covers: nothing else may lie there and not be sent."""
    turns = {turn.id: turn for turn in database.turns}
    stops = {session.id: session.stop_at for session in database.sessions}
    deliveries = {delivery.id: delivery for delivery in database.deliveries}
    for part in database.parts:
        delivery = deliveries.get(part.delivery_id)
        turn = turns.get(delivery.turn_id) if delivery else None
        if part.state != "held" or (
            delivery is not None
            and delivery.kind == "answer"
            and turn is not None
            and turn.position <= stops.get(turn.session_id, 0)
        ):
            continue
        yield Violation("held_without_stop", part.name, f"of turn {turn and turn.id}: {part.text[:80]!r}")


def _answers(database: Database) -> Iterator[Violation]:
    """Who was answered has an answer; who was failed was told."""
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for delivery in database.deliveries:
        kinds[delivery.turn_id][delivery.kind] += 1
    turns = {turn.id: turn for turn in database.turns}
    owners = {row.turn_id for row in database.inbox}
    given = {step.turn_id for step in database.steps if GIVEN in step.content}
    for row in database.inbox:
        turn = turns.get(row.turn_id or "")
        if row.outcome in ("answered", "absorbed") and (turn is None or turn.outcome != "answered"):
            evidence = f"its turn {row.turn_id} ended {turn and turn.outcome}"
            yield Violation("no_answer", row.id, evidence)
        elif row.outcome == "answered" and not kinds[row.turn_id or ""]["answer"] and row.turn_id not in given:
            yield Violation("no_answer", row.id, f"turn {row.turn_id} has no answer to send")
        elif row.outcome in TOLD and not kinds[row.turn_id or ""]:
            yield Violation("not_told", row.id, f"turn {row.turn_id} ended {row.outcome}, nothing is sent")
    for turn in database.turns:
        if turn.state != "ended":
            yield Violation("no_outcome", turn.id, f"the turn is {turn.state}, attempt {turn.attempt}")
        if turn.id not in owners:
            yield Violation("turn_without_row", turn.id, f"it ended {turn.outcome}; no inbox row is its own")


def _arrivals(platform: Platform, database: Database) -> Iterator[Violation]:
    """What counts as sent is in its room, word for word."""
    names = {room.id: room.native_id for room in database.rooms}
    shown = {(entry.room, entry.id): entry for entry in platform.entries}
    rooms = {event.room for event in platform.injected}
    for part in database.showing:
        room = names.get(part.room_id, "")
        if part.state == "sent" and part.connection not in DOORS and room in rooms:
            entry = shown.get((room, part.native_id))
            if entry is None:
                evidence = f"room {room} has no message {part.native_id!r}: {part.text[:80]!r}"
                yield Violation("not_shown", part.name, evidence)
            elif part.words not in (entry.text, entry.bare):
                evidence = f"the room shows {entry.text[:80]!r}, sent was {part.text[:80]!r}"
                yield Violation("not_shown", part.name, evidence)


def _unfinished(database: Database) -> Iterator[Violation]:
    """Nothing is left half done."""
    for part in database.parts:
        if part.state not in SETTLED:
            yield Violation("part_unfinished", part.name, f"it is {part.state}: {part.text[:80]!r}")


def check_blobs(database: Database, folder: Path) -> Iterator[Violation]:
    """Every row that refers to bytes has them."""
    for blob in database.blobs:
        path = folder / blob.digest[:2] / blob.digest
        rows = [part.data for part in database.blob_parts if part.digest == blob.digest]
        if not rows and not path.exists():
            yield Violation("blob_missing", blob.digest, f"{path} is not there, nor has it parts in rows")
        elif hashlib.sha256(b"".join(rows) or path.read_bytes()).hexdigest() != blob.digest:
            yield Violation("blob_missing", blob.digest, f"{'its rows hold' if rows else f'{path} holds'} other bytes")


def _name(place: tuple[str, str]) -> str:
    return f"act {place[1]} of room {place[0]}"
