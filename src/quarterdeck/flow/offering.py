"""Which buttons stand under a message of ours, and how do they get off it again?

What can be chosen is a row of ours, and a button carries its name only. The row is written in the operation of the
message that it stands under. It is open until somebody presses, or until its session is offered something else; then a
part of its own takes the buttons off, as any part is sent: in the order of the room, under a permit.
"""

import secrets
from collections.abc import Callable, Sequence

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.sending import Outgoing
from quarterdeck.model.action import Part
from quarterdeck.model.button import ButtonBounds, Choice
from quarterdeck.store import choices, outbox
from quarterdeck.store.choices import Choices, Offered, Under
from quarterdeck.store.database import Store
from quarterdeck.store.outbox import BUTTONS, Delivery, PartRow

_encoder = msgspec.json.Encoder()


class Offering:
    """Composes what is offered, and what ends it. It commits nothing."""

    def __init__(self, store: Store, directory: Directory, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._new_id = new_id

    async def offer(self, outgoing: Outgoing, offered: Offered, identity: str) -> Sequence[Outgoing]:
        """The message with the choices under its last text, and what ends those that its session was offered before.

        Where the platform has no buttons, or not so many, the message is as it was. It must not ride.
        """
        delivery, now = outgoing.delivery, self._clock.now()
        channel = self._directory.channel(delivery.connection)
        bounds = channel.capabilities.buttons if channel else None
        new = Choices(
            secrets.token_urlsafe(16), delivery.id, delivery.session_id, delivery.connection, delivery.room_id,
            identity, b"", "open",
        )  # fmt: skip
        if outgoing.denied is not None or bounds is None or not _fits(bounds, offered, new):
            return (outgoing,)
        new = msgspec.structs.replace(new, offered=_encoder.encode(_short(bounds, offered)))
        before = await choices.open_under(self._store, delivery.session_id)
        statements = (
            *outgoing.statements,
            choices.supersede(delivery.session_id, now),
            choices.insert(new, now),
            outbox.put_choices(delivery.id, len(outgoing.texts) - 1, new.id),
        )
        return (msgspec.structs.replace(outgoing, statements=statements), *(self.end(one) for one in before))

    def end(self, under: Under) -> Outgoing:
        """Take the buttons off a message."""
        now = self._clock.now()
        delivery = Delivery(self._new_id("dlv"), "", "", under.connection, under.room_id, BUTTONS, now)
        part = outbox.insert_part(delivery, 0, "", "ready", now, native_id=under.native_id)
        return Outgoing(delivery, ("",), (outbox.insert_delivery(delivery), part), {}, wired=True)


async def with_buttons(store: Store, call: Part, delivery: Delivery, part: PartRow) -> Part:
    """The platform call of a part with the buttons that can still be pressed, or the one that takes some off."""
    if delivery.kind == BUTTONS:
        return Part(call.connection, call.room, "", call.key, unbutton=part.native_id)
    found = await choices.get(store, part.choices_id) if part.choices_id else None
    if found is None or found.state != "open":
        return call
    return msgspec.structs.replace(call, buttons=found.buttons)


def _fits(bounds: ButtonBounds, offered: Offered, new: Choices) -> bool:
    """Whether a platform takes so many; a name has the id and the number of its choice."""
    count = sum(len(row) for row in offered)
    name = f"{new.id}.{count - 1}"
    return 0 < count <= bounds.most and max(len(row) for row in offered) <= bounds.abreast and len(name) <= bounds.value


def _short(bounds: ButtonBounds, offered: Offered) -> Offered:
    """With labels that the platform takes."""
    return tuple(tuple(Choice(_cut(one.label, bounds.label), one.command) for one in row) for row in offered)


def _cut(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1] + "\u2026"
