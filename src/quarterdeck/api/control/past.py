"""What was said: find it, give it out, begin anew from it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from quarterdeck.api.control.parts import Caller, Parts, Rows
from quarterdeck.api.control.shows import One
from quarterdeck.api.shown import moment
from quarterdeck.base.errors import BadInput
from quarterdeck.governance.principal import OWNER
from quarterdeck.store import search

PIECE = 100_000  # characters of an export in one row


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to look for: all words, the last one may be a beginning; of one session, or of all."""

    words: str
    session: str = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str = ""


class Wanted(One, frozen=True, forbid_unknown_fields=True):
    """Which conversation, in which form."""

    format: str = "markdown"


class Place(One, frozen=True, forbid_unknown_fields=True):
    """Which conversation, up to which message."""

    at: str = ""


async def search_sessions(parts: Parts, caller: Caller, ask: Words) -> Rows:
    """Messages that hold the words, newest first. What was said in the last second may not be found yet."""
    if not parts.url:
        while await parts.indexer.slice():  # nobody else does it while no gateway runs
            pass
    if ask.cursor and not ask.cursor.isdigit():
        raise BadInput("cursor", f"{ask.cursor!r} is no cursor", "Take the id of the last row seen.")
    for one in await search.find(parts.store, ask.words, ask.session, int(ask.cursor or "0"), ask.limit):
        yield {
            "id": str(one.id),
            "state": one.role,
            "created_at": moment(one.created_at),
            "session": one.session_id,
            "position": one.position,
            "part": one.part,
            "connection": one.connection,
            "assistant": one.assistant,
            "title": one.title,
            "snippet": one.snippet,
        }


async def export_session(parts: Parts, caller: Caller, ask: Wanted) -> Rows:
    """A conversation as text, in pieces."""
    made = await parts.exports.begin(ask.id, ask.format, caller.actor)
    async for text in made.pieces:
        for start in range(0, len(text), PIECE):
            yield {"text": text[start : start + PIECE]}


async def fork_session(parts: Parts, caller: Caller, ask: Place) -> Rows:
    """A new conversation on the web page with a copy of the history."""
    made = await parts.forks.fork(ask.id, ask.at, OWNER, caller.actor)
    yield {
        "id": made.id,
        "state": made.controller,
        "created_at": moment(made.created_at),
        "assistant": made.assistant,
        "connection": made.connection,
        "forked_from": made.forked_from,
    }
