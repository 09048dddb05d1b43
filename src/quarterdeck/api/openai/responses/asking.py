"""A request for a response in our words: items, wishes, and what is kept to show the response again."""

from collections.abc import Sequence

import msgspec

from quarterdeck.api.openai import files, wishes
from quarterdeck.api.openai.items import Answered, FilePart, Item, Returned, Spoken
from quarterdeck.api.openai.responses.wire import InputItem, InputPart, NamedTool, ResponseRequest
from quarterdeck.base.errors import BadInput
from quarterdeck.model.asking import Options, ToolSpec
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.message import ToolCall
from quarterdeck.ports import ModelProfile

MOST_METADATA, KEY_LENGTH, VALUE_LENGTH = 16, 64, 512
INSTRUCTIONS_LENGTH = 100_000


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept with the act: the request as it was, without the bytes of files."""

    request: ResponseRequest
    kind: str = "response"


def record(ask: ResponseRequest) -> bytes:
    """The stored form."""
    listed = ask.input if isinstance(ask.input, str) else [_bare(item) for item in ask.input]
    return msgspec.json.encode(Record(msgspec.structs.replace(ask, input=listed)))


def items(ask: ResponseRequest) -> list[Item]:
    """What is said. Raises BadInput with the place of what is not served."""
    if isinstance(ask.input, str):
        return [Spoken("input", ask.input)]
    found: list[Item] = []
    for n, item in enumerate(ask.input):
        here = _item(f"input[{n}]", item)
        if isinstance(here, Answered) and found and isinstance(last := found[-1], Answered):
            found[-1] = Answered(last.where, last.text + here.text, (*last.calls, *here.calls))
        else:
            found.append(here)
    if ask.previous_response_id and any(isinstance(one, Answered) for one in found):
        where = next(one.where for one in found if isinstance(one, Answered))
        raise BadInput(where, "was said in the previous response", "Send only what is new.")
    return found


def options(ask: ResponseRequest, assistant: Assistant, profile: ModelProfile) -> Options:
    """The wishes. Raises BadInput with the field that is not served."""
    _refuse_unserved(ask)
    tools = _tools(ask, assistant, profile)
    wishes.within("temperature", ask.temperature, 0, 2)
    wishes.within("top_p", ask.top_p, 0, 1)
    wishes.within("max_output_tokens", ask.max_output_tokens, 1, wishes.MOST_TOKENS)
    if len(ask.instructions or "") > INSTRUCTIONS_LENGTH:
        raise BadInput("instructions", f"are longer than {INSTRUCTIONS_LENGTH} characters", "Shorten them.")
    form = ask.text.format if ask.text else None
    return Options(
        client_tools=tools,
        tool_choice=_choice(ask.tool_choice, tools, assistant),
        parallel_calls=ask.parallel_tool_calls,
        form=wishes.form("text.format", form.type, form.name, form.schema, strict=form.strict) if form else None,
        temperature=ask.temperature,
        top_p=ask.top_p,
        max_tokens=ask.max_output_tokens,
        effort=wishes.effort("reasoning.effort", ask.reasoning.effort if ask.reasoning else None),
        instructions=ask.instructions or "",
    )


def _refuse_unserved(ask: ResponseRequest) -> None:
    """What would silently mean something else here."""
    wishes.refuse("conversation", ask.conversation, step="Send previous_response_id.")
    wishes.refuse("prompt", ask.prompt, step="Send instructions.")
    wishes.refuse("include", ask.include, [])
    wishes.refuse("max_tool_calls", ask.max_tool_calls, step="Leave it out; limits.turn_steps bounds a turn.")
    wishes.refuse("top_logprobs", ask.top_logprobs, 0)
    wishes.refuse("context_management", ask.context_management, step="Leave it out; long conversations are summarized.")
    for field in ("background_options", "moderation", "image", "access_programs"):
        wishes.refuse(field, getattr(ask, field))
    wishes.refuse("truncation", ask.truncation, "auto", step="Send auto: what does not fit is cut, with a mark.")
    wishes.refuse("text.verbosity", ask.text and ask.text.verbosity, "medium", step="Say it in the instructions.")
    thinking = ask.reasoning
    if thinking is not None:
        wishes.refuse("reasoning.summary", thinking.summary, step="Leave it out; no reasoning is shown.")
        wishes.refuse("reasoning.generate_summary", thinking.generate_summary)
        wishes.refuse("reasoning.context", thinking.context, "auto")
        wishes.refuse("reasoning.mode", thinking.mode, "standard")
    if ask.background and ask.store is False:
        raise BadInput("background", "needs store: there is nothing to come back for", "Leave store out.")
    if ask.background and ask.stream:
        raise BadInput("background", "is not for streams", "Ask for one of them.")
    _check_metadata(ask.metadata or {})


def _check_metadata(metadata: dict[str, str]) -> None:
    if len(metadata) > MOST_METADATA:
        raise BadInput("metadata", f"has more than {MOST_METADATA} keys", "Leave some out.")
    for key, value in metadata.items():
        if len(key) > KEY_LENGTH or len(value) > VALUE_LENGTH:
            reason = f"has a key longer than {KEY_LENGTH} or a value longer than {VALUE_LENGTH} characters"
            raise BadInput("metadata", reason, "Shorten it.")


def _tools(ask: ResponseRequest, assistant: Assistant, profile: ModelProfile) -> tuple[ToolSpec, ...]:
    named: list[tuple[str, wishes.Function]] = []
    for n, tool in enumerate(ask.tools or ()):
        where = f"tools[{n}]"
        if tool.type != "function":
            step = "Send functions; the assistant has tools of its own."
            raise BadInput(f"{where}.type", f"{tool.type!r} is not supported", step)
        if tool.name is None:
            raise BadInput(f"{where}.name", "is missing", wishes.SEE)
        strict = tool.strict is not False
        named.append((where, wishes.Function(tool.name, tool.description, tool.parameters, strict)))
    return wishes.client_tools(named, assistant.tools, profile)


def _choice(choice: str | NamedTool | None, tools: Sequence[ToolSpec], assistant: Assistant) -> str:
    if choice is None or isinstance(choice, str):
        return wishes.mode("tool_choice", choice or "auto", tools, assistant.tools)
    if choice.type != "function" or choice.name is None:
        raise BadInput("tool_choice.type", f"{choice.type!r} is not supported", "Name a function.")
    return wishes.chosen("tool_choice.name", choice.name, tools, assistant.tools)


def _item(where: str, item: InputItem) -> Item:
    match item.type:
        case "message":
            return _message(where, item)
        case "function_call":
            if not item.call_id or item.name is None or item.arguments is None:
                raise BadInput(where, "lacks call_id, name or arguments", "Send the call as it was given.")
            return Answered(where, "", (ToolCall(item.call_id, item.name, item.arguments),))
        case "function_call_output":
            if not item.call_id or item.output is None:
                raise BadInput(where, "lacks call_id or output", "Name the call that this is the output of.")
            return Returned(f"{where}.call_id", item.call_id, _text(f"{where}.output", item.output))
        case _:
            step = "Send messages, function_call and function_call_output items."
            raise BadInput(f"{where}.type", f"{item.type!r} is not supported", step)


def _message(where: str, item: InputItem) -> Item:
    content = item.content or ""
    match item.role:
        case None:
            raise BadInput(f"{where}.role", "is missing", wishes.SEE)
        case "assistant":
            return Answered(where, _text(f"{where}.content", content))
        case "user":
            if isinstance(content, str):
                return Spoken(where, content)
            texts = "".join(part.text for part in content if part.type == "input_text")
            parts = [(n, part) for n, part in enumerate(content) if part.type != "input_text"]
            return Spoken(where, texts, tuple(_file(f"{where}.content[{n}]", part) for n, part in parts))
        case _:
            return Spoken(where, _text(f"{where}.content", content), instructions=True)


def _file(where: str, part: InputPart) -> FilePart:
    match part.type:
        case "input_image" if part.image_url is not None:
            return files.image(f"{where}.image_url", part.image_url)
        case "input_file" if part.file_data is not None:
            return files.document(where, part.filename, part.file_data)
        case "input_image" | "input_file":
            step = "Send the bytes: image_url as a data URL, or file_data."
            raise BadInput(where, "names a file that is somewhere else; nothing is fetched", step)
        case _:
            raise BadInput(
                f"{where}.type", f"{part.type} is not supported", "Send input_text, input_image, input_file."
            )


def _text(where: str, content: str | list[InputPart]) -> str:
    """The text of what can hold nothing else."""
    if isinstance(content, str):
        return content
    for n, part in enumerate(content):
        if part.type not in ("input_text", "output_text", "refusal"):
            raise BadInput(f"{where}[{n}].type", f"{part.type} is not supported here", "Send text.")
    return "".join(part.text or part.refusal for part in content)


def _bare(item: InputItem) -> InputItem:
    """An item without the bytes of its files."""
    if not isinstance(item.content, list):
        return item
    parts = [msgspec.structs.replace(part, image_url=None, file_data=None) for part in item.content]
    return msgspec.structs.replace(item, content=parts)
