"""How times, amounts and states are written on the console's pages. Moments are Unix seconds, shown in UTC."""

from collections.abc import Mapping
from datetime import UTC, datetime

TONES: Mapping[str, str] = {
    "dead_lettered": "bad", "failed": "bad", "refused": "bad", "unknown": "bad", "lost": "bad", "error": "bad",
    "denied": "bad", "damaged": "bad", "FAIL": "bad", "WARN": "warn", "changed": "bad", "down": "bad", "expired": "bad",
    "held": "warn", "waiting": "warn", "stopped": "warn", "superseded": "warn", "skipped": "warn", "invalid": "warn",
    "paused": "warn", "dismissed": "warn", "unwritten": "warn", "begun": "busy", "died": "bad", "draining": "warn",
    "running": "busy", "taken": "busy", "sending": "busy", "streaming": "busy", "ready": "busy", "open": "busy",
}  # fmt: skip
"""State or outcome -> how it is coloured; all others are well."""


def tone(state: str) -> str:
    """bad, warn, busy or good."""
    return TONES.get(state, "good")


def plain(state: str) -> str:
    """A state's name as people read it."""
    return state.replace("_", " ")


def exact(moment: float) -> str:
    """`2026-01-31 14:05:09 UTC`."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


def machine(moment: float) -> str:
    """For `datetime` of a `<time>`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def ago(moment: float, now: float) -> str:
    """`now`, `5 min ago`, `3 h ago`, `2 d ago`, `in 4 min`, else the date."""
    minutes = int(abs(now - moment) // 60)
    if minutes < 1:
        return "now"
    if minutes >= 7 * 24 * 60:
        return f"{datetime.fromtimestamp(moment, UTC):%d %b %Y}"
    if minutes < 60:
        words = f"{minutes} min"
    elif minutes < 24 * 60:
        words = f"{minutes // 60} h"
    else:
        words = f"{minutes // (24 * 60)} d"
    return f"{words} ago" if moment <= now else f"in {words}"


def seconds(duration: float) -> str:
    """`0.4 s`, `12 s`, `2 min 5 s`."""
    if duration < 10:
        return f"{max(duration, 0):.1f} s"
    return f"{duration:.0f} s" if duration < 60 else f"{int(duration // 60)} min {int(duration % 60)} s"


def count(number: int, one: str, many: str = "") -> str:
    """`1 part`, `3 parts`, `1,204 parts`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def short(text: str, most: int = 200) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}\u2026"
