"""Talking from a terminal: one message, and everything that happens until it has its outcome."""

import pwd
from collections.abc import Iterator, Sequence

import msgspec

from quarterdeck.api.control.parts import Caller, Parts, Rows
from quarterdeck.api.control.wire import Row
from quarterdeck.flow.live import Piece
from quarterdeck.model.inbound import Accepted, Inbound, Room, Sender
from quarterdeck.store import events, inbox, people, sessions
from quarterdeck.store.events import StoredEvent
from quarterdeck.store.sessions import NewSession

CONNECTION = "terminal"
OWNER = "owner"  # whoever may use the socket is the same person
PAGE = 200
LOOK_SECONDS = 15.0


class Say(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message. `key` names it, so that it is taken once however often it is sent."""

    text: str
    room: str = "main"
    assistant: str = ""
    key: str = ""


class StopAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which room the running turn is to be stopped."""

    room: str = "main"
    assistant: str = ""


async def say(parts: Parts, caller: Caller, ask: Say) -> Rows:
    """Send a message and give its states, the pieces of its answer and the answer.

    Rows have a `kind`: state (queued, thinking, tool), delta, answer, notice, message, and at the end `ended` with
    the outcome.
    """
    session_id = _session_id(parts, ask.room, ask.assistant)
    known = await sessions.get(parts.store, session_id)
    cursor = known.head if known else 0
    with parts.live.watch(session_id) as watcher:
        accepted = await parts.intake.accept(_inbound(parts, caller, ask))
        mine = _Mine(accepted.inbox_id, accepted.position if isinstance(accepted, Accepted) else -1)
        if not isinstance(accepted, Accepted):
            cursor = await _before(parts, accepted.inbox_id)
        yield {"kind": "state", "state": "queued", "inbox": accepted.inbox_id, "session": session_id}
        pieces: list[Piece] = []
        while True:
            row = await inbox.get(parts.store, mine.inbox)  # first the row: what comes later shows in the next round
            assert row is not None
            mine.turn = row.turn_id or mine.turn
            while found := await events.after(parts.store, session_id, cursor, PAGE):
                cursor = found[-1].seq
                for shown in mine.round(found, pieces):
                    yield shown
            for shown in mine.round((), pieces):
                yield shown
            if row.state == "ended":
                yield {"kind": "ended", "outcome": row.outcome, "turn": row.turn_id, "inbox": row.id}
                return
            pieces = await watcher.next(LOOK_SECONDS)


async def stop(parts: Parts, caller: Caller, ask: StopAsk) -> Rows:
    """Stop the running turn, as /stop does."""
    accepted = await parts.intake.accept(_inbound(parts, caller, Say("/stop", ask.room, ask.assistant)))
    yield {"id": accepted.session_id, "state": "stopped"}


class _Mine:
    """What of a session's events belongs to one message."""

    def __init__(self, inbox_id: str, position: int) -> None:
        self.inbox = inbox_id
        self.turn = ""
        self._position = position  # where a message that ended at once has its reply

    def round(self, found: Sequence[StoredEvent], pieces: list[Piece]) -> Iterator[Row]:
        """What a terminal shows of new events and pieces; a piece comes behind its turn's start, before its answer."""
        for event in found:
            shown = self._event(event)
            if shown and shown["kind"] != "state":
                yield from self._grown(pieces)
            if shown:
                yield shown
        if not found:
            yield from self._grown(pieces)

    def _grown(self, pieces: list[Piece]) -> Iterator[Row]:
        for piece in pieces:
            if piece.turn == self.turn:
                yield {"kind": "delta", "turn": piece.turn, "attempt": piece.attempt, "text": piece.text}
        pieces.clear()

    def _event(self, event: StoredEvent) -> Row | None:
        data: dict[str, object] = msgspec.json.decode(event.data)
        match event.kind:
            case "turn.started":
                taken = data.get("inbox")
                if isinstance(taken, list) and self.inbox in taken:
                    self.turn = str(data["turn"])
                    return {"kind": "state", "state": "thinking", "turn": self.turn, "model": data.get("model")}
            case "step" if data["turn"] == self.turn:
                return {"kind": "state", "state": "tool", "tools": data.get("tools")}
            case "delivery" if data["turn"] == self.turn or event.seq == self._position:
                partial = {"partial": True} if data.get("partial") else {}
                return {"kind": data["kind"], "text": data["text"], "turn": data["turn"], **partial}
            case _:
                pass
        return None


def _session_id(parts: Parts, room: str, assistant: str) -> str:
    chosen = parts.directory.assistant(assistant or parts.directory.connection(CONNECTION).assistant)
    return NewSession(chosen.id, CONNECTION, people.room_id(CONNECTION, room), people.identity_id(CONNECTION, OWNER)).id


def _inbound(parts: Parts, caller: Caller, ask: Say) -> Inbound:
    return Inbound(
        connection=CONNECTION,
        act_key=ask.key or parts.new_id("act"),
        room=Room(ask.room),
        sender=Sender(OWNER, _login(caller.uid)),
        text=ask.text,
        sent_at=parts.clock.now(),
        assistant=ask.assistant,
    )


async def _before(parts: Parts, inbox_id: str) -> int:
    """The cursor before an act that was accepted earlier."""
    row = await inbox.get(parts.store, inbox_id)
    return max(0, row.position - 2) if row else 0


def _login(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
