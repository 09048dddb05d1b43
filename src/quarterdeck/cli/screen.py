"""How is a conversation shown: on a terminal as it grows, or only what was said?"""

import json
import sys
from collections.abc import Callable
from typing import Protocol

from quarterdeck.api.control.wire import Row
from quarterdeck.cli.render import safe, text

CLEAR = "\r\x1b[K"
GOOD = ("answered", "absorbed", "command", "superseded")


class Shown(Protocol):
    """Where an exchange is shown."""

    def row(self, row: Row) -> None: ...


Exchange = Callable[[str, Shown], int]
"""Says one thing, shows all that comes of it, and gives the exit status."""


class Plain:
    """For files, pipes and single answers: texts when they are final, or every row as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def row(self, row: Row) -> None:
        """Show a row."""
        if self._as_json:
            print(json.dumps(row), flush=True)
        elif row["kind"] in ("answer", "notice", "message") and not row.get("partial"):
            print(safe(str(row["text"])) if sys.stdout.isatty() else row["text"], flush=True)


class Screen:
    """For eyes: states while one waits, and the answer while it grows."""

    def __init__(self) -> None:
        self._shown = ""
        self._attempt: object = None

    def row(self, row: Row) -> None:
        """Show a row."""
        match row["kind"]:
            case "state" if not self._shown:
                state = " ".join((str(row["state"]), text(row["tools"]) if "tools" in row else "")).strip()
                self._write(f"{CLEAR}({state})")
            case "delta":
                self._piece(row)
            case "answer" | "notice" | "message":
                self._whole(safe(str(row["text"])))
            case "ended":
                outcome = str(row["outcome"])
                self._write(("\n" if self._shown else CLEAR) + ("" if outcome in GOOD else f"({outcome})\n"))
                self._shown = ""
            case _:
                pass

    def _piece(self, row: Row) -> None:
        attempt, piece = (row["turn"], row["attempt"]), safe(str(row["text"]))
        if self._shown and attempt != self._attempt:
            self._write("\n(again)\n")
            self._shown = ""
        self._write(piece if self._shown else CLEAR + piece)
        self._shown, self._attempt = self._shown + piece, attempt

    def _whole(self, said: str) -> None:
        """A final text; what of it was shown as it grew is not shown again."""
        if self._shown and said.startswith(self._shown):
            self._write(said.removeprefix(self._shown) + "\n")
        else:
            self._write(("\n" if self._shown else CLEAR) + said + "\n")
        self._shown = ""

    def _write(self, shown: str) -> None:
        sys.stdout.write(shown)
        sys.stdout.flush()
