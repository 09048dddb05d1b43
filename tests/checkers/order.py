"""M3: do turns keep the order of their session, and sends the order of their room?"""

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from tests.checkers.database import Database, Event, Inbox, Part
from tests.checkers.platform import Entry, Platform
from tests.checkers.violation import Violation


class About(msgspec.Struct, frozen=True):
    """Which turn an event is about."""

    turn: str = ""


def check_order(platform: Platform, database: Database) -> Iterator[Violation]:
    """Events without gaps, turns one after another in lane order, answers and rooms in that order."""
    events: defaultdict[str, list[Event]] = defaultdict(list)
    for event in database.events:
        events[event.session_id].append(event)
    turns: dict[str, tuple[str, int]] = {}
    for session in database.sessions:
        seqs = [event.seq for event in events[session.id]]
        if seqs != list(range(1, session.head + 1)):
            missing = sorted(set(range(1, session.head + 1)) - set(seqs))
            yield Violation("event_gap", session.id, f"head {session.head}, missing {missing[:10]}")
        order = yield from _turns(session.id, events[session.id])
        yield from _lane(session.id, order, database.inbox)
        yield from _answers(session.id, order, database)
        turns |= {turn: (session.id, place) for place, turn in enumerate(order)}
    yield from _rooms(platform, database, turns)


def _turns(session: str, events: Sequence[Event]) -> Generator[Violation, None, list[str]]:
    """Between a turn's start and its end no other turn runs, and it ends once. Gives the turns' order."""
    order: list[str] = []
    running = ""
    ended: set[str] = set()
    for event in events:
        if event.kind not in ("turn.started", "turn.ended"):
            continue
        turn = msgspec.json.decode(event.data, type=About).turn
        if running not in ("", turn):
            yield Violation("turn_overlap", session, f"event {event.seq}: {event.kind} {turn}, {running} runs")
        if turn in ended:
            yield Violation("two_outcomes", turn, f"event {event.seq}: {event.kind} after its end")
        if event.kind == "turn.started":
            running = turn
            order += [] if turn in order else [turn]
        else:
            running = ""
            ended.add(turn)
    return order


def _lane(session: str, order: Sequence[str], inbox: Sequence[Inbox]) -> Iterator[Violation]:
    """A later turn is for later rows; what was taken in on the way does not count."""
    firsts = {
        turn: min((row.lane_order for row in inbox if row.turn_id == turn and row.outcome != "absorbed"), default=0)
        for turn in order
    }
    for one, other in pairwise(turn for turn in order if firsts[turn]):
        if firsts[one] >= firsts[other]:
            evidence = f"{one} for lane place {firsts[one]} ran before {other} for {firsts[other]}"
            yield Violation("turn_order", session, evidence)


def _answers(session: str, order: Sequence[str], database: Database) -> Iterator[Violation]:
    """Answers stand in the room's queue in the order of their turns."""
    own = {d.id: d.turn_id for d in database.deliveries if d.session_id == session and d.kind == "answer"}
    last = -1
    for part in database.parts:
        if part.delivery_id not in own or own[part.delivery_id] not in order:
            continue
        place = order.index(own[part.delivery_id])
        if place < last:
            yield Violation("answer_order", session, f"part {part.name} stands behind an answer of a later turn")
        last = max(last, place)


def _rooms(platform: Platform, database: Database, turns: Mapping[str, tuple[str, int]]) -> Iterator[Violation]:
    """First sends appear in the order of their parts, and a session's answers in the order of its turns.

    Marked repeats step aside. The beginning of an answer that grows has the place where it appeared: it holds
    nobody up, but it may not overtake the answer of an earlier turn.
    """
    names = {room.id: room.native_id for room in database.rooms}
    parts: defaultdict[str, list[Part]] = defaultdict(list)
    for part in database.showing:
        parts[names.get(part.room_id, "")].append(part)
    deliveries = {delivery.id: delivery for delivery in database.deliveries}
    streamed = {intent.turn_id for intent in database.intents if intent.kind == "stream"}
    last: dict[str, tuple[int, str]] = {}
    for entry in platform.entries:
        least, _ = last.get(f"room_order room {entry.room}", (-1, ""))
        part = _sent_as(entry, parts[entry.room], least)
        delivery = deliveries.get(part.delivery_id) if part else None
        if part is None or delivery is None or entry.marked:
            continue
        session, place = turns.get(delivery.turn_id, ("", 0))
        grows = delivery.kind == "answer" and delivery.turn_id in streamed and part.n == 0
        yield from _behind(last, f"room_order room {entry.room}", part.seq, entry, skip=grows)
        yield from _behind(last, f"answer_order room {entry.room} {session}", place, entry, skip=not session)


def _behind(
    last: dict[str, tuple[int, str]], line: str, place: int, entry: Entry, *, skip: bool
) -> Iterator[Violation]:
    """A violation when `place` lies before the last one of its line; else it is the last one."""
    if skip:
        return
    before, name = last.get(line, (-1, ""))
    code, _, about = line.partition(" ")
    if place < before:
        yield Violation(code, about, f"{entry.id} (place {place}) came after {name} (place {before})")
    else:
        last[line] = place, entry.id


def _sent_as(entry: Entry, parts: Sequence[Part], least: int) -> Part | None:
    """The part that an entry is: by its id, else a first try by its words, if it can be the one at its place."""
    if by_id := next((part for part in parts if part.native_id == entry.id), None):
        return by_id
    tries = [part for part in parts if part.resends and part.words == entry.text]
    return next((part for part in tries if part.seq >= least), tries[-1] if tries else None)
