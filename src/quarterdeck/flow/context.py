"""What a model is shown: a pure function of an assistant, a history, a turn's messages and its journal.

The result is always a valid history: every tool call is followed by its one result before anything else.
"""

from collections.abc import Mapping, Sequence

import msgspec

from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.message import (
    AssistantMessage,
    LateResults,
    Message,
    Said,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
)
from quarterdeck.model.turn import ModelStep, SteerStep, Step, ToolStep, model_step, steer_step, tool_step
from quarterdeck.ports import ModelProfile, ModelRequest


class Taken(msgspec.Struct, frozen=True):
    """One inbox row of a turn, decoded."""

    inbox_id: str
    message: UserMessage
    before: tuple[Message, ...] = ()


def model_steps(journal: Mapping[str, Step]) -> int:
    """How many model answers a journal holds."""
    n = 0
    while model_step(n + 1) in journal:
        n += 1
    return n


def turn_messages(first: Sequence[Taken], steered: Mapping[str, Taken], journal: Mapping[str, Step]) -> list[Message]:
    """The messages of a running turn: what was taken, each answer, its results, what was taken in after it."""
    messages: list[Message] = []
    for taken in first:
        messages += taken.before
        messages.append(taken.message)
    for n in range(1, model_steps(journal) + 1):
        step = journal[model_step(n)]
        assert isinstance(step, ModelStep)
        messages.append(step.answer.message)
        messages += results(n, step.answer.message, journal)
        taken_in = journal.get(steer_step(n))
        if isinstance(taken_in, SteerStep):
            messages += [steered[inbox_id].message for inbox_id in taken_in.inbox_ids]
    return messages


def results(n: int, answer: AssistantMessage, journal: Mapping[str, Step]) -> list[ToolResult]:
    """One result per call of answer n; a call without one was not started."""
    found: list[ToolResult] = []
    for k, call in enumerate(answer.calls):
        step = journal.get(tool_step(n, k))
        found.append(step.result if isinstance(step, ToolStep) else skipped(call))
    return found


def skipped(call: ToolCall) -> ToolResult:
    """The result of a call that was not started because the turn was cut."""
    return ToolResult(call.id, call.name, "Not started: the turn was stopped.", "skipped")


def was_invalid(tool: str, n: int, journal: Mapping[str, Step]) -> bool:
    """Whether a call of `tool` in an answer before answer n was wrong in itself."""
    return any(
        isinstance(step, ToolStep) and step.result.name == tool and step.result.status == "invalid"
        for name, step in journal.items()
        if not name.startswith(f"m{n}.")
    )


def open_calls(n: int, journal: Mapping[str, Step]) -> list[int]:
    """Indices of the calls of answer n that have no result yet."""
    step = journal.get(model_step(n))
    if not isinstance(step, ModelStep):
        return []
    return [k for k in range(len(step.answer.message.calls)) if tool_step(n, k) not in journal]


def request(
    assistant: Assistant,
    profile: ModelProfile,
    model: str,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec],
    cache_key: str = "",
    *,
    named: bool = False,
) -> ModelRequest:
    """The request for the next model answer; `named`: several people speak, and the model is told who."""
    options = assistant.options
    return ModelRequest(
        model=model,
        system=system_prompt(assistant) if profile.system is None else profile.system,
        messages=said(with_names(messages) if named else messages),
        tools=tuple(tools) if profile.tools else (),
        max_tokens=min(profile.max_tokens, options.max_tokens or profile.max_tokens),
        options=options,
        cache_key=cache_key,
    )


def said(messages: Sequence[Message]) -> tuple[Said, ...]:
    """What a model is shown of them: the late results of a client's tools stand where their calls were; where a call
    is no longer shown, its result is told as something that happened.
    """
    plain = [message for message in messages if not isinstance(message, LateResults)]
    if len(plain) == len(messages):
        return tuple(plain)
    late: dict[str, list[ToolResult]] = {}
    for one in messages:
        for result in one.results if isinstance(one, LateResults) else ():
            late.setdefault(result.call_id, []).append(result)
    shown: list[Said] = []
    for message in messages:
        if isinstance(message, LateResults):
            parted = [one for one in message.results if any(one is left for left in late[one.call_id])]
            shown += [SystemEvent(f"Result of {one.name}: {one.text}") for one in parted]
        elif isinstance(message, ToolResult) and message.status == "given" and late.get(message.call_id):
            shown.append(late[message.call_id].pop(0))
        else:
            shown.append(message)
    return tuple(shown)


def with_names(messages: Sequence[Message]) -> list[Message]:
    """The messages with what people said under their names."""
    return [
        msgspec.structs.replace(one, text=f"{speaker(one.sender)}: {one.text}")
        if isinstance(one, UserMessage) and one.sender
        else one
        for one in messages
    ]


def speaker(name: str) -> str:
    """A name that people gave themselves, as one short line: it cannot pass for more than a name."""
    plain = "".join(letter if letter.isalnum() or letter in " .-_'" else " " for letter in name)
    return " ".join(plain.split())[:64] or "somebody"


def system_prompt(assistant: Assistant) -> str:
    """The assistant's workspace files, each under its name; empty files are left out."""
    sections = [f"# {name}\n{text.strip()}" for name, text in assistant.files if text.strip()]
    return "\n\n".join(sections)
