"""Who is who: identities, and which of them are one person."""

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from quarterdeck.actions.people import People, Person
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call
from quarterdeck.api.doors import Doors
from quarterdeck.store import persons
from quarterdeck.store.operations import Statement

Reason = Annotated[str, Meta(max_length=500)]


class LinkAsk(asked.Ask, frozen=True):
    """Two identities that are one person."""

    identity: str
    other: str
    reason: Reason = ""


class UnlinkAsk(asked.Ask, frozen=True):
    """An identity that is a person of its own."""

    identity: str
    reason: Reason = ""


class KnownIdentity(msgspec.Struct, frozen=True):
    """One provider-given id; `state` is unknown, allowed or denied, `person` whose it is, if somebody has said so."""

    id: str
    state: str
    person: str | None
    connection: str
    native_id: str
    name: str
    created_at: shown.Moment


class Linked(msgspec.Struct, frozen=True):
    """A person; `goes_on` is, for each assistant, the conversation that all identities share from now on."""

    person: str
    goes_on: dict[str, str]


class PeopleDoor:
    """Identities for whoever operates the gateway."""

    def __init__(self, doors: Doors) -> None:
        self._store = doors.store
        self._people = People(doors.store, doors.directory, doors.auditor, doors.new_id)

    async def list_people(self, call: Call, ask: asked.Paged) -> shown.Page[KnownIdentity]:
        """GET /api/v1/people."""
        found = await persons.listed(self._store, ask.limit, ask.cursor)
        items = [
            KnownIdentity(
                one.id, one.state, one.person_id, one.connection, one.native_id, one.name, shown.moment(one.created_at)
            )
            for one in found
        ]
        return shown.Page(items, found[-1].id if len(found) == ask.limit else None)

    async def link_people(self, call: Call, ask: LinkAsk) -> Linked:
        """POST /api/v1/people/link."""
        person = await self._people.link(
            ask.identity, ask.other, call.principal.actor, ask.reason, partial(_kept, call)
        )
        return Linked(person, await persons.sessions_of(self._store, person))

    async def unlink_people(self, call: Call, ask: UnlinkAsk) -> Linked:
        """POST /api/v1/people/unlink."""
        person = await self._people.unlink(ask.identity, call.principal.actor, ask.reason, partial(_kept, call))
        return Linked(person, {})


def _kept(call: Call, person: Person) -> list[Statement]:
    return call.keep(Linked(person.id, person.goes_on))
