"""Log lines: one JSON object per line on stderr, with ids that tie them to sessions, turns and deliveries; or text.

No message content and no secret is ever given to a logger; an exception is logged with its type and place.
"""

import logging
import math
import sys
import time
from collections.abc import Callable
from typing import Final, Literal

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
QUIET_S: Final = 30.0
_MOST: Final = 1000  # different warnings that are remembered


class Level:
    """The least severity that is written; may change while the process runs."""

    def __init__(self, name: str) -> None:
        self.set(name)

    def set(self, name: str) -> None:
        """`debug`, `info`, `warning` or `error`."""
        self._least = _LEVELS[name]

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if _LEVELS.get(method, 20) < self._least:
            raise structlog.DropEvent
        return event


def make_logger(level: Level, form: Literal["auto", "json", "text"]) -> FilteringBoundLogger:
    """The process's logger. Also sends what libraries log (warnings and worse) to the same place.

    `auto` is JSON, but where somebody watches it is text, and only what is wrong.
    """
    watched = form == "auto" and sys.stderr.isatty()
    text = form == "text" or watched
    render = structlog.dev.ConsoleRenderer(colors=False) if text else structlog.processors.JSONRenderer()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, force=True)
    logging.getLogger().handlers[0].setFormatter(_Libraries(text))
    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            level,
            *([_only_trouble] if watched else []),
            Repeats(time.monotonic),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _errors,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(10),
        cache_logger_on_first_use=True,
    )


class Repeats:
    """A warning that is said over and over, word for word, is written once in QUIET_S, then with how often it was left
    out (`repeated`): where the database is away, many say so several times a second.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._said: dict[str, tuple[float, int]] = {}  # what was said: when it was written, how often it was not

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if method != "warning":
            return event
        what, now = repr(sorted(event.items())), self._monotonic()
        written, left_out = self._said.get(what, (-math.inf, 0))
        if now - written < QUIET_S:
            self._said[what] = written, left_out + 1
            raise structlog.DropEvent
        if len(self._said) >= _MOST:
            self._said.clear()
        self._said[what] = now, 0
        return {**event, "repeated": left_out} if left_out else event


class _Libraries(logging.Formatter):
    """What a library logs: where, how bad and which error. Its text could hold what people wrote."""

    def __init__(self, text: bool) -> None:
        super().__init__()
        self._text = text

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        place = f"{record.name}:{record.lineno}"
        if self._text:
            return f"[{record.levelname.lower()}] {place} {error}".rstrip()
        return msgspec.json.encode({"event": place, "level": record.levelname.lower(), "error": error}).decode()


def _only_trouble(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """What goes well is said to people in sentences, by whoever does it."""
    if method in ("debug", "info"):
        raise structlog.DropEvent
    return event


def _errors(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """An exception as its type and the place that raised it; its message may hold what people wrote."""
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["error_at"] = _place(error)
    return event


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rpartition('quarterdeck/')[2]}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    return place
