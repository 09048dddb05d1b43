"""What is said in a request, in one form for chat completions and responses: what is new in it, what went before.

`where` is the place in the request, for errors.
"""

from collections.abc import Mapping, Sequence

import msgspec

from quarterdeck.base.errors import BadInput
from quarterdeck.flow.context import GIVEN
from quarterdeck.model.message import (
    AssistantMessage,
    Attachment,
    Message,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
)

INSTRUCTIONS = "Instructions from the API client: "
MOST = 2_000  # messages in one request
RESULT_LENGTH = 200_000  # characters of one tool's result


class FilePart(msgspec.Struct, frozen=True):
    """A file that came with the request: base64 text, not yet decoded. `mime` is empty where nobody said it."""

    where: str
    name: str
    mime: str
    data: str


class Spoken(msgspec.Struct, frozen=True):
    """A person's words, or instructions of the client."""

    where: str
    text: str
    files: tuple[FilePart, ...] = ()
    instructions: bool = False


class Answered(msgspec.Struct, frozen=True):
    """What the assistant said before."""

    where: str
    text: str
    calls: tuple[ToolCall, ...] = ()


class Returned(msgspec.Struct, frozen=True):
    """What a tool of the client brought."""

    where: str
    call_id: str
    text: str


Item = Spoken | Answered | Returned


class Talk(msgspec.Struct, frozen=True):
    """A request's words, sorted: `before` was said earlier, `results` and then `text` are new."""

    before: tuple[Message, ...]
    results: tuple[ToolResult, ...]
    text: str
    files: tuple[Attachment, ...]


def fresh(items: Sequence[Item]) -> Sequence[Item]:
    """What stands behind the last answer."""
    return items[_start(items) :]


def compose(field: str, items: Sequence[Item], kept: Mapping[str, Attachment], given: Mapping[str, str] | None) -> Talk:
    """Sort a request's items. Raises BadInput with the place of what is wrong.

    `kept` are the stored files by their place. `given` are the calls of a durable conversation that the client has,
    by id, with their tool's name; what stands before the last answer is in that conversation then. None: the items
    are all that there is, and have to be a valid history.
    """
    if len(items) > MOST:
        raise BadInput(field, f"has more than {MOST} entries", "Leave out the oldest.")
    new = fresh(items)
    before: list[Message] = []
    if given is None:
        before, given = _history(items[: _start(items)], kept)
        results = _results(new, given)
        _answers_all(field, given, new)
    else:
        results = _results(new, given)
    spoken = [item for item in new if isinstance(item, Spoken)]
    before += [SystemEvent(INSTRUCTIONS + item.text) for item in spoken if item.instructions]
    text = "\n\n".join(item.text for item in spoken if not item.instructions)
    files = tuple(kept[part.where] for item in spoken for part in item.files)
    if not (text.strip() or results or files):
        raise BadInput(field, "hold nothing new behind the last answer", "End with words of the user.")
    return Talk(tuple(before), results, text, files)


def _start(items: Sequence[Item]) -> int:
    return 1 + max((n for n, item in enumerate(items) if isinstance(item, Answered)), default=-1)


def _history(items: Sequence[Item], kept: Mapping[str, Attachment]) -> tuple[list[Message], dict[str, str]]:
    """The messages of what went before, and the calls of its last answer by id: those are open."""
    found: list[Message] = []
    open_calls: dict[str, str] = {}
    for item in items:
        if isinstance(item, Returned):
            found.append(_result(item, open_calls))
            del open_calls[item.call_id]
            continue
        _none_open(open_calls, item.where)
        if isinstance(item, Answered):
            found.append(AssistantMessage(item.text, item.calls))
            open_calls = {call.id: call.name for call in item.calls}
            if len(open_calls) != len(item.calls):
                raise BadInput(item.where, "has two calls with one id", "Give each call an id of its own.")
        elif item.instructions:
            found.append(SystemEvent(INSTRUCTIONS + item.text))
        else:
            found.append(UserMessage(item.text, tuple(kept[part.where] for part in item.files)))
    found += [ToolResult(call, name, GIVEN, "given") for call, name in open_calls.items()]
    return found, open_calls


def _answers_all(field: str, given: Mapping[str, str], new: Sequence[Item]) -> None:
    """Results stand directly behind the answer, one for each of its calls."""
    left = dict(given)
    for item in new:
        if not isinstance(item, Returned):
            _none_open(left, item.where)
            return
        del left[item.call_id]
    _none_open(left, field, "end")


def _none_open(open_calls: Mapping[str, str], where: str, verb: str = "comes") -> None:
    if open_calls:
        calls = ", ".join(map(repr, open_calls))
        raise BadInput(where, f"{verb} before the results of the calls {calls}", "Send a result for each call first.")


def _results(new: Sequence[Item], given: Mapping[str, str]) -> tuple[ToolResult, ...]:
    found: dict[str, ToolResult] = {}
    for item in new:
        if isinstance(item, Returned):
            if item.call_id in found:
                raise BadInput(item.where, f"is another result of the call {item.call_id!r}", "Send one.")
            found[item.call_id] = _result(item, given)
    return tuple(found.values())


def _result(item: Returned, given: Mapping[str, str]) -> ToolResult:
    if (name := given.get(item.call_id)) is None:
        raise BadInput(
            item.where, f"is the result of {item.call_id!r}, which is no call that the client was given",
            "Use the id of a call in the answer before.",
        )  # fmt: skip
    if len(item.text) > RESULT_LENGTH:
        raise BadInput(item.where, f"is longer than {RESULT_LENGTH} characters", "Shorten it.")
    return ToolResult(item.call_id, name, item.text)
