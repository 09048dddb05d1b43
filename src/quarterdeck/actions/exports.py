"""Exporting a conversation: everything that is stored of it, page by page, so that any length fits into memory."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Literal

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput, NotFound
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import sessions, views
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation
from quarterdeck.store.sessions import Session

if TYPE_CHECKING:
    from quarterdeck.actions.export_forms import Form  # imported when something is exported

PAGE = 100
Format = Literal["markdown", "json", "html"]


class Export(msgspec.Struct, frozen=True):
    """A file that is made while it is read: its name, its media type, its text in pieces."""

    name: str
    media: str
    pieces: AsyncGenerator[str]


class Exports:
    """The use case of exporting a session."""

    def __init__(self, store: Store, auditor: Auditor, clock: Clock) -> None:
        self._store = store
        self._auditor = auditor
        self._clock = clock

    async def begin(self, session_id: str, wanted: str, actor: Actor) -> Export:
        """Record the export, then give it; what is said while it is read is not in it. Raises NotFound, BadInput."""
        from quarterdeck.actions.export_forms import FORMS

        kind = FORMS.get(wanted)
        if kind is None:
            raise BadInput("format", f"{wanted!r} is no format", f"Choose one of: {', '.join(FORMS)}.")
        session = await sessions.get(self._store, session_id)
        if session is None:
            raise NotFound(f"there is no session {session_id}")
        about = Subject(assistant=session.assistant, connection=session.connection, session=session.id)
        record = self._auditor.record("export.session", actor, about, outcome=wanted)
        await self._store.commit(operation("export", record))
        form = kind(session, self._clock.now())
        return Export(f"{session.id}.{form.ending}", form.media, self._pieces(session, form))

    async def _pieces(self, session: Session, form: "Form") -> AsyncGenerator[str]:
        yield form.begin()
        position, part = -1, -1
        while page := await views.messages_behind(self._store, session.id, position, part, session.head, PAGE):
            position, part = page[-1].position, page[-1].part
            turns = await views.turns_named(self._store, {one.turn_id for one in page})
            yield form.messages(page, {turn.id: turn for turn in turns})
        yield form.between()
        if form.lists_turns:
            started, turn_id = -1.0, ""
            while turns := await views.turns_behind(self._store, session.id, started, turn_id, PAGE):
                started, turn_id = turns[-1].started_at, turns[-1].id
                yield form.turns(turns)
        yield form.end()
