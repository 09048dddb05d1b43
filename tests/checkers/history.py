"""Is every session's history one that a provider accepts, and is what was said in it?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from tests.checkers.database import Database, Message
from tests.checkers.violation import Violation
from tests.standins.model import Call


class _Call(msgspec.Struct, frozen=True):
    id: str


class _Said(msgspec.Struct, frozen=True):
    """A stored message as far as its place matters."""

    type: str
    call_id: str = ""
    calls: tuple[_Call, ...] = ()


def check_history(database: Database, requests: Sequence[Call]) -> Iterator[Violation]:
    """Every call has exactly one result, right after it; every answered row is in it once; no request was refused for
    what it held (a key that is not good is another matter).
    """
    for session, messages in groupby(database.messages, lambda message: message.session_id):
        yield from _pairs(session, list(messages))
    held = Counter(message.inbox_id for message in database.messages if message.inbox_id)
    for row in database.inbox:
        if row.outcome in ("answered", "absorbed") and held[row.id] != 1:
            yield Violation("not_in_history", row.id, f"it was {row.outcome}, the history has it {held[row.id]} times")
    for request in requests:
        if request.kind is not None and request.kind.startswith("refused") and request.kind != "refused 401":
            yield Violation("request_refused", f"request {request.n}", f"{request.kind} for {request.text[:80]!r}")


def _pairs(session: str, messages: Sequence[Message]) -> Iterator[Violation]:
    waiting: list[str] = []
    for message in messages:
        said = msgspec.json.decode(message.content, type=_Said)
        place = f"{session} {message.position}.{message.part}"
        if said.type == "tool":
            if said.call_id not in waiting:
                yield Violation("history_invalid", place, f"a result of {said.call_id!r}, which is not open")
            waiting = [call for call in waiting if call != said.call_id]
            continue
        if waiting:
            yield Violation("history_invalid", place, f"{said.type} while {waiting} have no result")
        waiting = [call.id for call in said.calls]
    if waiting:
        yield Violation("history_invalid", session, f"it ends while {waiting} have no result")
