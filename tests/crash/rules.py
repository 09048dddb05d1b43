"""What do the hooks of a scenario say, and what were they asked and told? One rule for both kinds of hook.

A text with the forbidden word of its place is denied, once: who asks again about the same thing, as after a kill, gets
nothing that can be used, so that the denial holds only where a failure denies too. Every other text is changed: it
bears the id of the question, so that what has gone around the hook can be told by what it lacks.
"""

import re
from pathlib import Path
from typing import Literal

import msgspec

from tests.standins import Record

FORBIDDEN = {"before_model": "never-ask", "before_tool": "never-do", "before_send": "piece 1 of"}
"""An answer in pieces is forbidden as a whole: a single piece that is seen has been seen too early."""

POINTS = tuple(f"{when}_{place}" for when in ("before", "after") for place in ("model", "tool", "send"))
REASON = "that is not wanted here"
STAMP = re.compile(r"\bchecked as (hook_\w+)")
JOURNAL = "hooks.jsonl"

Word = Literal["change", "deny", "break", "told"]


class Line(msgspec.Struct, frozen=True):
    """One call of a hook: `text` is what it was about, `word` what it said, `state` the outcome that it was told."""

    on: str
    id: str
    session: str
    text: str
    word: Word
    state: str = ""


class Rules:
    """The rule, and its memory: the journal outlives whoever keeps it."""

    def __init__(self, journal: Path) -> None:
        self._denied = {(line.on, line.session) for line in read_journal(journal) if line.word == "deny"}
        self._record = Record(journal)

    def ask(self, on: str, name: str, session: str, text: str) -> Word:
        """What is said before: `name` is the call's id."""
        word: Word = "change"
        if FORBIDDEN[on] in text:
            word = "break" if (on, session) in self._denied else "deny"
            self._denied.add((on, session))
        self._write(Line(on, name, session, text, word))
        return word

    def tell(self, on: str, name: str, session: str, text: str, state: str) -> None:
        """What happened."""
        self._write(Line(on, name, session, text, "told", state))

    def close(self) -> None:
        """Let go of the file."""
        self._record.close()

    def _write(self, line: Line) -> None:
        self._record.write(msgspec.structs.asdict(line))


def stamp(name: str) -> str:
    """What a text bears that was asked about under this id."""
    return f"checked as {name}"


def read_journal(path: Path) -> list[Line]:
    """What was asked and told; a last line that is still being written is left out."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [msgspec.json.decode(line, type=Line) for line in lines]
