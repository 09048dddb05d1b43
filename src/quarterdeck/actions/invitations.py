"""Inviting somebody: a code that lets in whoever says it first, once, and for ten minutes."""

import secrets
from collections.abc import Callable

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import NotFound
from quarterdeck.flow.invitations import digest_of
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import invitations
from quarterdeck.store.database import Store
from quarterdeck.store.invitations import Invited
from quarterdeck.store.operations import operation

INVITATION_SECONDS = 600.0
CODE_BYTES = 16
KEPT_SECONDS = 86_400.0  # how long one that nobody used stays to be looked at


class Invitation(msgspec.Struct, frozen=True):
    """An invitation as it is shown once; `expires_at` is Unix seconds."""

    id: str
    code: str
    expires_at: float

    def __repr__(self) -> str:
        return f"Invitation(id={self.id!r}, expires_at={self.expires_at})"


class Inviting:
    """The use cases of inviting."""

    def __init__(self, store: Store, auditor: Auditor, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._store = store
        self._auditor = auditor
        self._clock = clock
        self._new_id = new_id

    async def make(self, connection: str, actor: Actor) -> Invitation:
        """Make one for a connection, which this process need not know yet: it may have just been added."""
        now = self._clock.now()
        made = Invitation(self._new_id("pair"), secrets.token_urlsafe(CODE_BYTES), now + INVITATION_SECONDS)
        about = Subject(connection=connection, resource=made.id)
        await self._store.commit(
            operation(
                "pairing",
                invitations.drop(now - KEPT_SECONDS),
                invitations.offer(made.id, digest_of(connection, made.code), now, made.expires_at),
                self._auditor.record("change.pairing.invite", actor, about, outcome="offered"),
            )
        )
        return made

    async def get(self, invitation: str) -> Invited:
        """What came of one. Raises NotFound."""
        found = await invitations.get(self._store, invitation)
        if found is None:
            raise NotFound(f"there is no invitation {invitation}, or it ran out long ago")
        return found
