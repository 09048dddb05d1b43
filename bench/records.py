"""What do the stand-ins' records say about each message?

The stand-ins run on one machine and stamp their lines with the same clock, so that times of two records can be
subtracted. A message is known by its text: every text is said once, and the model answers `re: TEXT`. Where a long
past is summarized, the model is asked about the written-out past, which begins with who spoke.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

Line = dict[str, object]
ANSWER = "re: "
PAST = "Ada: "
ASKED_TWICE = "a message that the model was asked twice about"
NO_FIRST = "a send that is no first answer"
ENDED_WELL = (200, None, 0)  # the last two: a poll that the gateway's end cut short


class Tail:
    """Reads the lines that were appended to a file since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._decode = msgspec.json.Decoder(Line).decode

    def lines(self) -> Iterator[Line]:
        """New complete lines, oldest first."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            new = file.read()
        end = new.rfind(b"\n") + 1
        self._at += end
        for line in new[:end].splitlines():
            yield self._decode(line)


class Book:
    """When each message was offered and confirmed (by its number at the platform), when the model was asked and
    had answered it, and when the answer was sent (by its text). Times are seconds since 1970; `summaries` counts the
    summaries that the model was asked for, `strange` what should not be. Of several platforms each has numbers of its
    own: `number`.
    """

    def __init__(self, platforms: Sequence[Path], model: Path) -> None:
        self.offered: dict[int, float] = {}
        self.confirmed: dict[int, float] = {}
        self.asked: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.sent: dict[str, float] = {}
        self.summaries = 0
        self.strange: Counter[str] = Counter()
        self._platforms = [Tail(platform) for platform in platforms]
        self._model = Tail(model)
        self._requests: dict[int, str] = {}

    def read(self) -> None:
        """Take in what is new."""
        for place, platform in enumerate(self._platforms):
            for line in platform.lines():
                self._of_platform(line, place)
        for line in self._model.lines():
            self._of_model(line)

    def number(self, place: int, number: int) -> int:
        """What the platform at this place calls `number`."""
        return number * len(self._platforms) + place

    def _of_platform(self, line: Line, place: int) -> None:
        at = _number(line, "at")
        match line["event"]:
            case "inject":
                self.offered[self.number(place, int(_number(line, "seq")))] = at
            case "injected":
                self.offered[self.number(place, int(_number(line, "update_id")))] = at
            case "ack":
                self._confirm(place, line["seqs"], at)
            case "acked":
                self._confirm(place, line["update_ids"], at)
            case "message" | "sent":
                self._send(line, at)
            case "end" | "response":
                self._ended(line, "platform")
            case _:
                return

    def _confirm(self, place: int, numbers: object, at: float) -> None:
        self.confirmed.update((self.number(place, one), at) for one in _numbers(numbers))

    def _send(self, line: Line, at: float) -> None:
        text = str(line.get("text", ""))
        if line.get("repeated") or not text.startswith(ANSWER):
            self.strange[NO_FIRST] += 1
            return
        self._once(self.sent, text.removeprefix(ANSWER), at, "an answer that was sent twice")

    def _of_model(self, line: Line) -> None:
        n = int(_number(line, "n"))
        if line["event"] == "request":
            text, at = str(line["text"]), _number(line, "at")
            self._requests[n] = text
            if text.startswith(PAST):
                self.summaries += 1
            else:
                self._once(self.asked, text, at, ASKED_TWICE)
        else:
            text = self._requests.pop(n, "")
            if not text.startswith(PAST):
                self.answered[text] = self.asked.get(text, 0.0) + _number(line, "seconds")
            self._ended(line, "model")

    def _once(self, times: dict[str, float], text: str, at: float, twice: str) -> None:
        if text in times:
            self.strange[twice] += 1
        times[text] = at

    def _ended(self, line: Line, whose: str) -> None:
        if line["status"] not in ENDED_WELL:
            self.strange[f"a request that the {whose} answered with {line['status']}"] += 1


def _number(line: Line, name: str) -> float:
    value = line[name]
    assert isinstance(value, int | float)
    return value


def _numbers(value: object) -> list[int]:
    assert isinstance(value, list)
    return [int(str(item)) for item in value]
