"""Who is who: identities, and which of them are one person."""

import msgspec

from quarterdeck.api.control.lists import Page
from quarterdeck.api.control.parts import Caller, Parts, Rows
from quarterdeck.api.shown import moment
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
