"""How do bytes, cut anywhere, become server-sent events? Pure.

The format is WHATWG HTML, "Server-sent events": lines end in LF, CR or CRLF, `data` lines of one event are joined by
LF, a blank line ends it, a line that begins with a colon is a comment. Only the data matters here.
"""

_BOM = b"\xef\xbb\xbf"


class EventParser:
    """Feed it the body; it gives the data of each event that is complete."""

    def __init__(self) -> None:
        self._tail = b""
        self._data: list[bytes] = []
        self._first = True

    @property
    def waiting(self) -> int:
        """Bytes of the line that is not complete yet."""
        return len(self._tail)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that end in `chunk`."""
        buffer = self._tail + chunk
        lines = buffer.splitlines()
        self._tail = b""
        if lines and not buffer.endswith(b"\n"):
            # A CR at the very end may be the first half of a CRLF, so its line stays open too.
            self._tail = lines.pop() + (b"\r" if buffer.endswith(b"\r") else b"")
        return self._take(lines)

    def close(self) -> list[bytes]:
        """The body is over: what an unfinished last event holds. Some endpoints leave out the last blank line."""
        lines = self._tail.splitlines()
        self._tail = b""
        return self._take([*lines, b""])

    def _take(self, lines: list[bytes]) -> list[bytes]:
        found: list[bytes] = []
        for line in lines:
            if self._first:
                line, self._first = line.removeprefix(_BOM), False
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif line == b"data":
                self._data.append(b"")
            elif not line and self._data:
                found.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data = []
        return found
