"""What does the text ask the stand-in to do?

Directives stand anywhere in the text; what is left is the plain text. `xK` means: only for the first K
attempts with exactly this text; several such faults are used up in the order in which they stand.

    [[tool NAME {json}]]      call this tool; several are parallel calls, [[then]] begins the next round
    [[long N]]                an answer of exactly N characters: paragraphs and code fences
    [[stream N MS]]           N deltas, MS milliseconds apart
    [[hold N]]                of such a stream no more than N deltas until the stand-in is told to `go_on`
    [[delay S]]               wait S seconds before anything is sent
    [[status CODE [RETRY_AFTER] [xK]]]   an error answer, with a Retry-After in seconds
    [[hang [xK]]]             accept the request and never answer
    [[cut N [xK]]]            break the connection after N deltas
    [[error CODE N [xK]]]     an error with this code in the stream after N deltas (without a stream: status 500)
    [[failed CODE N [xK]]]    the same, as the end of a failed response where the endpoint has such a thing
    [[garbage N [xK]]]        something that is not JSON after N deltas, and nothing more
    [[finish REASON]]         end with this finish_reason: length, content_filter
    [[empty]]  [[refusal]]    an empty text; a refusal instead of a text
    [[badjson]]               the arguments of the tool calls are not JSON; nor is the answer where JSON was asked for
    [[think N]]               N pieces of reasoning before the answer
    [[nousage]]               the answer carries no usage

A misspelt directive raises BadDirective: a fault that silently did not happen would make a crash test
worthless.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

import msgspec

_OPEN = re.compile(r"\[\[([a-z]+)(?=[\s\]])")
_TOOL = re.compile(r"\s+([^\s\]{]+)\s*")
_json = json.JSONDecoder()
T = TypeVar("T")


class BadDirective(ValueError):
    """The text holds a directive that does not exist or has wrong arguments."""


class ToolAsk(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class Fault(msgspec.Struct, frozen=True):
    """What goes wrong: `times` None means always; `after` counts deltas; `retry_after` is in seconds."""

    kind: Literal["status", "hang", "cut", "error", "failed", "garbage"]
    times: int | None = None
    status: int = 0
    retry_after: float | None = None
    after: int = 0
    code: str = ""


class Script(msgspec.Struct, frozen=True):
    text: str = ""
    rounds: tuple[tuple[ToolAsk, ...], ...] = ()
    faults: tuple[Fault, ...] = ()
    delay: float = 0.0
    deltas: int | None = None
    spacing: float = 0.0
    hold: int | None = None
    length: int | None = None
    thoughts: int = 0
    finish: str | None = None
    empty: bool = False
    refusal: bool = False
    badjson: bool = False
    usage: bool = True

    def fault(self, attempt: int) -> Fault | None:
        """The fault of the `attempt`th request (from 1) with this text."""
        left = attempt
        for fault in self.faults:
            if fault.times is None or left <= fault.times:
                return fault
            left -= fault.times
        return None

    @property
    def counted(self) -> bool:
        """Whether the attempts with this text must be counted."""
        return any(fault.times is not None for fault in self.faults)


def parse(text: str) -> Script:
    """The script that `text` asks for."""
    if "[[" not in text:
        return Script(text=text.strip())
    found: dict[str, object] = {}
    rounds: list[list[ToolAsk]] = [[]]
    faults: list[Fault] = []
    rest: list[str] = []
    at = 0
    while match := _OPEN.search(text, at):
        rest.append(text[at : match.start()])
        name = match[1]
        if name == "tool":
            ask, at = _tool(text, match.end())
            rounds[-1].append(ask)
            continue
        words, at = _words(text, match.end())
        if name == "then":
            rounds.append([])
        elif name in _FAULTS:
            faults.append(_use(_FAULTS[name], name, words))
        elif name in _OPTIONS:
            found |= _use(_OPTIONS[name], name, words)
        else:
            raise BadDirective(f"there is no directive [[{name}]]")
    rest.append(text[at:])
    plain = " ".join("".join(rest).split())
    asked = tuple(tuple(asks) for asks in rounds if asks)
    script = Script(text=plain or text.strip(), rounds=asked, faults=tuple(faults))
    return msgspec.structs.replace(script, **found)


def _use(make: Callable[..., T], name: str, words: list[str]) -> T:
    try:
        return make(*words)
    except (TypeError, ValueError) as error:
        raise BadDirective(f"[[{name}]] does not take {words}") from error


def _words(text: str, at: int) -> tuple[list[str], int]:
    end = text.find("]]", at)
    if end < 0:
        raise BadDirective("a directive is not closed")
    return text[at:end].split(), end + 2


def _tool(text: str, at: int) -> tuple[ToolAsk, int]:
    """The arguments may hold "]]" themselves, so their end is where the JSON ends."""
    named = _TOOL.match(text, at)
    if named is None:
        raise BadDirective("[[tool]] needs a name")
    at, arguments = named.end(), "{}"
    if text.startswith("{", at):
        try:
            _, end = _json.raw_decode(text, at)
        except ValueError as error:
            raise BadDirective(f"[[tool {named[1]}]] needs JSON") from error
        arguments, at = text[at:end], end
    closed = re.compile(r"\s*\]\]").match(text, at)
    if closed is None:
        raise BadDirective(f"[[tool {named[1]}]] is not closed")
    return ToolAsk(named[1], arguments), closed.end()


def _times(words: tuple[str, ...]) -> tuple[list[str], int | None]:
    if words and words[-1].startswith("x"):
        return list(words[:-1]), int(words[-1][1:])
    return list(words), None


def _status(code: str, *words: str) -> Fault:
    rest, times = _times(words)
    (after,) = rest or ("",)
    return Fault("status", times, status=int(code), retry_after=float(after) if after else None)


def _hang(*words: str) -> Fault:
    rest, times = _times(words)
    () = rest
    return Fault("hang", times)


def _cut(after: str, *words: str) -> Fault:
    rest, times = _times(words)
    () = rest
    return Fault("cut", times, after=int(after))


def _error(code: str, after: str, *words: str) -> Fault:
    rest, times = _times(words)
    () = rest
    return Fault("error", times, after=int(after), code=code)


def _failed(code: str, after: str, *words: str) -> Fault:
    return msgspec.structs.replace(_error(code, after, *words), kind="failed")


def _garbage(after: str, *words: str) -> Fault:
    rest, times = _times(words)
    () = rest
    return Fault("garbage", times, after=int(after))


def _finish(reason: str) -> dict[str, object]:
    if reason not in ("length", "content_filter"):
        raise ValueError(reason)
    return {"finish": reason}


_FAULTS: Mapping[str, Callable[..., Fault]] = {
    "status": _status,
    "hang": _hang,
    "cut": _cut,
    "error": _error,
    "failed": _failed,
    "garbage": _garbage,
}
_OPTIONS: Mapping[str, Callable[..., dict[str, object]]] = {
    "long": lambda n: {"length": int(n)},
    "stream": lambda n, ms: {"deltas": int(n), "spacing": float(ms) / 1000},
    "hold": lambda n: {"hold": int(n)},
    "think": lambda n: {"thoughts": int(n)},
    "delay": lambda seconds: {"delay": float(seconds)},
    "finish": _finish,
    "empty": lambda: {"empty": True},
    "refusal": lambda: {"refusal": True},
    "badjson": lambda: {"badjson": True},
    "nousage": lambda: {"usage": False},
}
