"""Into which texts is an answer cut, whatever its channel's own cut does? An answer has to be sent."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from quarterdeck.base.supervise import EventLog
from quarterdeck.ports import MARK_RESERVE, Channel

Texts = Annotated[tuple[str, ...], msgspec.Meta(max_length=1_000)]
"""What one answer may be cut into."""


def cut(channel: Channel, connection: str, text: str, log: EventLog) -> Sequence[str]:
    """At least one text, in reading order; cut by length where the channel cannot, or finds nothing to be seen."""
    try:
        if texts := msgspec.convert(channel.cut(text), Texts):
            return texts
    except Exception as error:
        log.error("send.cut_failed", connection=connection, exc_info=error)
    room = max(1, channel.capabilities.text_limit - MARK_RESERVE)
    return tuple(text[at : at + room] for at in range(0, len(text), room)) or (text,)
