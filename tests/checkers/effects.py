"""M2: did anything happen twice without saying so?"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from tests.checkers.database import Database, Part
from tests.checkers.platform import Effect, Entry, Platform
from tests.checkers.violation import Violation

NONCE = re.compile(r"#[0-9a-f]{10}\b")
"""Scenarios put one into every text, so that equal texts are one text that came twice."""

EXTERNAL, TO_ROOM = "http_post", "send_message"
"""The tools whose effects are counted: outside, and as rows."""


class Result(msgspec.Struct, frozen=True, rename={"tool": "name"}):
    """One tool result of a journal."""

    tool: str
    status: str = "ok"


class _Entry(msgspec.Struct, frozen=True, tag_field="type", tag="tool"):
    result: Result


def check_effects(platform: Platform, database: Database) -> Iterator[Violation]:
    """Rooms against parts, effects and messages against tool results."""
    parts: defaultdict[str, list[Part]] = defaultdict(list)
    names = {room.id: room.native_id for room in database.rooms}
    for part in database.showing:
        parts[names.get(part.room_id, "")].append(part)
    streamed = {intent.turn_id for intent in database.intents if intent.kind == "stream"}
    growing = {delivery.id for delivery in database.deliveries if delivery.turn_id in streamed}
    entries: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in platform.entries:
        entries[entry.room].append(entry)
    for room, shown in entries.items():
        yield from _room(room, shown, parts[room], growing)
    results = {(step.turn_id, step.step): result for step in database.steps if (result := _result(step.content))}
    yield from _external(platform.effects, results, database)
    yield from _messages(results, database)


def _room(room: str, shown: Sequence[Entry], parts: Sequence[Part], growing: set[str]) -> Iterator[Violation]:
    """Each message of a room is the sending of one part, or a first try whose repeat is marked.

    A try has its part's words, or else is the beginning of an answer that grew.
    """
    owners = {part.native_id: part for part in parts if part.native_id}
    left = {part.name: tries_unsettled(part) for part in parts}
    for entry in shown:
        if entry.id in owners:
            continue
        open_parts = [part for part in parts if left[part.name]]
        part = next((part for part in open_parts if entry.bare == part.words), None)
        part = part or next((part for part in open_parts if part.n == 0 and part.delivery_id in growing), None)
        if part is None:
            same = any(entry.bare == part.words for part in parts)
            code = "shown_twice" if same else "unexplained"
            yield Violation(code, f"room {room}", f"message {entry.id} {entry.text[:80]!r}, key {entry.key}")
            continue
        left[part.name] -= 1
        final = next((other for other in shown if other.id == part.native_id), None)
        if final is not None and not final.marked:
            evidence = f"{part.name} is {entry.id} and {final.id}, the later one unmarked: {part.text[:80]!r}"
            yield Violation("silent_repeat", f"room {room}", evidence)
    unmarked = Counter(entry.text for entry in shown if not entry.marked and NONCE.search(entry.text))
    for text, count in unmarked.items():
        if count > 1:
            yield Violation("answered_twice", f"room {room}", f"{count} times, unmarked: {text[:120]!r}")


def tries_unsettled(part: Part) -> int:
    """How many sendings of a part there may be that its native id does not name."""
    if part.state == "held" and not part.attempts:
        return 0  # a stop came before the first try
    return part.resends + (part.state in ("unknown", "held", "failed"))


def _result(content: bytes) -> Result | None:
    try:
        return msgspec.json.decode(content, type=_Entry).result
    except msgspec.ValidationError:
        return None  # another kind of step


def _external(
    effects: Sequence[Effect], results: dict[tuple[str, str], Result], database: Database
) -> Iterator[Violation]:
    """Once where the result says so; at most once where it says unknown; never without an intent."""
    counts = Counter(effect.key for effect in effects)
    intended = {f"{intent.turn_id}.{intent.step}" for intent in database.intents if intent.kind == "tool"}
    for key, count in counts.items():
        if count > 1:
            yield Violation("effect_twice", f"call {key}", f"it happened {count} times")
        if key not in intended:
            yield Violation("effect_unrecorded", f"call {key}", f"it happened {count} times, no intent names it")
    told = Counter(nonce for effect in effects for nonce in set(NONCE.findall(effect.body)))
    for nonce, count in told.items():
        if count > 1:
            yield Violation("effect_twice", nonce, f"{count} effects speak of it")
    for (turn, step), result in results.items():
        if result.tool == EXTERNAL and result.status == "ok" and not counts[f"{turn}.{step}"]:
            yield Violation("effect_missing", f"call {turn}.{step}", "its result is ok and it did not happen")


def _messages(results: dict[tuple[str, str], Result], database: Database) -> Iterator[Violation]:
    """One delivery for each result that says that a message was sent."""
    said = Counter(turn for (turn, _), result in results.items() if result.tool == TO_ROOM and result.status == "ok")
    made = Counter(delivery.turn_id for delivery in database.deliveries if delivery.kind == "message")
    for turn in said.keys() | made.keys():
        if made[turn] != said[turn]:
            code = "message_twice" if made[turn] > said[turn] else "message_missing"
            yield Violation(code, f"turn {turn}", f"{said[turn]} results, {made[turn]} messages")
