"""What is a finding, and which figure of a result does it count in?"""

from typing import Literal

import msgspec

Figure = Literal["lost", "doubled", "double_commit", "unclosed", "order", "history", "audit", "leak", "money"]

FIGURES: dict[str, Figure] = {
    "no_row": "lost",
    "no_outcome": "lost",
    "not_acknowledged": "lost",
    "no_answer": "lost",
    "not_told": "lost",
    "part_unfinished": "lost",
    "not_shown": "lost",
    "effect_missing": "lost",
    "message_missing": "lost",
    "blob_missing": "lost",
    "other_text": "lost",
    "end_untold": "lost",
    "held_without_stop": "lost",
    "press_lost": "lost",
    "press_untold": "lost",
    "buttons_left": "lost",
    "pressed_twice": "doubled",
    "buttons_unknown": "doubled",
    "two_rows": "doubled",
    "shown_twice": "doubled",
    "silent_repeat": "doubled",
    "answered_twice": "doubled",
    "unexplained": "doubled",
    "effect_twice": "doubled",
    "effect_unrecorded": "doubled",
    "message_twice": "doubled",
    "two_outcomes": "double_commit",
    "turn_without_row": "double_commit",
    "intent_open": "unclosed",
    "outcome_missing": "unclosed",
    "intent_unrecorded": "unclosed",
    "turn_order": "order",
    "turn_overlap": "order",
    "answer_order": "order",
    "room_order": "order",
    "event_gap": "order",
    "history_invalid": "history",
    "not_in_history": "history",
    "request_refused": "history",
    "audit_changed": "audit",
    "audit_open": "audit",
    "unsettled": "money",
    "settled_twice": "money",
    "other_cost": "money",
    "sums_differ": "money",
    "secret_logged": "leak",
    "content_logged": "leak",
}
"""Every code that a check may report."""


class Violation(msgspec.Struct, frozen=True):
    """One contradiction: its code, the row, room or message that it is about, and what shows it."""

    code: str
    about: str
    evidence: str

    @property
    def figure(self) -> Figure:
        """The figure of a result that it counts in."""
        return FIGURES[self.code]

    def __str__(self) -> str:
        return f"{self.figure}: {self.code} {self.about}: {self.evidence}"
