"""Session messages: the history. Every end of a turn writes its own, in one operation, complete."""

from collections.abc import Sequence

import msgspec

from quarterdeck.model.message import Message, encode
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, values
from quarterdeck.store.tenancy import TENANT


class StoredMessage(msgspec.Struct, frozen=True):
    """One row of `messages`; (position, part) is the order of a session."""

    position: int
    part: int
    content: bytes
    turn_id: str
    inbox_id: str
    created_at: float


class NewMessage(msgspec.Struct, frozen=True):
    """A message of the ending turn; `inbox_id` is the row that a person's message came in by, else empty."""

    message: Message
    inbox_id: str = ""


def insert(session_id: str, turn_id: str, origin: int, new: Sequence[NewMessage], now: float) -> list[Statement]:
    """Write messages under the session's head, in order; the head was raised earlier in the operation.

    `origin` is the position of the newest act that the turn took: a turn that ends after a reset which came behind
    that act belongs to the old conversation.
    """
    return [
        Statement(
            "messages.insert",
            "INSERT INTO messages (tenant, session_id, position, part, origin, content, turn_id, inbox_id, created_at)"
            " SELECT :tenant, :session, head, :part, :origin, :content, :turn, :inbox, :now FROM sessions"
            " WHERE tenant = :tenant AND id = :session",
            {
                "tenant": TENANT,
                "session": session_id,
                "part": part,
                "origin": origin,
                "content": encode(one.message),
                "turn": turn_id,
                "inbox": one.inbox_id,
                "now": now,
            },
            expect=1,
        )
        for part, one in enumerate(new)
    ]


async def newest(store: Store, session_id: str, after: int, behind: tuple[int, int], limit: int) -> list[StoredMessage]:
    """The newest `limit` messages behind the place `behind`, of turns whose acts came behind position `after`; oldest
    first.
    """
    rows = await store.fetch(
        f"SELECT {columns(StoredMessage)} FROM messages WHERE tenant = :tenant AND session_id = :session"
        " AND position >= :position AND (position > :position OR part > :part) AND origin > :after"
        " ORDER BY position DESC, part DESC LIMIT :limit",
        {
            "tenant": TENANT,
            "session": session_id,
            "after": after,
            "position": behind[0],
            "part": behind[1],
            "limit": limit,
        },
    )
    return values(StoredMessage, rows)[::-1]


async def up_to_turn(
    store: Store, session_id: str, after: int, turn_id: str, position: int, limit: int
) -> list[StoredMessage]:
    """The newest `limit` messages behind position `after`, up to the end of a turn, oldest first.

    `position` is where it ends for a turn that wrote none.
    """
    rows = await store.fetch(
        f"SELECT {columns(StoredMessage)} FROM messages WHERE tenant = :tenant AND session_id = :session"
        " AND position > :after AND origin > :after AND (position <= :position OR position <= (SELECT MAX(position)"
        " FROM messages WHERE tenant = :tenant AND session_id = :session AND turn_id = :turn))"
        " ORDER BY position DESC, part DESC LIMIT :limit",
        {
            "tenant": TENANT,
            "session": session_id,
            "after": after,
            "turn": turn_id,
            "position": position,
            "limit": limit,
        },
    )
    return values(StoredMessage, rows)[::-1]
