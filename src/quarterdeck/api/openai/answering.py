"""Waiting for what became of an inbox row, and reading it from what was committed: the same for a retry."""

from collections.abc import AsyncGenerator, Mapping

import msgspec

from quarterdeck.api.openai.text import joined
from quarterdeck.api.openai.wire import FinishReason
from quarterdeck.api.problems import AnswerFailed, TooMany
from quarterdeck.api.spent import spent
from quarterdeck.api.streams import HEARTBEAT_SECONDS, Streams
from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, NotAllowed, Retry
from quarterdeck.flow.context import handed, model_steps
from quarterdeck.flow.live import Watcher
from quarterdeck.model import turn as outcomes
from quarterdeck.model.message import ToolCall
from quarterdeck.model.turn import ModelStep, model_step
from quarterdeck.store import events, inbox, journal, outbox, usage
from quarterdeck.store.database import Store
from quarterdeck.store.inbox import InboxRow

FINISH: Mapping[outcomes.FinishReason, FinishReason] = {
    "stop": "stop",
    "tool_calls": "stop",  # of our own tools: the turn went on
    "length": "length",
    "filter": "content_filter",
    "refusal": "content_filter",
}


class Tokens(msgspec.Struct, frozen=True):
    """What all model calls of a turn used: `cached` is part of `input`, `reasoning` of `output`."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0


class Answer(msgspec.Struct, frozen=True):
    """What a row came to. `calls` are of the client's own tools."""

    text: str
    finish: FinishReason
    tokens: Tokens
    calls: tuple[ToolCall, ...] = ()


class News(msgspec.Struct, frozen=True):
    """The row as it is now, and the text that grew in its turn since the last look."""

    row: InboxRow
    grown: str


class Answers:
    """Follows inbox rows to their end."""

    def __init__(self, store: Store, streams: Streams, clock: Clock) -> None:
        self._store = store
        self._streams = streams
        self._clock = clock

    async def follow(self, watcher: Watcher, inbox_id: str, seconds: float) -> AsyncGenerator[News]:
        """News of a row, at least every 15 s, until it has ended. Raises Retry after `seconds`, or when we stop."""
        end = self._clock.monotonic() + seconds
        pieces = []
        while True:
            row = await inbox.get(self._store, inbox_id)
            assert row is not None  # it was accepted; rows are kept for weeks
            yield News(row, "".join(piece.text for piece in pieces if piece.turn == row.turn_id))
            if row.state == "ended":
                return
            left = end - self._clock.monotonic()
            if self._streams.closing or left <= 0:
                reason = "the gateway is stopping" if self._streams.closing else f"no answer within {seconds:.0f} s"
                raise Retry(f"{reason}; the message is kept: ask again with the same Idempotency-Key")
            pieces = await watcher.next(min(left, HEARTBEAT_SECONDS))

    async def answer(self, row: InboxRow) -> Answer:
        """The stored answer of an ended row. Raises AnswerFailed, Conflict or TooMany where there is none."""
        match row.outcome:
            case "answered" | "absorbed":
                return await self._answered(row.turn_id or "")
            case "command":
                return Answer(await self._notice(row), "stop", Tokens())
            case "refused" if (row.detail or "").startswith("hook:"):
                raise NotAllowed(row.detail or "", "the message was not accepted", await self._notice(row))
            case "refused":
                raise TooMany(await self._notice(row))
            case "stopped" | "superseded":
                raise Conflict(f"this message was {row.outcome} before it was answered")
            case _:
                raise AnswerFailed(await self._said(row.turn_id or "") or f"this message ended as {row.outcome}")

    async def _said(self, turn: str) -> str:
        texts: list[str] = []
        for delivery in await outbox.of_turn(self._store, turn) if turn else ():
            if delivery.kind in ("answer", "notice"):
                texts += [part.text for part in await outbox.parts_of(self._store, delivery.id)]
        return joined(texts)

    async def _notice(self, row: InboxRow) -> str:
        """The reply to a command is the event that was committed under the row's own position."""
        found = await events.after(self._store, row.session_id, row.position - 1, 1)
        return msgspec.json.decode(found[0].data, type=_Delivery).text if found else ""

    async def _answered(self, turn: str) -> Answer:
        steps = await journal.read(self._store, turn)
        last = steps.get(model_step(model_steps(steps)))
        finish = last.answer.finish if isinstance(last, ModelStep) else "stop"
        calls = handed(steps)
        used = spent((await usage.of_turns(self._store, [turn])).get(turn, [])).tokens
        tokens = Tokens(used.input, used.output, used.cached, min(used.reasoning, used.output))
        return Answer(await self._said(turn), "tool_calls" if calls else FINISH[finish], tokens, calls)


class _Delivery(msgspec.Struct, frozen=True):
    text: str = ""
