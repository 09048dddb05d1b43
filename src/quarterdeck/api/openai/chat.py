"""A chat completion request in our words: what is said, as items, and how it is to be answered, as Options."""

from collections.abc import Sequence

from quarterdeck.api.openai import files, wishes
from quarterdeck.api.openai.items import Answered, FilePart, Item, Returned, Spoken
from quarterdeck.api.openai.wire import ChatMessage, ChatRequest, ContentPart, NamedTool
from quarterdeck.base.errors import BadInput
from quarterdeck.model.asking import Options, ToolSpec
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.message import ToolCall
from quarterdeck.ports import ModelProfile


def items(ask: ChatRequest) -> list[Item]:
    """The conversation. Raises BadInput with the place of what is not served."""
    return [_item(f"messages[{n}]", message) for n, message in enumerate(ask.messages)]


def options(ask: ChatRequest, assistant: Assistant, profile: ModelProfile) -> Options:
    """The wishes. Raises BadInput with the field that is not served."""
    _refuse_unserved(ask)
    tools = _tools(ask, assistant, profile)
    wishes.within("temperature", ask.temperature, 0, 2)
    wishes.within("top_p", ask.top_p, 0, 1)
    wishes.within("seed", ask.seed, -(2**63), 2**63 - 1)
    cap = ask.max_tokens if ask.max_completion_tokens is None else ask.max_completion_tokens
    wishes.within("max_tokens" if ask.max_completion_tokens is None else "max_completion_tokens", cap, 1, 10**6)
    form = ask.response_format
    named = form.json_schema if form is not None else None
    return Options(
        client_tools=tools,
        tool_choice=_choice(ask.tool_choice, tools, assistant),
        parallel_calls=ask.parallel_tool_calls,
        form=None if form is None else wishes.form(
            "response_format.json_schema" if form.type == "json_schema" else "response_format", form.type,
            named.name if named else None, named.schema if named else None, strict=named.strict if named else None,
        ),
        temperature=ask.temperature,
        top_p=ask.top_p,
        seed=ask.seed,
        max_tokens=cap,
        stop=wishes.stops(ask.stop),
        effort=wishes.effort("reasoning_effort", ask.reasoning_effort),
    )  # fmt: skip


def _refuse_unserved(ask: ChatRequest) -> None:
    """What would silently mean something else here."""
    wishes.refuse("functions", ask.functions, step="Send `tools`.")
    wishes.refuse("function_call", ask.function_call, step="Send `tool_choice`.")
    wishes.refuse("n", ask.n, 1, step="Ask once per answer.")
    wishes.refuse("logprobs", ask.logprobs, False)
    wishes.refuse("top_logprobs", ask.top_logprobs, 0)
    wishes.refuse("logit_bias", ask.logit_bias, {})
    wishes.refuse("presence_penalty", ask.presence_penalty, 0)
    wishes.refuse("frequency_penalty", ask.frequency_penalty, 0)
    wishes.refuse("modalities", ask.modalities, ["text"])
    wishes.refuse("audio", ask.audio)
    wishes.refuse("prediction", ask.prediction)
    wishes.refuse("web_search_options", ask.web_search_options)
    wishes.refuse("moderation", ask.moderation)
    wishes.refuse("verbosity", ask.verbosity, "medium", step="Say it in the instructions.")
    wishes.refuse("store", ask.store, False, step="Leave it out; /v1/responses stores answers.")
    if ask.stream_options is not None and not ask.stream:
        raise BadInput("stream_options", "is only for streams", "Set stream to true, or leave it out.")
    both = (ask.max_tokens, ask.max_completion_tokens)
    if None not in both and both[0] != both[1]:
        raise BadInput("max_tokens", "and max_completion_tokens say different things", "Send one of them.")


def _tools(ask: ChatRequest, assistant: Assistant, profile: ModelProfile) -> tuple[ToolSpec, ...]:
    named: list[tuple[str, wishes.Function]] = []
    for n, tool in enumerate(ask.tools or ()):
        where = f"tools[{n}]"
        if tool.type != "function":
            raise BadInput(f"{where}.type", f"{tool.type!r} is not supported", "Send functions.")
        if tool.function is None:
            raise BadInput(f"{where}.function", "is missing", wishes.SEE)
        named.append((f"{where}.function", tool.function))
    return wishes.client_tools(named, assistant.tools, profile)


def _choice(choice: str | NamedTool | None, tools: Sequence[ToolSpec], assistant: Assistant) -> str:
    if choice is None or isinstance(choice, str):
        return wishes.mode("tool_choice", choice or "auto", tools, assistant.tools)
    if choice.type != "function" or choice.function is None:
        raise BadInput("tool_choice.type", f"{choice.type!r} is not supported", "Name a function.")
    return wishes.chosen("tool_choice.function.name", choice.function.name, tools, assistant.tools)


def _item(where: str, message: ChatMessage) -> Item:
    wishes.refuse(f"{where}.function_call", message.function_call, step="Send `tool_calls`.")
    if message.tool_calls and message.role != "assistant":
        raise BadInput(f"{where}.tool_calls", f"is not for the role {message.role}", "Leave it out.")
    match message.role:
        case "function":
            raise BadInput(f"{where}.role", "function is not supported", "Use the role tool.")
        case "tool":
            if not message.tool_call_id:
                raise BadInput(f"{where}.tool_call_id", "is missing", "Name the call that this is the result of.")
            return Returned(f"{where}.tool_call_id", message.tool_call_id, _text(where, message))
        case "assistant":
            return Answered(where, _text(where, message) or message.refusal or "", _calls(where, message))
        case "user":
            return _spoken(where, message)
        case _:
            return Spoken(where, _text(where, message), instructions=True)


def _calls(where: str, message: ChatMessage) -> tuple[ToolCall, ...]:
    for n, call in enumerate(message.tool_calls or ()):
        if call.type != "function":
            raise BadInput(f"{where}.tool_calls[{n}].type", f"{call.type!r} is not supported", "Send functions.")
    return tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())


def _spoken(where: str, message: ChatMessage) -> Spoken:
    if not isinstance(message.content, list):
        return Spoken(where, message.content or "")
    texts: list[str] = []
    found: list[FilePart] = []
    for n, part in enumerate(message.content):
        if part.type == "text":
            texts.append(part.text)
        else:
            found.append(_file(f"{where}.content[{n}]", part))
    return Spoken(where, "".join(texts), tuple(found))


def _file(where: str, part: ContentPart) -> FilePart:
    match part.type:
        case "image_url" if part.image_url is not None:
            return files.image(f"{where}.image_url.url", part.image_url.url)
        case "file" if part.file is not None and part.file.file_data is not None:
            return files.document(f"{where}.file", part.file.filename, part.file.file_data)
        case "file":
            raise BadInput(f"{where}.file", "holds no file_data; there are no stored files here", "Send file_data.")
        case _:
            step = "Send text, image_url or file." if part.type != "image_url" else "Send image_url."
            raise BadInput(f"{where}.type", f"{part.type} is not supported", step)


def _text(where: str, message: ChatMessage) -> str:
    """The text of a message that can hold nothing else."""
    if not isinstance(message.content, list):
        return message.content or ""
    for n, part in enumerate(message.content):
        if part.type not in ("text", "refusal"):
            reason = f"{part.type} is not supported in a message of this role"
            raise BadInput(f"{where}.content[{n}].type", reason, "Send text parts.")
    return "".join(part.text or part.refusal for part in message.content)
