"""What was said: find it, give it out, begin anew from it."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from quarterdeck.actions.exports import Exports, Format
from quarterdeck.actions.forks import Forks
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call
from quarterdeck.api.doors import Doors
from quarterdeck.api.sessions import SessionsDoor, number
from quarterdeck.api.streams import Stream
from quarterdeck.store import search
from quarterdeck.store.operations import Statement
from quarterdeck.store.sessions import Session

Query = Annotated[str, Meta(min_length=1, max_length=400, description="Words; the last may be a beginning.")]


class SearchAsk(asked.Paged, frozen=True, kw_only=True):
    """Which messages: those that hold all words; of one session, or of all."""

    q: Query
    session: Annotated[str, Meta(max_length=100)] = ""


class ExportAsk(asked.Ask, frozen=True):
    """In which form."""

    format: Format = "json"


class ForkAsk(asked.Ask, frozen=True):
    """Up to which message: POSITION or POSITION.PART; empty for all."""

    at: Annotated[str, Meta(max_length=40)] = ""


class FoundMessage(msgspec.Struct, frozen=True):
    """A message that holds the words; `id` orders them by when they were said, newest first."""

    id: str
    session: str
    position: int
    part: int
    role: str
    snippet: str
    assistant: str
    connection: str
    title: str
    created_at: shown.Moment


class PastDoor:
    """Histories of conversations, for whoever may read them."""

    def __init__(self, doors: Doors, sessions: SessionsDoor) -> None:
        self._store = doors.store
        self._sessions = sessions
        self._exports = Exports(doors.store, doors.auditor, doors.clock)
        self._forks: Forks = doors.forks

    async def search(self, call: Call, ask: SearchAsk) -> shown.Page[FoundMessage]:
        """GET /api/v1/search."""
        before = int(number(ask.cursor, "cursor", 0))
        found = await search.find(self._store, ask.q, ask.session, before, ask.limit)
        items = [
            FoundMessage(
                str(one.id), one.session_id, one.position, one.part, one.role, one.snippet, one.assistant,
                one.connection, one.title, shown.moment(one.created_at),
            )
            for one in found
        ]  # fmt: skip
        return shown.Page(items, str(found[-1].id) if len(found) == ask.limit else None)

    async def export_session(self, call: Call, ask: ExportAsk) -> Stream:
        """GET /api/v1/sessions/{id}/export."""
        session = await self._sessions.visible(call)
        made = await self._exports.begin(session.id, ask.format, call.principal.actor)
        headers = {
            "content-disposition": f'attachment; filename="{made.name}"',
            "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
            "x-content-type-options": "nosniff",
        }
        return Stream((piece.encode() async for piece in made.pieces), headers=headers, media=made.media)

    async def fork_session(self, call: Call, ask: ForkAsk) -> shown.Session:
        """POST /api/v1/sessions/{id}/fork."""
        session = await self._sessions.visible(call)

        def riding(begun: Session) -> Sequence[Statement]:
            return call.keep(self._sessions.shape(begun, None))

        principal = call.principal
        return await self._sessions.shown(
            await self._forks.fork(session.id, ask.at, principal, principal.actor, riding)
        )
