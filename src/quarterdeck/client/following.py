"""What of a conversation's events belongs to one message, and when has it its outcome? Pure: events in, answers out."""

import msgspec

from quarterdeck.api.shown import Receipt
from quarterdeck.client.events import Event

AT_ONCE = frozenset(("command", "refused"))
"""Outcomes of a message that no turn takes; the reply stands at its own position."""


class Grown(msgspec.Struct, frozen=True):
    """A piece of an answer that is being written. A new `attempt` begins anew."""

    text: str
    attempt: int


class Answer(msgspec.Struct, frozen=True):
    """What came of a message. `text` are its answers and notices, parted by blank lines; `outcome` is the inbox's."""

    text: str
    outcome: str
    turn: str
    receipt: Receipt


class Following:
    """Follows one message through the events of its conversation, from `cursor`."""

    def __init__(self, receipt: Receipt) -> None:
        self._receipt = receipt
        self._turn = ""
        self._texts: list[str] = []
        self._outcome = ""
        self.cursor = str(max(0, receipt.position - 2))  # a command's own event comes before its reply

    @property
    def answer(self) -> Answer | None:
        """The whole answer, once it has its outcome."""
        if not self._outcome:
            return None
        return Answer("\n\n".join(self._texts), self._outcome, self._turn, self._receipt)

    def take(self, event: Event) -> Grown | None:
        """One event; the piece that it is, if it is one of this answer's."""
        mine = self._receipt.inbox_id in event.names("inbox")
        match event.kind:
            case "turn.started" if mine:
                self._turn = event.text("turn")
            case "delta" if self._turn and event.text("turn") == self._turn:
                return Grown(event.text("text"), event.number("attempt"))
            case "delivery" if self._is_reply(event) or (self._turn and event.text("turn") == self._turn):
                self._texts.append(event.text("text"))
                if self._is_reply(event):
                    self._outcome = self._receipt.outcome
            case "turn.ended" | "inbox.ended" if mine:
                self._outcome = event.text("outcome")
            case _:
                pass
        return None

    def _is_reply(self, event: Event) -> bool:
        return self._receipt.outcome in AT_ONCE and event.number("seq") == self._receipt.position
