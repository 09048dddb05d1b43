"""What does the text ask the stand-in to do, beyond what every model stand-in understands?

The directives of `tests.standins.model.directives` work here too, except `[[finish]]`, which takes this vendor's
reasons. `[[badjson]]` ends with MALFORMED_FUNCTION_CALL, since arguments are objects on this wire.

    [[finish REASON]]             end with this finishReason: SAFETY, RECITATION, MAX_TOKENS ...
    [[block REASON]]              the prompt is blocked: promptFeedback and no candidate
    [[think WORDS]]               what the model thinks; shown only when the request asks for thoughts
    [[tooluse N]]                 N tokens of toolUsePromptTokenCount
    [[refuse NAME [xK]]]          an error by its status (UNAVAILABLE ...), or API_KEY_INVALID, or PER_DAY
    [[error N NAME [xK]]]         after N deltas an event that is an error object
    [[tail N NAME [xK]]]          after N deltas the error object as plain JSON, not as an event
    [[garbage N [xK]]]            after N deltas an event that is not JSON

Faults of this list are used up before those of the other one.
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from tests.standins.gemini.errors import HTTP
from tests.standins.model.directives import BadDirective, Fault, Script
from tests.standins.model.directives import parse as parse_common

FINISHES = (
    "STOP MAX_TOKENS SAFETY RECITATION LANGUAGE OTHER BLOCKLIST PROHIBITED_CONTENT SPII MALFORMED_FUNCTION_CALL "
    "IMAGE_SAFETY UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE MALFORMED_RESPONSE ESCALATION"
).split()
BLOCKS = ("SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY")
"""google-genai 3.6.1, types.py, FinishReason and BlockedReason, without what is marked as not of this API."""

_OWN = re.compile(r"\[\[(finish|block|think|tooluse|refuse|error|tail|garbage)((?:\s[^\]]*)?)\]\]")


class Broken(msgspec.Struct, frozen=True):
    """What goes wrong: `name` as in `errors.asked_for`; `after` counts deltas; `times` None means always."""

    kind: Literal["refuse", "error", "tail", "garbage"]
    name: str = ""
    after: int = 0
    times: int | None = None


class Asked(msgspec.Struct, frozen=True):
    """`common` is the rest of the text, read by the common directives."""

    common: Script
    broken: tuple[Broken, ...] = ()
    finish: str | None = None
    block: str | None = None
    thoughts: str = ""
    tool_use: int = 0

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
    found: dict[str, str] = {}
    broken: list[Broken] = []
    for match in _OWN.finditer(text):
        name, words = match[1], match[2].split()
        if name in ("refuse", "error", "tail", "garbage"):
            broken.append(_broken(name, words))
        else:
            found[name] = " ".join(words)
    asked = Asked(
        parse_common(_OWN.sub("", text)),
        tuple(broken),
        finish=_one_of(found.get("finish"), FINISHES),
        block=_one_of(found.get("block"), BLOCKS),
        thoughts=found.get("think", ""),
        tool_use=_number(found.get("tooluse", "0")),
    )
    if asked.common.badjson and not asked.finish:
        return msgspec.structs.replace(asked, finish="MALFORMED_FUNCTION_CALL")
    return asked


def _broken(kind: str, words: list[str]) -> Broken:
    times = _number(words.pop()[1:]) if words and words[-1].startswith("x") else None
    after = 0 if kind == "refuse" else _number(words.pop(0) if words else "")
    name = "" if kind == "garbage" else _one_of(words.pop(0) if words else "", (*HTTP, "API_KEY_INVALID", "PER_DAY"))
    if words:
        raise BadDirective(f"[[{kind}]] does not take {words}")
    return msgspec.convert({"kind": kind, "name": name, "after": after, "times": times}, Broken)


def _number(word: str) -> int:
    if not word.isdecimal():
        raise BadDirective(f"{word!r} is not a number")
    return int(word)


def _one_of(word: str | None, known: Sequence[str]) -> str | None:
    if word is not None and word not in known:
        raise BadDirective(f"{word!r} is none of {', '.join(known)}")
    return word
