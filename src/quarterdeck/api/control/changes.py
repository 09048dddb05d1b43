"""What changes something: each a use case of `actions/`, done in the caller's name."""

import re
from typing import Literal

import msgspec

from quarterdeck.api.control.parts import Caller, Nothing, Parts, Rows
from quarterdeck.api.control.shows import One
from quarterdeck.api.shown import moment, moment_or_none
from quarterdeck.base.errors import BadInput, Conflict

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Because(One, frozen=True, forbid_unknown_fields=True):
    """Which one, and why."""

    reason: str = ""


class Settlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a delivery."""

    id: str
    outcome: Literal["sent", "failed"]
    reason: str = ""


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code that a stranger was shown."""

    code: str


class Rotation(One, frozen=True, forbid_unknown_fields=True):
    """Which token gets a new text; `overlap` and `expires` are times such as 24h."""

    overlap: str = "24h"
    expires: str | None = None


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token to make; `expires` is a time such as 30d."""

    name: str
    scope: list[str]
    expires: str | None = None


async def reset_session(parts: Parts, caller: Caller, ask: Because) -> Rows:
    """Start a conversation anew."""
    await parts.resets.reset(ask.id, caller.actor, ask.reason)
    yield {"id": ask.id, "state": "reset"}


async def restore_session(parts: Parts, caller: Caller, ask: Because) -> Rows:
    """Drop a conversation's newest summary: what it stood for is shown to the model again."""
    dropped = await parts.mind.restore(ask.id, caller.actor, ask.reason)
    yield {"id": dropped.id, "state": "dropped"}


async def retry_inbox(parts: Parts, caller: Caller, ask: Because) -> Rows:
    """Bring a row back."""
    await parts.inbox.retry(ask.id, caller.actor, ask.reason)
    yield {"id": ask.id, "state": "waiting"}


async def settle_delivery(parts: Parts, caller: Caller, ask: Settlement) -> Rows:
    """Say what became of a delivery."""
    count = await parts.deliveries.settle(ask.id, ask.outcome, caller.actor, ask.reason)
    yield {"id": ask.id, "state": ask.outcome, "parts": count}


async def resend_delivery(parts: Parts, caller: Caller, ask: Because) -> Rows:
    """Send a delivery once more."""
    count = await parts.deliveries.resend(ask.id, caller.actor, ask.reason)
    yield {"id": ask.id, "state": "ready", "parts": count}


async def dismiss_delivery(parts: Parts, caller: Caller, ask: Because) -> Rows:
    """Leave a delivery as it is."""
    count = await parts.deliveries.dismiss(ask.id, caller.actor, ask.reason)
    yield {"id": ask.id, "state": "dismissed", "parts": count}


async def approve_pairing(parts: Parts, caller: Caller, ask: Code) -> Rows:
    """Let somebody in."""
    who = await parts.pairings.approve(ask.code, caller.actor)
    yield {"id": who.id, "state": "allowed", "connection": who.connection, "name": who.name}


async def deny_pairing(parts: Parts, caller: Caller, ask: Code) -> Rows:
    """Keep somebody out."""
    who = await parts.pairings.deny(ask.code, caller.actor)
    yield {"id": who.id, "state": "denied", "connection": who.connection, "name": who.name}


async def create_token(parts: Parts, caller: Caller, ask: NewToken) -> Rows:
    """Make a token; its text is shown here and never again."""
    made = await parts.tokens.create(ask.name, ask.scope, _seconds("expires", ask.expires), caller.actor)
    yield {
        "id": made.id,
        "token": made.token,
        "scopes": list(made.scopes),
        "expires_at": moment_or_none(made.expires_at),
    }


async def rotate_token(parts: Parts, caller: Caller, ask: Rotation) -> Rows:
    """Give a token a new text; it is shown here and never again."""
    overlap = _seconds("overlap", ask.overlap) or 0.0
    made = await parts.tokens.rotate(ask.id, overlap, _seconds("expires", ask.expires), caller.actor)
    yield {
        "id": made.id,
        "token": made.token,
        "scopes": list(made.scopes),
        "expires_at": moment_or_none(made.expires_at),
        "previous_until": moment_or_none(made.previous_until),
    }


async def revoke_token(parts: Parts, caller: Caller, ask: One) -> Rows:
    """End a token."""
    await parts.tokens.revoke(ask.id, caller.actor)
    yield {"id": ask.id, "state": "revoked"}


async def signin(parts: Parts, caller: Caller, ask: Nothing) -> Rows:
    """Make a link that signs one browser in."""
    url = parts.url or _configured_url(parts)
    made = await parts.signin.make_code(caller.actor)
    yield {"url": f"{url}/signin#{made.code}", "expires_at": moment(made.expires_at)}


async def reload(parts: Parts, caller: Caller, ask: Nothing) -> Rows:
    """Put a changed configuration in force."""
    if not parts.url:
        raise Conflict("no gateway runs; the next start reads the configuration")
    result = await parts.configuration.reload(caller.actor)
    for path in result.applied:
        yield {"id": path, "state": "applied"}
    for path in result.needs_restart:
        yield {"id": path, "state": "needs a restart"}


def _configured_url(parts: Parts) -> str:
    server = parts.configuration.current.server
    if server.public_url:
        return server.public_url.rstrip("/")
    if server.port == 0:
        raise Conflict("no gateway runs, and its port is not known before it does; run `quarterdeck up`")
    return f"http://{server.host}:{server.port}"


def _seconds(field: str, text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if found is None:
        raise BadInput(field, f"{text!r} is no time", "Write a number and s, m, h, d or w, such as 30d.")
    return float(int(found[1]) * SECONDS[found[2]])
