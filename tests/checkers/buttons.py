"""Does one press of a set of buttons count and every other one not, and do buttons come off?"""

from collections import Counter
from collections.abc import Iterator

from tests.checkers.database import Database, Inbox
from tests.checkers.inbox import PRESS
from tests.checkers.platform import Injected, Platform
from tests.checkers.violation import Violation

ENDS = frozenset(("command", "ignored", "refused"))
"""What a press ends in, at once: it waits for no turn."""


def check_buttons(platform: Platform, database: Database) -> Iterator[Violation]:
    """Presses against rows, rows against what was offered, both against what rooms show."""
    presses = {PRESS + event.id: event for event in platform.injected if event.kind == "press"}
    rows = [row for row in database.inbox if row.kind == "press"]
    for row in rows:
        if row.outcome not in ENDS:
            yield Violation("no_outcome", row.id, f"a press ended {row.outcome}")
    for event in presses.values():
        if event.seq in platform.acked and event.id not in platform.told:
            yield Violation("press_untold", f"press {event.id}", "it was acknowledged, nobody told who pressed")
    counted = [(row, presses[row.act_key]) for row in rows if row.outcome == "command" and row.act_key in presses]
    yield from _once(counted, database)
    yield from _off(counted, platform, database)
    yield from _offered(platform, database)


def _once(counted: list[tuple[Inbox, Injected]], database: Database) -> Iterator[Violation]:
    """Who pressed first has what they chose; nobody else has."""
    counts = Counter(offered(event.value) for _, event in counted)
    for one in database.choices:
        if counts[one.id] > 1:
            yield Violation("pressed_twice", f"choices {one.id}", f"{counts[one.id]} presses ran a command")
        elif (counts[one.id] == 1) != (one.state == "pressed"):
            yield Violation("press_lost", f"choices {one.id}", f"they are {one.state}, {counts[one.id]} presses count")
    known = {one.id for one in database.choices}
    for row, event in counted:
        if offered(event.value) not in known:
            yield Violation("pressed_twice", row.id, f"{event.value!r} was never offered, and it ran a command")


def _off(counted: list[tuple[Inbox, Injected]], platform: Platform, database: Database) -> Iterator[Violation]:
    """A message that was pressed has a part that takes its buttons off; where that is sent, there are none."""
    names = {room.id: room.native_id for room in database.rooms}
    parts = {(names.get(part.room_id, ""), part.native_id): part for part in database.unbuttoning}
    for row, event in counted:
        if (event.room, event.message) not in parts:
            yield Violation("buttons_left", f"message {event.message} of room {event.room}", f"{row.id} pressed one")
    shown = {(entry.room, entry.id): entry for entry in platform.entries}
    for place, part in parts.items():
        entry = shown.get(place)
        if part.state == "sent" and entry is not None and entry.buttons:
            yield Violation("buttons_left", part.name, f"message {place[1]} of room {place[0]} still has them")


def _offered(platform: Platform, database: Database) -> Iterator[Violation]:
    """No room shows a button that no row explains."""
    known = {one.id for one in database.choices}
    for entry in platform.entries:
        for button in (one for line in entry.buttons for one in line):
            if offered(button.value) not in known:
                yield Violation("buttons_unknown", f"message {entry.id} of room {entry.room}", button.value)


def offered(value: str) -> str:
    """Of which set a button is."""
    return value.partition(".")[0]
