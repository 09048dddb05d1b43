"""A new conversation on the console, before anything is said in it."""

from collections.abc import Callable

from quarterdeck.base.clock import Clock
from quarterdeck.flow.directory import Directory
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.principal import Principal
from quarterdeck.model.inbound import Room, Sender
from quarterdeck.store import people, sessions
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation
from quarterdeck.store.sessions import NewSession, Session

CONNECTION = "web"


class Conversations:
    """The use case of beginning one."""

    def __init__(
        self, store: Store, directory: Directory, auditor: Auditor, clock: Clock, new_id: Callable[[str], str]
    ) -> None:
        self._store = store
        self._directory = directory
        self._auditor = auditor
        self._clock = clock
        self._new_id = new_id

    async def begin(self, principal: Principal, assistant: str, title: str) -> Session:
        """A session of `principal` in a room of its own. Empty `assistant`: the connection's. Raises NotFound."""
        chosen = self._directory.assistant(assistant or self._directory.connection(CONNECTION).assistant)
        room, sender = Room(self._new_id("conv")), Sender(principal.id, principal.name)
        new = NewSession(
            chosen.id,
            CONNECTION,
            people.room_id(CONNECTION, room.native_id),
            people.identity_id(CONNECTION, sender.native_id),
            title,
        )
        now = self._clock.now()
        about = Subject(assistant=chosen.id, connection=CONNECTION, session=new.id, resource=new.id)
        await self._store.commit(
            operation(
                "session",
                people.know_room(CONNECTION, room, now),
                people.know_identity(CONNECTION, sender, now),
                sessions.create(new, now),
                self._auditor.record(
                    "change.session.created", principal.actor, about, outcome="done", content=title.encode()
                ),
            )
        )
        session = await sessions.get(self._store, new.id)
        assert session is not None  # committed above; sessions are never deleted
        return session
