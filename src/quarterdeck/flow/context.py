"""What a model is shown: a pure function of an assistant, a history, a turn's messages and its journal.

The result is always a valid history: every tool call is followed by its one result before anything else.
"""

from collections.abc import Mapping, Sequence

import msgspec

from quarterdeck.model.asking import NO_WISHES, AnswerForm, Options, ToolSpec
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.message import (
    AssistantMessage,
    Attachment,
    LateResults,
    Message,
    Said,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
)
from quarterdeck.model.turn import (
    FormStep,
    ModelStep,
    SteerStep,
    Step,
    ToolStep,
    form_step,
    model_step,
    steer_step,
    tool_step,
)
from quarterdeck.ports import ModelProfile, ModelRequest

FORM_ALONE = "Answer with one JSON value and nothing else: no prose, no code fence."
GIVEN = "Given to the client; its result has not come yet."
MOST_FILES = 20
FILES_BYTES = 20_000_000  # of all files in one request


class Taken(msgspec.Struct, frozen=True):
    """One inbox row of a turn, decoded."""

    inbox_id: str
    message: UserMessage | LateResults
    before: tuple[Message, ...] = ()
    options: Options = NO_WISHES

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Files that came with it."""
        return self.message.attachments if isinstance(self.message, UserMessage) else ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """All that it brings."""
        return (*self.before, self.message)


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
        messages += taken.messages
    for n in range(1, model_steps(journal) + 1):
        step = journal[model_step(n)]
        assert isinstance(step, ModelStep)
        messages.append(step.answer.message)
        messages += results(n, step.answer.message, journal)
        taken_in = journal.get(steer_step(n))
        if isinstance(taken_in, SteerStep):
            messages += [one for inbox_id in taken_in.inbox_ids for one in steered[inbox_id].messages]
        if isinstance(misfit := journal.get(form_step(n)), FormStep):
            messages.append(SystemEvent(f"{misfit.reason} {FORM_ALONE}"))
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


def handed(journal: Mapping[str, Step]) -> tuple[ToolCall, ...]:
    """The calls of the newest answer that are the client's to run."""
    n = model_steps(journal)
    step = journal.get(model_step(n))
    if not isinstance(step, ModelStep):
        return ()
    found = results(n, step.answer.message, journal)
    return tuple(call for call, one in zip(step.answer.message.calls, found, strict=True) if one.status == "given")


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
    options: Options = NO_WISHES,
    *,
    named: bool = False,
) -> ModelRequest:
    """The request for the next model answer. `tools` are the assistant's; `options` are all wishes in force. `named`:
    several people speak, and the model is told who.
    """
    theirs = {spec.name for spec in options.client_tools}
    offered = (*(spec for spec in tools if spec.name not in theirs), *options.client_tools) if profile.tools else ()
    wishes = msgspec.structs.replace(options, client_tools=(), instructions="")
    if not offered:
        wishes = msgspec.structs.replace(wishes, tool_choice="", parallel_calls=None)
    own = system_prompt(assistant) if profile.system is None else profile.system
    form = "" if options.form is None or profile.forms else form_prompt(options.form)
    return ModelRequest(
        model=model,
        system="\n\n".join(part for part in (own, options.instructions, form) if part),
        messages=said(with_names(messages) if named else messages),
        tools=offered,
        max_tokens=min(profile.max_tokens, options.max_tokens or profile.max_tokens),
        options=wishes,
        cache_key=cache_key,
    )


def form_prompt(form: AnswerForm) -> str:
    """How a model is told of a form that its wire has no field for."""
    return f"{FORM_ALONE} It must fit this JSON Schema:\n{form.schema}" if form.schema else FORM_ALONE


def said(messages: Sequence[Message]) -> tuple[Said, ...]:
    """What a model is shown of them: the late results of a client's tools stand where their calls were; where a call
    is no longer shown, its result is told as something that happened.

    A result is for the newest call of its id before it; the newest of several results counts.
    """
    plain = [message for message in messages if not isinstance(message, LateResults)]
    if len(plain) == len(messages):
        return tuple(plain)
    shown: list[Said] = []
    given: dict[str, int] = {}
    for message in messages:
        if isinstance(message, LateResults):
            for result in message.results:
                if (place := given.get(result.call_id)) is not None:
                    shown[place] = result
                else:
                    shown.append(SystemEvent(f"Result of {result.name}: {result.text}"))
            continue
        if isinstance(message, ToolResult) and message.status == "given":
            given[message.call_id] = len(shown)
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


def readable(messages: Sequence[Said], profile: ModelProfile) -> list[Attachment]:
    """The stored files of these messages that the model can read, each once, newest first; bounded in count and bytes.

    Those that find no place are named in the request, as all others are.
    """
    found: dict[str, Attachment] = {}
    left = FILES_BYTES
    for message in reversed(messages):
        for file in reversed(message.attachments) if isinstance(message, UserMessage) else ():
            if not file.blob or file.blob in found or file.mime not in profile.reads or file.size > profile.file_bytes:
                continue
            if len(found) == MOST_FILES or file.size > left:
                return list(found.values())
            found[file.blob] = file
            left -= file.size
    return list(found.values())


def system_prompt(assistant: Assistant) -> str:
    """The assistant's workspace files, each under its name; empty files are left out."""
    sections = [f"# {name}\n{text.strip()}" for name, text in assistant.files if text.strip()]
    return "\n\n".join(sections)
