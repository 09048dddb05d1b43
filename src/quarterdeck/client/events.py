"""From the bytes of a stream of server-sent events to events (the HTML standard's event stream format)."""

from collections.abc import Mapping
from typing import cast

import msgspec

MOST_BYTES = 4 * 1024 * 1024  # of one event
BYE = "bye"  # the gateway stops; a stream is opened again behind the newest cursor
DELTA = "delta"


class Event(msgspec.Struct, frozen=True):
    """One event. `cursor` is empty for a piece of a growing answer (`delta`), which is shown once and kept nowhere."""

    kind: str
    cursor: str
    data: Mapping[str, object]

    def text(self, name: str) -> str:
        """A text of the data; empty when it is not there."""
        found = self.data.get(name, "")
        return found if isinstance(found, str) else ""

    def number(self, name: str) -> int:
        """A number of the data; 0 when it is not there."""
        found = self.data.get(name, 0)
        return found if isinstance(found, int) else 0

    def names(self, name: str) -> list[str]:
        """A list of ids of the data."""
        found = self.data.get(name)
        return [str(one) for one in cast("list[object]", found)] if isinstance(found, list) else []


class Parser:
    """Takes a stream line by line; gives an event at the blank line behind it."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}
        self._size = 0

    def line(self, line: bytes) -> Event | None:
        """One line, with or without its end. Raises ValueError when an event is too large or no JSON."""
        text = line.decode().rstrip("\r\n")
        if text.startswith(":"):
            return None
        if text:
            name, _, value = text.partition(":")
            self._size += len(text)
            if self._size > MOST_BYTES:
                raise ValueError(f"an event has more than {MOST_BYTES} bytes")
            before = self._fields.get(name)
            value = value.removeprefix(" ")
            self._fields[name] = f"{before}\n{value}" if name == "data" and before is not None else value
            return None
        fields, self._fields, self._size = self._fields, {}, 0
        if "data" not in fields:
            return None
        data: dict[str, object] = msgspec.json.decode(fields["data"], type=dict[str, object])
        return Event(fields.get("event", "message"), fields.get("id", ""), data)
