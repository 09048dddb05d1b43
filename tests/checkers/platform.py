"""What did people do, and what did rooms show? One value, read from the JSON lines of the stand-ins.

The lines are those of the loopback stand-in. Another platform's record is translated to them (`telegram`), and who
knocks at a door of ours writes them down itself: what is said there has no id of a platform, so that it is a
revision of the nameless message of its room.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

MARK = "(This may be a repeat.)\n"
"""What the product promises to put before a repeat that may be one too many."""

DOORS = frozenset(("web", "api", "terminal"))
"""Connections on which a delivery is a row that is read, so that nothing arrives anywhere else."""

Line = Mapping[str, object]


class Injected(msgspec.Struct, frozen=True):
    """One event that was put on the feed; `text` is empty in a record that does not hold it.

    A press has an id of its own, and names the `message` and the `value` of its button.
    """

    seq: int
    kind: str
    id: str
    revision: int
    room: str
    text: str = ""
    message: str = ""
    value: str = ""


class Button(msgspec.Struct, frozen=True):
    """One button under a message."""

    label: str
    value: str


class Entry(msgspec.Struct):
    """One message of the bot as its room shows it; `text` is the newest, `first` the one it came with.

    `buttons` are those that it has now.
    """

    room: str
    id: str
    key: str | None
    first: str
    text: str
    buttons: Sequence[Sequence[Button]] = ()

    @property
    def marked(self) -> bool:
        """Whether people can see that it may be a repeat."""
        return self.text.startswith(MARK) or self.text == MARK.strip()

    @property
    def bare(self) -> str:
        """Its text without the mark."""
        return "" if self.text == MARK.strip() else self.text.removeprefix(MARK)


class Effect(msgspec.Struct, frozen=True):
    """One request to the effect target."""

    key: str | None
    body: str


class Platform(msgspec.Struct, frozen=True):
    """Everything that matters, in the order in which it happened.

    `acked` are the confirmed seqs, `told` the presses that were answered.
    """

    injected: tuple[Injected, ...] = ()
    acked: frozenset[int] = frozenset()
    entries: tuple[Entry, ...] = ()
    effects: tuple[Effect, ...] = ()
    told: frozenset[str] = frozenset()

    def room(self, name: str) -> list[Entry]:
        """What the bot wrote in a room, in the order in which it appeared."""
        return [entry for entry in self.entries if entry.room == name]


def read_lines(path: Path) -> list[Line]:
    """The lines of a record file, none where there is no file; one that is still being written is left out."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=dict[str, object]) for line in lines]


def from_lines(lines: Iterable[Line]) -> Platform:
    """The record as one value."""
    injected: list[Injected] = []
    acked: set[int] = set()
    entries: dict[tuple[str, str], Entry] = {}
    effects: list[Effect] = []
    told: set[str] = set()
    for line in lines:
        match line["event"]:
            case "inject":
                injected.append(msgspec.convert(line, Injected))
            case "ack":
                acked |= set(msgspec.convert(line["seqs"], list[int]))
            case "message" if not line["repeated"]:
                fields = {**line, "first": line["text"]}
                entry = msgspec.convert(fields, Entry)
                entries[entry.room, entry.id] = entry
            case "edit":
                entries[str(line["room"]), str(line["id"])].text = str(line["text"])
            case "unbutton":
                entries[str(line["room"]), str(line["id"])].buttons = ()
            case "told":
                told.add(str(line["press"]))
            case "effect":
                effects.append(msgspec.convert(line, Effect))
            case _:
                continue
    return Platform(tuple(injected), frozenset(acked), tuple(entries.values()), tuple(effects), frozenset(told))
