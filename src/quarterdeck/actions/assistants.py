"""Assistants as they are in force: what shapes their answers, and where they are reached."""

from collections.abc import Sequence

import msgspec

from quarterdeck.flow.directory import Directory
from quarterdeck.model.assistant import Assistant


class Employed(msgspec.Struct, frozen=True):
    """An assistant, the digest of all that shapes its answers now, and the connections that use it."""

    assistant: Assistant
    release: str
    connections: tuple[str, ...]


class Assistants:
    """Looks them up. What they are is written in the configuration and in their instruction files."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def all(self) -> Sequence[Employed]:
        """Every assistant, by id."""
        return [self.get(name) for name in sorted(self._directory.assistants)]

    def get(self, name: str) -> Employed:
        """One assistant. Raises NotFound."""
        found = self._directory.assistant(name)
        used_by = sorted(one.name for one in self._directory.connections if one.assistant == name)
        return Employed(found, found.release(), tuple(used_by))
