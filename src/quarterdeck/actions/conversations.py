"""A conversation on the console as a thing: begun before anything is said in it, named, given a model."""

from collections.abc import Callable

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput
from quarterdeck.flow.directory import Directory
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.principal import Principal
from quarterdeck.model.inbound import Room, Sender
from quarterdeck.store import people, sessions
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Riding, nothing_rides, operation
from quarterdeck.store.sessions import NewSession, Session

CONNECTION = "web"


class Conversations:
    """The use cases of beginning one and of changing what it is called and which model answers."""

    def __init__(
        self, store: Store, directory: Directory, auditor: Auditor, clock: Clock, new_id: Callable[[str], str]
    ) -> None:
        self._store = store
        self._directory = directory
        self._auditor = auditor
        self._clock = clock
        self._new_id = new_id

    async def begin(
        self, principal: Principal, assistant: str, title: str, riding: Riding[Session] = nothing_rides
    ) -> Session:
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
        session = sessions.fresh(new, now)  # its room is new
        await self._store.commit(
            operation(
                "session",
                people.know_room(CONNECTION, room, now),
                people.know_identity(CONNECTION, sender, now),
                sessions.create(new, now),
                self._auditor.record(
                    "change.session.created", principal.actor, about, outcome="done", content=title.encode()
                ),
                riding(session),
            )
        )
        return session

    async def edit(self, session: Session, title: str, model: str, actor: Actor) -> Session:
        """Another title and model for the next turns (empty: the assistant's own), if nobody was faster.

        Raises BadInput for a model that the assistant has not, ExpectationFailed when somebody was.
        """
        if model:
            assistant = self._directory.assistant(session.assistant)
            allowed = (assistant.model, *assistant.fallback)
            if model not in allowed:
                raise BadInput("model", f"there is no model {model!r} here", f"Choose one of {', '.join(allowed)}.")
        about = Subject(assistant=session.assistant, session=session.id, resource=session.id)
        content = msgspec.json.encode({"title": title, "model": model})
        record = self._auditor.record("change.session.edited", actor, about, outcome="done", content=content)
        await self._store.commit(operation("session", sessions.edit(session, title, model), record))
        return msgspec.structs.replace(session, title=title, model=model)
