"""Is what an endpoint sends a stream of events, or one JSON value in its place? Pure: bytes, cut anywhere, in."""

from collections.abc import Sequence

from quarterdeck.providers.http.sse import EventParser

MAX_EVENT = 1024 * 1024
"""Bytes of one line of a stream; a longer one is not an answer."""

OVERLONG = f"sent a line of more than {MAX_EVENT} bytes"


class Body:
    """The body of an answer while it comes. One that begins with one of `values` is no stream."""

    def __init__(self, values: tuple[bytes, ...] = (b"{",)) -> None:
        self._values = values
        self._begun = False
        self._whole: list[bytes] | None = None
        self._events = EventParser()

    @property
    def whole(self) -> bytes | None:
        """All that came, where it is no stream."""
        return None if self._whole is None else b"".join(self._whole)

    @property
    def overlong(self) -> bool:
        """Whether a line is longer than any answer's."""
        return self._events.waiting > MAX_EVENT

    def feed(self, chunk: bytes) -> Sequence[bytes]:
        """Take more; the data of the events that end in it."""
        if not self._begun and chunk.strip():
            self._begun = True
            if chunk.lstrip().startswith(self._values):  # an event stream cannot begin so
                self._whole = []
        if self._whole is not None:
            self._whole.append(chunk)
            return ()
        return self._events.feed(chunk)

    def close(self) -> Sequence[bytes]:
        """It is over: what an unfinished last event of a stream holds."""
        return self._events.close()
