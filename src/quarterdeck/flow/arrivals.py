"""What of an act is written down? Its inbox row, and the event that shows it to whoever watches its session."""

from collections.abc import Sequence

import msgspec

from quarterdeck.model.asking import NO_WISHES
from quarterdeck.model.inbound import Inbound
from quarterdeck.model.message import LateResults, Message, UserMessage, encode
from quarterdeck.store import events, people
from quarterdeck.store.inbox import NewRow
from quarterdeck.store.operations import Statement
from quarterdeck.words.languages import spoken

_encoder = msgspec.json.Encoder()


class Made(msgspec.Struct, frozen=True):
    """What intake has found out about an act; `outcome` where it ends as it comes in."""

    id: str
    session: str
    identity: str
    mode: str
    outcome: str
    detail: str


def row_of(inbound: Inbound, made: Made, now: float, ttl: float) -> NewRow:
    """The inbox row of an act that is not worked on any more `ttl` seconds after it was sent."""
    message, history = _said(inbound)
    return NewRow(
        id=made.id,
        connection=inbound.connection,
        act_key=inbound.act_key,
        session_id=made.session,
        room_id=people.room_id(inbound.connection, inbound.room.native_id),
        identity_id=made.identity,
        kind=inbound.kind,
        mode=made.mode,
        message_ref=inbound.message_ref,
        content=encode(message),
        history=_encoder.encode(history) if history else None,
        not_before=0.0,
        expires_at=(inbound.sent_at or now) + ttl,
        sent_at=inbound.sent_at,
        outcome=made.outcome,
        detail=made.detail,
        options=None if inbound.options == NO_WISHES else _encoder.encode(inbound.options),
        asked=inbound.asked or None,
        language=spoken(inbound.sender.language) or "",
    )


def arrived(inbound: Inbound, row: NewRow, now: float, back: int = 0) -> Statement:
    """The event of an act, `back` events before its session's head."""
    data: dict[str, object] = {
        "inbox": row.id,
        "text": inbound.text,
        "sender": inbound.sender.name,
        "kind": inbound.kind,
        "mode": row.mode,
        "outcome": row.outcome,
        "attachments": [{"name": a.name, "mime": a.mime, "size": a.size} for a in inbound.attachments],
    }
    return events.insert(row.session_id, back, "inbox.accepted", data, now)


def _said(inbound: Inbound) -> tuple[Message, Sequence[Message]]:
    """The act as a message, and what stands before it. Results of a client's tools stand before what is said."""
    late = LateResults(inbound.results)
    if late.results and not (inbound.text or inbound.attachments):
        return late, inbound.history
    sender = inbound.sender.name
    message = UserMessage(inbound.text, inbound.attachments, sender, inbound.sent_at, quoted=inbound.quoted)
    return message, (*inbound.history, late) if late.results else inbound.history
