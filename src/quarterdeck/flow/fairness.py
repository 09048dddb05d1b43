"""Who is next? Keys wait in line within their group, and groups take turns, so that a busy one holds up no other.

A group is a connection. It has at most OTHERS times as many places as it leaves free: whatever hangs there, there is a
place for others.
"""

from collections import Counter, OrderedDict
from typing import Final

OTHERS: Final = 9  # so that one group alone has nine places in ten; of fewer than ten, all


class Queue:
    """Keys that wait for a place, and how many places each group has."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()  # by group; whose turn it is comes first
        self._groups: dict[str, str] = {}  # of each key that waits
        self._places: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._groups)

    def __contains__(self, key: str) -> bool:
        return key in self._groups

    def add(self, key: str, group: str) -> None:
        """Let a key wait. One that waits already keeps its place in line."""
        if key not in self._groups:
            self._groups[key] = group
            self._lines.setdefault(group, OrderedDict())[key] = None

    def take(self, free: int) -> tuple[str, str] | None:
        """The next key with its group: it has one of so many free places then. None where nobody may have one."""
        group = next((group for group in self._lines if self.may(group, free)), None)
        if group is None:
            return None
        line = self._lines.pop(group)
        key, _ = line.popitem(last=False)
        if line:
            self._lines[group] = line  # behind all others
        del self._groups[key]
        self._places[group] += 1
        return key, group

    def full(self, free: int) -> bool:
        """Whether somebody waits, and nobody of those may have a place."""
        return bool(self._lines) and not any(self.may(group, free) for group in self._lines)

    def may(self, group: str, free: int) -> bool:
        """Whether a group may have one more of so many free places."""
        return self._places[group] < OTHERS * free

    def sit(self, group: str) -> None:
        """A group has a place without having waited for it."""
        self._places[group] += 1

    def leave(self, group: str) -> None:
        """A place is free again."""
        self._places[group] -= 1
        if not self._places[group]:
            del self._places[group]
