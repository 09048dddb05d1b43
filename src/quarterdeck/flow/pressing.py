"""A button was pressed: is it open, may this person press it, and what does it run?

A press is an act like any other. It runs the command that its button stands for, as if the one who pressed had typed
it: the same intake, the same permission. It is for the one whose message was answered and, where a group has one
conversation for all, for everybody who may speak there.
"""

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.flow.commands import Commands, parse
from quarterdeck.flow.directory import ConnectionRules
from quarterdeck.flow.offering import Offering
from quarterdeck.flow.scope import place
from quarterdeck.flow.sending import Outgoing
from quarterdeck.model.inbound import Inbound
from quarterdeck.store import choices, people
from quarterdeck.store.choices import Choices, Under
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.people import Identity
from quarterdeck.words.sentences import Phrase, phrase


class Pressed(msgspec.Struct, frozen=True):
    """A press that counts: the command that it runs. `statements` close what was offered; only one press can.

    `ends` take the buttons off: the message that was pressed and, where that is a first try, its repeat.
    """

    command: str
    statements: tuple[Statement, ...]
    ends: tuple[Outgoing, ...]


class NotPressed(msgspec.Struct, frozen=True):
    """A press that ends as it comes in: by this rule, with what the person is told. `end` takes old buttons off."""

    rule: str
    told: Phrase
    end: Outgoing | None = None


class Pressing:
    """Judges presses. It commits nothing."""

    def __init__(self, store: Store, offering: Offering, commands: Commands, clock: Clock) -> None:
        self._store = store
        self._offering = offering
        self._commands = commands
        self._clock = clock

    async def judge(
        self, inbound: Inbound, rules: ConnectionRules, identity: str, who: Identity | None, assistant: str
    ) -> Pressed | NotPressed:
        """What a press of somebody who may speak does."""
        name, _, number = inbound.press.partition(".")
        room = people.room_id(inbound.connection, inbound.room.native_id)
        found = await choices.get(self._store, name)
        chosen = found.chosen(number) if found else None
        if found is None or chosen is None or found.room_id != room:
            return NotPressed("unknown_button", phrase("press_closed"))
        if not await self._may(found, inbound, rules, identity, who, assistant):
            return NotPressed("others_button", phrase("press_others"))
        under = Under(inbound.connection, room, inbound.message_ref)
        end = self._offering.end(under)
        if found.state != "open" or parse(chosen.command, self._commands) is None:
            return NotPressed("closed_button", phrase("press_closed"), end)
        others = [one for one in await choices.open_under(self._store, found.session_id) if one != under]
        ends = (end, *(self._offering.end(one) for one in others))
        return Pressed(chosen.command, (choices.press(found.id, identity, self._clock.now()),), ends)

    async def _may(
        self,
        found: Choices,
        inbound: Inbound,
        rules: ConnectionRules,
        identity: str,
        who: Identity | None,
        assistant: str,
    ) -> bool:
        """Whether the message was for this person, or their conversation here is the one that it was said in."""
        if found.identity_id == identity:
            return True
        own = await place(self._store, rules, inbound.room, identity, who, assistant)
        return own.session_id == found.session_id
