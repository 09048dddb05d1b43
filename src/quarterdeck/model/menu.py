"""What can be chosen while somebody types: the chat commands, as a messenger shows them."""

from collections.abc import Mapping

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A command without its slash, and a few words on what it does."""

    command: str
    description: str


Menu = Mapping[str, tuple[Entry, ...]]
"""By the language (BCP 47) that a person's app has; the empty one is for all others."""
