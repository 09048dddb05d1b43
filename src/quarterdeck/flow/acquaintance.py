"""Whom and what does this process know to be stored already? Losing it costs a statement that changes nothing."""

from collections import OrderedDict
from collections.abc import Sequence

from quarterdeck.model.inbound import Inbound
from quarterdeck.store import people
from quarterdeck.store.operations import Statement
from quarterdeck.words.languages import spoken

KNOWN = 50_000  # rooms, identities and sessions that are remembered


class Acquaintance:
    """Keys of what a commit has stored; the least recently met are forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def who(self, inbound: Inbound, now: float) -> tuple[list[Statement], tuple[str, ...]]:
        """Statements for a room and an identity that are new to this process, or have a new name; and their keys."""
        room = "|".join(("r", inbound.connection, inbound.room.native_id, inbound.room.title))
        language = spoken(inbound.sender.language) or ""
        sender = "|".join(("i", inbound.connection, inbound.sender.native_id, inbound.sender.name, language))
        statements: list[Statement] = []
        if room not in self._known:
            statements.append(people.know_room(inbound.connection, inbound.room, now))
            if inbound.room.parent:
                statements.append(people.know_parent(inbound.connection, inbound.room, now))
        if sender not in self._known:
            statements.append(people.know_identity(inbound.connection, inbound.sender, now))
        return statements, (room, sender)

    def remember(self, keys: Sequence[str]) -> None:
        """What has been committed."""
        for key in keys:
            self._known[key] = None
            self._known.move_to_end(key)
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
