"""Who is who: identities, which of them are one person, and who is invited."""

import msgspec

from quarterdeck.api.control.lists import Page
from quarterdeck.api.control.parts import Caller, Parts, Rows
from quarterdeck.api.control.shows import One
from quarterdeck.api.shown import moment, moment_or_none
from quarterdeck.base.errors import NotFound
from quarterdeck.store import persons


class Two(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two identities, and why they are one person."""

    identity: str
    other: str
    reason: str = ""


class Lone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An identity, and why it is another person."""

    identity: str
    reason: str = ""


class Where(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On which connection."""

    connection: str


async def list_people(parts: Parts, caller: Caller, ask: Page) -> Rows:
    """Identities with the person that they belong to."""
    for one in await persons.listed(parts.store, ask.limit, ask.cursor):
        yield {
            "id": one.id,
            "state": one.state,
            "created_at": moment(one.created_at),
            "person": one.person_id,
            "connection": one.connection,
            "native_id": one.native_id,
            "name": one.name,
        }


async def link_people(parts: Parts, caller: Caller, ask: Two) -> Rows:
    """Two identities are one person."""
    person = await parts.people.link(ask.identity, ask.other, caller.actor, ask.reason)
    yield {"id": person, "state": "linked", "goes_on": await persons.sessions_of(parts.store, person)}


async def unlink_people(parts: Parts, caller: Caller, ask: Lone) -> Rows:
    """An identity is a person of its own."""
    yield {"id": await parts.people.unlink(ask.identity, caller.actor, ask.reason), "state": "unlinked"}


async def invite(parts: Parts, caller: Caller, ask: Where) -> Rows:
    """Make an invitation; its code is shown here and never again."""
    names = await parts.configuration.connections()
    if ask.connection not in names:
        raise NotFound(f"there is no connection {ask.connection} to invite to; there are: {', '.join(names) or 'none'}")
    made = await parts.inviting.make(ask.connection, caller.actor)
    yield {"id": made.id, "state": "offered", "code": made.code, "expires_at": moment(made.expires_at)}


async def show_invitation(parts: Parts, caller: Caller, ask: One) -> Rows:
    """What came of one. `seconds`: from the message that had its code to the first that was sent back."""
    one = await parts.inviting.get(ask.id)
    expired = one.state == "offered" and one.expires_at <= parts.clock.now()
    yield {
        "id": one.id,
        "state": "expired" if expired else one.state,
        "created_at": moment(one.created_at),
        "expires_at": moment(one.expires_at),
        "decided_at": moment_or_none(one.decided_at),
        "identity": one.identity,
        "name": one.name,
        "greeting": one.sent,
        "seconds": round(one.sent_at - (one.decided_at or 0.0), 3) if one.sent == "sent" else None,
        "error": one.error,
    }
