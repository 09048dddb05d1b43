"""What are strangers told, and groups where nobody was let in? A code, once, for whoever decides."""

import secrets
from collections.abc import Callable

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.flow.sending import Outgoing, Sending
from quarterdeck.model.inbound import Inbound
from quarterdeck.store import events, people
from quarterdeck.store.database import Store
from quarterdeck.store.inbox import NewRow
from quarterdeck.store.operations import Statement
from quarterdeck.words.book import say
from quarterdeck.words.languages import Language
from quarterdeck.words.sentences import phrase

PAIRING_SECONDS = 3600.0


class Wished(msgspec.Struct, frozen=True):
    """A wish to be let in with its event, and the notice of its code, for the accepting operation."""

    statements: tuple[Statement, ...]
    notice: Outgoing


class Strangers:
    """Writes down wishes to be let in."""

    def __init__(self, store: Store, sending: Sending, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._store = store
        self._sending = sending
        self._clock = clock
        self._new_id = new_id

    async def wish(self, inbound: Inbound, row: NewRow, language: Language) -> Wished | None:
        """The stranger's wish, in a group the group's; None while one is open.

        A group's wish is for all of its threads. The code is shown where the stranger spoke.
        """
        now, group = self._clock.now(), inbound.room.kind != "dm"
        room = people.room_id(inbound.connection, inbound.room.parent or inbound.room.native_id)
        wish = people.Pairing(
            self._new_id("pair"), secrets.token_hex(4).upper(), row.identity_id, room, "asked", now,
            now + PAIRING_SECONDS, None, "group" if group else "person",
        )  # fmt: skip
        if await people.open_pairing(self._store, wish, now):
            return None
        # The room is committed with its notice, so it cannot be looked up yet: nothing rides here.
        sentence = phrase("pairing_group", code=wish.code) if group else phrase("pairing", code=wish.code)
        text = say(language, sentence)
        reply_to = inbound.message_ref if group else ""
        notice = await self._sending.compose(
            inbound.connection, row.room_id, text, kind="notice", language=language, reply_to=reply_to
        )
        told = {"pairing": wish.id, "kind": wish.kind, "connection": inbound.connection}
        asked = (
            people.close_expired_pairing(wish, now),
            people.ask_pairing(wish),
            events.insert_apart("pairing.asked", told, now),
        )
        return Wished((*asked, *notice.statements), notice)
