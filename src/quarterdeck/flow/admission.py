"""May an act be taken in? By who speaks and where, and by whether it was said to the bot at all."""

import msgspec

from quarterdeck.flow.directory import ConnectionRules
from quarterdeck.governance.identity import Admission, Admitted, NotAdmitted, admit, admit_group
from quarterdeck.model.inbound import Inbound, Room
from quarterdeck.store import people
from quarterdeck.store.database import Store
from quarterdeck.store.people import Identity, KnownRoom


class Judged(msgspec.Struct, frozen=True):
    """An act with the verdict on it, in the room where its conversations are held. `who` is what is known of the one
    who speaks.
    """

    inbound: Inbound
    verdict: Admission
    who: Identity | None


async def judge(store: Store, inbound: Inbound, rules: ConnectionRules) -> Judged | None:
    """The verdict; None for what the people of a group say to each other.

    That is no act towards the assistant, so nothing of it is kept: no row, no name, no word.
    """
    if rules.rows:
        return Judged(inbound, Admitted("door"), None)
    group = rules.group(inbound.room)
    private = inbound.room.kind == "dm"
    if not private and group.require_mention and not inbound.addressed:
        return None
    who = await people.identity(store, people.identity_id(inbound.connection, inbound.sender.native_id))
    state = who.state if who else "unknown"
    if private:
        return Judged(inbound, admit(rules.dm_policy, rules.allow, inbound.sender.native_id, state), who)
    named = inbound.room.parent or inbound.room.native_id
    known = await people.room(store, people.room_id(inbound.connection, named))
    if known is not None and known.moved_from:
        group = rules.group(room := _went_on(inbound.room, known))
        inbound, named = msgspec.structs.replace(inbound, room=room), known.moved_from
        known = await people.room(store, people.room_id(inbound.connection, named))
    verdict = admit_group(rules.group_policy, listed(rules, named), known.state if known else "unknown", state)
    if isinstance(verdict, NotAdmitted) and not inbound.addressed:
        return None
    return Judged(inbound, verdict, who)


def listed(rules: ConnectionRules, group: str) -> bool | None:
    """What the configuration says of a group, None for nothing."""
    own = rules.groups.get(group)
    if own is not None and own.allow is not None:
        return own.allow
    return True if group in rules.allow else None


def _went_on(room: Room, known: KnownRoom) -> Room:
    """A room that moved, under the id where its conversations began."""
    if room.parent:
        return msgspec.structs.replace(room, parent=known.moved_from)
    return msgspec.structs.replace(room, native_id=known.moved_from)
