"""Which session does an act belong to? By the assistant, and by who speaks or where, as the connection has it."""

import msgspec

from quarterdeck.flow.directory import ConnectionRules
from quarterdeck.model.inbound import Room
from quarterdeck.store import people, persons
from quarterdeck.store.database import Store
from quarterdeck.store.people import Identity
from quarterdeck.store.sessions import NewSession


class Place(msgspec.Struct, frozen=True):
    """A session by its id; `new` is what it is made of where it may not exist yet."""

    session_id: str
    new: NewSession | None = None


async def place(
    store: Store, rules: ConnectionRules, room: Room, identity: str, known: Identity | None, assistant: str
) -> Place:
    """The session of an act of `identity` in `room`.

    In a direct message it is the speaker's; where the identity belongs to a person, the person's, whatever the
    connection. Conversations on connections without a wire are named by whoever begins them, and stay what they are.
    """
    if room.kind == "dm" and not rules.rows and known is not None and known.person_id:
        if going_on := await persons.session_of(store, known.person_id, assistant):
            return Place(going_on)
        return _new(rules, room.native_id, identity, assistant, known.person_id)
    per = rules.group(room).session_per
    if room.kind == "dm" or per == "person":
        return _new(rules, room.native_id, identity, assistant)
    where = room.parent if per == "room" and room.parent else room.native_id
    return _new(rules, where, "", assistant)


def _new(rules: ConnectionRules, room: str, identity: str, assistant: str, person: str = "") -> Place:
    new = NewSession(assistant, rules.name, people.room_id(rules.name, room), identity, person=person)
    return Place(new.id, new)
