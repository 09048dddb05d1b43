"""A Permit allows exactly one attempt of one action on one route. Only the gate can make one.

It lives in memory only. Whoever performs the effect spends it on what it is about to do: a different
digest, a different route or a second spending raises NotAllowed before anything leaves the process.
"""

from typing import Final

from quarterdeck.base.errors import NotAllowed
from quarterdeck.base.standing import ALONE, Standing
from quarterdeck.model.action import Action, StreamTo


class MintingKey:
    """Held by the gate; without it no Permit can be constructed. Permits hold while the process has its standing."""

    __slots__ = ("standing",)

    def __init__(self, standing: Standing = ALONE) -> None:
        self.standing: Final = standing


class Permit:
    """The right to do one action once."""

    __slots__ = ("_digest", "_route", "_spent", "_standing", "intent_id")

    def __init__(self, key: MintingKey, intent_id: str, digest: str, route: str) -> None:
        if type(key) is not MintingKey:
            raise NotAllowed("permit", "a permit was made outside the gate", "Ask the gate.")
        self.intent_id: Final = intent_id
        self._digest = digest
        self._route = route
        self._standing = key.standing
        self._spent = False

    def spend(self, action: Action) -> None:
        """Allow `action` now. Raises NotAllowed when it is not what was permitted, or was done already, and CutOff
        where this process may begin nothing.
        """
        if self._spent:
            raise NotAllowed("permit.once", f"intent {self.intent_id} was already attempted", "Commit a new intent.")
        if action.route != self._route or action.digest() != self._digest:
            raise NotAllowed(
                "permit.digest",
                f"intent {self.intent_id} allows another action",
                "Commit an intent for this one.",
            )
        self._standing.check()
        self._spent = True

    @property
    def spent(self) -> bool:
        """Whether it was used up."""
        return self._spent


class StreamPermit:
    """The right to show and edit one growing answer in one room, and to signal typing there, until it is closed."""

    __slots__ = ("_digest", "_open", "_standing", "intent_id")

    def __init__(self, key: MintingKey, intent_id: str, digest: str) -> None:
        if type(key) is not MintingKey:
            raise NotAllowed("permit", "a permit was made outside the gate", "Ask the gate.")
        self.intent_id: Final = intent_id
        self._digest = digest
        self._standing = key.standing
        self._open = True

    def check(self, action: StreamTo) -> None:
        """Allow one more update of the message. Raises NotAllowed for another room or delivery, or after `close`, and
        CutOff where this process may begin nothing.
        """
        self._standing.check()
        if not self._open or action.digest() != self._digest:
            raise NotAllowed("permit.stream", "the stream's permit does not cover this", "Commit a new intent.")

    def close(self) -> None:
        """The turn is over; nothing more may be shown under this permit."""
        self._open = False


class PresencePermit:
    """A turn's right to show presence (typing, a reaction) in its own room; it expires with the turn."""

    __slots__ = ("_open", "route")

    def __init__(self, key: MintingKey, route: str) -> None:
        if type(key) is not MintingKey:
            raise NotAllowed("permit", "a permit was made outside the gate", "Ask the gate.")
        self.route: Final = route
        self._open = True

    def check(self, connection: str, room: str) -> None:
        """Raises NotAllowed for another room, or after the turn's end."""
        if not self._open or self.route != f"{connection}/{room}":
            raise NotAllowed("permit.presence", "presence is allowed in the turn's room only", "Ask the gate.")

    def close(self) -> None:
        """The turn is over."""
        self._open = False
