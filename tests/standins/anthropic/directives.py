"""What does the text ask the stand-in to do, beyond what every model stand-in understands?

The directives of `tests.standins.model.directives` work here too; `[[finish]]` takes this vendor's reasons.

    [[finish REASON]]         end with this stop_reason: max_tokens, pause_turn, model_context_window_exceeded ...
    [[think N]]               N pieces of thinking before everything else, where thinking is on
    [[redacted]]              thinking that is not shown, where thinking is on
    [[before WORDS]]          a text before the tool calls
    [[credit]]                refused, because nothing is left on the account
    [[error TYPE N [xK]]]     after N deltas an event that is an error; without a stream an answer with its status
    [[garbage N [xK]]]        after N deltas an event that is not JSON, and nothing more

Faults of this list are used up before those of the other one.
"""

import re
from typing import Literal

import msgspec

from tests.standins.anthropic.refused import STATUSES
from tests.standins.model.directives import BadDirective, Fault, Script
from tests.standins.model.directives import parse as parse_common

STOPS = (
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
)
"""anthropic 2.14.0, types/stop_reason.py"""

_OWN = re.compile(r"\[\[(finish|think|redacted|before|credit|error|garbage)((?:\s[^\]]*)?)\]\]")


class Broken(msgspec.Struct, frozen=True):
    """What goes wrong after so many deltas; `times` None means always."""

    kind: Literal["error", "garbage"]
    name: str
    after: int
    times: int | None = None


class Asked(msgspec.Struct, frozen=True):
    """`common` is the rest of the text, read by the common directives."""

    common: Script
    broken: tuple[Broken, ...] = ()
    finish: str | None = None
    thoughts: int = 0
    redacted: bool = False
    before: str = ""
    credit: bool = False

    def fault(self, attempt: int) -> Broken | Fault | None:
        """The fault of the `attempt`th request (from 1) with this text."""
        left = attempt
        for fault in self.broken:
            if fault.times is None or left <= fault.times:
                return fault
            left -= fault.times
        return self.common.fault(left)

    @property
    def counted(self) -> bool:
        """Whether the attempts with this text must be counted."""
        return self.common.counted or any(fault.times is not None for fault in self.broken)


def parse(text: str) -> Asked:
    """What `text` asks for. Raises BadDirective."""
    asked = Asked(parse_common(_OWN.sub("", text)))
    for match in _OWN.finditer(text):
        asked = _with(asked, match[1], match[2].split())
    return asked


def _with(asked: Asked, name: str, words: list[str]) -> Asked:
    change = msgspec.structs.replace
    match name, words:
        case "finish", [reason] if reason in STOPS:
            return change(asked, finish=reason)
        case "think", [count] if count.isdecimal():
            return change(asked, thoughts=int(count))
        case "redacted", []:
            return change(asked, redacted=True)
        case "before", [_, *_]:
            return change(asked, before=" ".join(words))
        case "credit", []:
            return change(asked, credit=True)
        case "error", [kind, after, *times] if kind in STATUSES and after.isdecimal():
            return change(asked, broken=(*asked.broken, Broken("error", kind, int(after), _times(times))))
        case "garbage", [after, *times] if after.isdecimal():
            return change(asked, broken=(*asked.broken, Broken("garbage", "", int(after), _times(times))))
        case _:
            raise BadDirective(f"[[{name}]] does not take {words}")


def _times(words: list[str]) -> int | None:
    match words:
        case []:
            return None
        case [word] if re.fullmatch(r"x\d+", word):
            return int(word[1:])
        case _:
            raise BadDirective(f"{words} does not say how often")
