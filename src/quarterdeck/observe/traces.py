"""What is a trace made of, and where do its spans wait until they are shipped? Memory only, and little of it.

One turn is one trace. Every id is derived, so nothing of a trace is stored: the trace's id is the number in the turn's
id, a span's comes from the id of what it is about. What an attempt does after a crash lands in the trace that an
earlier one has begun. No content is ever put into a span.
"""

from collections import deque
from collections.abc import Mapping
from hashlib import blake2b
from typing import Literal

import msgspec

from quarterdeck.observe.metrics import Metrics

MOST = 4096  # spans that wait; further ones are dropped and counted


class Span(msgspec.Struct, frozen=True):
    """One piece of work of a turn. `began` is in Unix seconds; `error` names a kind of failure, empty for none.

    `about` is the id of what it is about: an intent, an inbox row. Where that is the turn itself it is the root, under
    which all others are.
    """

    name: str
    turn: str
    about: str
    began: float
    seconds: float
    attributes: Mapping[str, str | int | tuple[str, ...]]
    kind: Literal["internal", "client"] = "internal"
    error: str = ""

    @property
    def root(self) -> bool:
        """Whether it is the turn itself."""
        return self.about == self.turn


def trace_id(turn: str) -> int:
    """128 bits: `turn_018f...` is the trace `0000018f...`."""
    return int(turn.partition("_")[2], 16)


def span_id(about: str) -> int:
    """64 bits."""
    return int.from_bytes(blake2b(about.encode(), digest_size=8).digest(), "big")


class Traces:
    """Spans on their way; recording one never waits and never fails."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waiting: deque[Span] = deque()

    def record(self, span: Span) -> None:
        """A piece of work has ended."""
        if len(self._waiting) >= MOST:
            self._metrics.spans("queue_full", 1)
            return
        self._waiting.append(span)

    def take(self, most: int) -> list[Span]:
        """The oldest of them, which wait no more."""
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
