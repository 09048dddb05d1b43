"""What did people see, by the messenger's own log? Pure: from lines to counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec


class Line(msgspec.Struct, frozen=True):
    """One line of the log; `at` is in seconds of the machine's monotonic clock."""

    at: float
    what: str
    room: str
    id: str = ""
    text: str = ""


@dataclass
class Question:
    """One message of a person, and the bot's messages that answer it, as people saw them in the end.

    `whole` are complete answers without a mark, `marked` those that say that they may be a repeat, `halves` those
    that break off. The numbers are the place among the bot's messages in the room.
    """

    id: str
    text: str
    taken: bool = False
    whole: list[int] = field(default_factory=list[int])
    marked: list[int] = field(default_factory=list[int])
    halves: list[int] = field(default_factory=list[int])
    answered_at: float = 0.0

    @property
    def answered(self) -> bool:
        """Whether there is a complete answer."""
        return bool(self.whole or self.marked)


@dataclass(frozen=True)
class Seen:
    """What the rooms show. `stray` are messages of the bot that answer nothing."""

    questions: Sequence[Question]
    stray: int
    disordered: int

    @property
    def answered(self) -> int:
        """Questions with a complete answer."""
        return sum(one.answered for one in self.questions)

    @property
    def half(self) -> list[Question]:
        """Questions whose answer people see growing."""
        return [one for one in self.questions if one.halves and not one.answered]

    @property
    def taken(self) -> int:
        """Questions that the messenger has forgotten, because the gateway said that it has them."""
        return sum(one.taken for one in self.questions)

    @property
    def lost(self) -> int:
        """Questions without an answer."""
        return len(self.questions) - self.answered

    @property
    def doubled(self) -> int:
        """Answers too many that do not say so, and halves that nothing marked has replaced."""
        extra = sum(max(0, len(one.whole) - 1) for one in self.questions)
        return extra + sum(len(one.halves) for one in self.questions if one.answered and not one.marked)

    @property
    def repeats(self) -> int:
        """Answers that say that they may be a repeat."""
        return sum(len(one.marked) for one in self.questions)

    @property
    def last_answer(self) -> float:
        """When the last question was answered."""
        return max((one.answered_at for one in self.questions), default=0.0)


def look(lines: Sequence[Line], answer: Callable[[str], str], mark: str) -> Seen:
    """What is there to see; `answer` gives the complete answer to a text, `mark` stands before a possible repeat."""
    questions: dict[str, list[Question]] = {}
    shown: dict[str, dict[str, Line]] = {}  # room -> id -> its newest text
    for line in lines:
        if line.what == "wrote":
            questions.setdefault(line.room, []).append(Question(line.id, line.text))
        elif line.what == "taken":
            for one in questions[line.room]:
                one.taken = one.taken or one.id == line.id
        elif line.what in ("sent", "edited"):
            shown.setdefault(line.room, {})[line.id] = line
    stray = 0
    for room, messages in shown.items():
        for place, message in enumerate(messages.values()):
            stray += not _assign(questions.get(room, []), message, place, answer, mark)
    every = [one for room in questions.values() for one in room]
    return Seen(every, stray, sum(_disorder(room) for room in questions.values()))


def _assign(questions: list[Question], message: Line, place: int, answer: Callable[[str], str], mark: str) -> bool:
    """Note the question that a message answers; False when there is none."""
    text = message.text.removeprefix(mark)
    for one in questions:
        full = answer(one.text)
        if text == full:
            (one.whole if text == message.text else one.marked).append(place)
            one.answered_at = max(one.answered_at, message.at)
            return True
    begun = [one for one in questions if answer(one.text).startswith(text)]
    if begun:  # a first word fits every question of a room; its order says which one
        next((one for one in begun if not one.answered), begun[0]).halves.append(place)
    return bool(begun)


def _disorder(room: list[Question]) -> int:
    """How many answers stand above the answer to an earlier question."""
    first = [min(one.whole + one.marked) for one in room if one.answered]
    return sum(later < earlier for earlier, later in pairwise(first))
