"""What is told of a scene, and how does it look? To people while it happens, to programs as one object at its end."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

WIDEST, NARROWEST = 100, 40
LABEL = 11  # columns of "Evidence   "

Say = Callable[[str, str], None]
Fact = int | float | str | bool


@dataclass
class Account:
    """One scene: its claim, what was done, what the other side saw, how long it took."""

    name: str
    claim: str
    say: Say
    done: list[str] = field(default_factory=list[str])
    evidence: list[str] = field(default_factory=list[str])
    facts: dict[str, Fact] = field(default_factory=dict[str, Fact])
    failures: list[str] = field(default_factory=list[str])
    seconds: float = 0.0
    _label: str = ""

    def did(self, text: str) -> None:
        """Something was done."""
        self._say("Done", text)
        self.done.append(text)

    def saw(self, text: str, facts: Mapping[str, Fact]) -> None:
        """Something was found; `facts` are its numbers."""
        self._say("Evidence", text)
        self.evidence.append(text)
        self.facts.update(facts)

    def took(self, seconds: float, what: str) -> None:
        """The measured time."""
        self.seconds = seconds
        self.say("Time", f"{seconds:.1f} s {what}")

    def hold(self, kept: bool, otherwise: str) -> None:
        """The claim needs this to be so."""
        if not kept:
            self.failures.append(otherwise)
            self.say("Failed", otherwise)

    def _say(self, label: str, text: str) -> None:
        """The label stands where it changes."""
        self.say("" if label == self._label else label, text)
        self._label = label

    @property
    def held(self) -> bool:
        """Whether nothing spoke against the claim."""
        return not self.failures

    def as_json(self) -> str:
        """The whole scene as one object."""
        return json.dumps(
            {
                "id": self.name,
                "state": "held" if self.held else "failed",
                "created_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                "claim": self.claim,
                "done": self.done,
                "evidence": self.evidence,
                "facts": self.facts,
                "failures": self.failures,
                "seconds": round(self.seconds, 3),
            }
        )


@dataclass(frozen=True)
class Paper:
    """Where it is shown: so many columns, with or without colours."""

    columns: int
    colours: bool

    def line(self, label: str, text: str) -> None:
        """A labelled text, wrapped under itself."""
        lines = textwrap.wrap(text, self.columns - LABEL, break_long_words=False, break_on_hyphens=False)
        for n, one in enumerate(lines):
            print(f"{label if n == 0 else '':<{LABEL}}{one}", flush=True)

    def title(self, text: str) -> None:
        """What comes now."""
        print(flush=True)
        for one in textwrap.wrap(text, self.columns):
            print(self._in("1", one), flush=True)

    def verdict(self, held: bool) -> None:
        """How a scene ended."""
        text = "The claim held." if held else "THE CLAIM FAILED."
        print(" " * LABEL + self._in("32" if held else "1;31", text), flush=True)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colours else text


def paper() -> Paper:
    """As wide as the terminal, within reason; plain where nobody watches, or where colours are not wanted."""
    columns = max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Paper(columns, sys.stdout.isatty() and not plain)
