"""Who is asking at a door, and what may that one do there?

A principal is made from a proof (an access token, a browser's cookie) by the use cases in `actions/`; doors only
ask it `may`.
"""

from collections import OrderedDict
from typing import Literal, get_args

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.governance.leaf import Actor

Scope = Literal["chat", "read", "operate", "approve", "audit", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

RECALL_SECONDS = 5.0  # how long a revocation made by another process may go unseen
RECALL_MOST = 1_000


class Principal(msgspec.Struct, frozen=True):
    """One who proved something. `id` is the token's id, or `owner` for a signed-in browser."""

    id: str
    kind: Literal["token", "browser", "nobody"]
    name: str
    scopes: frozenset[Scope]

    def may(self, *any_of: Scope) -> bool:
        """Whether one of these scopes is held; `admin` holds all, `operate` holds `read`."""
        held = self.scopes
        return "admin" in held or any(scope in held or (scope == "read" and "operate" in held) for scope in any_of)

    @property
    def actor(self) -> Actor:
        """How the audit log names it."""
        return Actor(id=self.id, kind="operator")


NOBODY = Principal("nobody", "nobody", "", frozenset())
OWNER = Principal("owner", "browser", "Owner", frozenset(SCOPES))  # the machine itself made the link


class Recall:
    """Principals by the hash of their proof, for a few seconds, so that not every request reads the database."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[Principal, float | None, float]] = OrderedDict()
        self.generation = 0

    def get(self, proof: bytes) -> Principal | None:
        """The principal, unless it is not known, known for too long, or expired."""
        if (found := self._known.get(proof)) is None:
            return None
        principal, expires_at, until = found
        if self._clock.monotonic() >= until or (expires_at is not None and self._clock.now() >= expires_at):
            del self._known[proof]
            return None
        return principal

    def put(self, proof: bytes, principal: Principal, expires_at: float | None, generation: int) -> None:
        """Remember what was read in `generation`; nothing when something was revoked since then."""
        if generation != self.generation:
            return
        self._known[proof] = (principal, expires_at, self._clock.monotonic() + RECALL_SECONDS)
        if len(self._known) > RECALL_MOST:
            self._known.popitem(last=False)

    def forget(self) -> None:
        """Something was revoked: read everything again."""
        self._known.clear()
        self.generation += 1
