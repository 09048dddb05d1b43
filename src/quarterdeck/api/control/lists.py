"""Lists. Every row has `id`, `state` and `created_at`, newest first; `cursor` is the id of the last row seen."""

from typing import Annotated

import msgspec
from msgspec import Meta

from quarterdeck.actions.probes import reach
from quarterdeck.api.control.parts import Caller, Nothing, Parts, Rows
from quarterdeck.api.shown import moment, moment_or_none
from quarterdeck.base.errors import NotFound
from quarterdeck.model.message import UserMessage, decode
from quarterdeck.ports import ProviderFailed
from quarterdeck.store import inbox, outbox, people, sessions, turns, views

NEVER = "\U0010ffff"  # behind every id


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much, and behind which row; of those in one state, or of all when it is empty."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str = ""
    state: str = ""


class TurnsPage(Page, frozen=True, kw_only=True):
    """Of one session, or of all."""

    session: str = ""


async def list_sessions(parts: Parts, caller: Caller, ask: Page) -> Rows:
    """Conversations, newest activity first."""
    after = await sessions.get(parts.store, ask.cursor) if ask.cursor else None
    if ask.cursor and after is None:
        raise NotFound(f"there is no session {ask.cursor} to go on behind")
    updated, before = (after.updated_at, after.id) if after else (float("inf"), NEVER)
    for one in await views.sessions(parts.store, "", updated, before, ask.limit):
        yield {
            "id": one.id,
            "state": one.controller,
            "created_at": moment(one.created_at),
            "updated_at": moment(one.updated_at),
            "assistant": one.assistant,
            "connection": one.connection,
            "room": one.room_id,
            "title": one.title,
        }


async def list_turns(parts: Parts, caller: Caller, ask: TurnsPage) -> Rows:
    """Turns."""
    for one in await turns.listed(parts.store, ask.session, ask.limit, ask.cursor):
        yield {
            "id": one.id,
            "state": one.outcome or one.state,
            "created_at": moment(one.started_at),
            "ended_at": moment_or_none(one.ended_at),
            "session": one.session_id,
            "model": one.model,
            "attempt": one.attempt,
            "error": one.error,
        }


async def list_inbox(parts: Parts, caller: Caller, ask: Page) -> Rows:
    """What was accepted, and what became of it."""
    for row in await inbox.listed(parts.store, ask.state, ask.limit, ask.cursor):
        message = decode(row.content)
        yield {
            "id": row.id,
            "state": row.outcome or row.state,
            "created_at": moment(row.created_at),
            "ended_at": moment_or_none(row.ended_at),
            "connection": row.connection,
            "session": row.session_id,
            "turn": row.turn_id,
            "takes": row.takes,
            "detail": row.detail,
            "text": message.text if isinstance(message, UserMessage) else "",
        }


async def list_deliveries(parts: Parts, caller: Caller, ask: Page) -> Rows:
    """What was or will be sent."""
    for one in await outbox.listed(parts.store, ask.state, ask.limit, ask.cursor):
        yield {
            "id": one.id,
            "state": one.state,
            "created_at": moment(one.created_at),
            "kind": one.kind,
            "connection": one.connection,
            "room": one.room_id,
            "session": one.session_id,
            "turn": one.turn_id,
            "parts": one.parts,
            "text": one.words,
            "error": one.error,
        }


async def list_pairings(parts: Parts, caller: Caller, ask: Page) -> Rows:
    """Strangers who want to be let in."""
    now = parts.clock.now()
    for one in await people.pairings(parts.store, ask.state, ask.limit, ask.cursor):
        who = await people.wisher(parts.store, one)
        yield {
            "id": one.id,
            "state": "expired" if one.state == "asked" and one.expires_at <= now else one.state,
            "created_at": moment(one.created_at),
            "expires_at": moment(one.expires_at),
            "decided_at": moment_or_none(one.decided_at),
            "code": one.code,
            "kind": who.kind,
            "connection": who.connection,
            "name": who.name,
            "native_id": who.native_id,
        }


async def list_tokens(parts: Parts, caller: Caller, ask: Page) -> Rows:
    """Access tokens, without their text."""
    for one in await parts.tokens.list(ask.limit, ask.cursor):
        yield {
            "id": one.id,
            "state": one.state,
            "created_at": moment(one.created_at),
            "expires_at": moment_or_none(one.expires_at),
            "used_at": moment_or_none(one.used_at),
            "previous_until": moment_or_none(one.previous_until),
            "name": one.name,
            "scopes": list(one.scopes),
        }


async def list_models(parts: Parts, caller: Caller, ask: Nothing) -> Rows:
    """The models that each provider's key can reach; one row for a provider that cannot be asked."""
    used = set(parts.directory.models)
    for name in dict.fromkeys(route.partition("/")[0] for route in parts.directory.models):
        try:
            for model in await parts.directory.provider(name).models():
                route = f"{name}/{model.name}"
                yield {"id": route, "state": "used" if route in used else "offered", "created_at": None, "detail": ""}
        except ProviderFailed as error:
            yield {"id": f"{name}/", "state": reach(error), "created_at": None, "detail": str(error)}
