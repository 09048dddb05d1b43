"""Are the items of a conversation acceptable, and how do they belong together?

Types: openai 3.54.0, types/responses/response_input_item_param.py. Rules and wordings seen in public issue threads:
- a call needs its output, an output its call (router-for-me/CLIProxyAPI #2368, continuedev/continue #10092)
- reasoning needs what it led to behind it (continuedev/continue #8933, openai/openai-node #1567), a `summary`
  (newo-ether/Agora #141) and no `status` (1jehuang/jcode #1028)
- what was not stored cannot be named by its id alone (continuedev/continue #9101; as 404: openai/openai-agents-js #546)
- contents that do not open (openai/codex #8145); prefixes of ids (Wei-Shaw/sub2api #3981); call ids of at most 64
  characters (AnswerDotAI/fastllm #45); an assistant says `output_text` (epam/ai-dial-adapter-openai #511)
"""

from collections.abc import Sequence

import msgspec

from tests.standins.model.asked import Place
from tests.standins.model.media import check_detail, check_file, check_image
from tests.standins.model.refused import Refused, check_length, check_name, missing, read, supported
from tests.standins.model.responses.secrets import opens

ASKING = ("user", "system", "developer")
ROLES = ("assistant", *ASKING)
KNOWN = ("function_call", "function_call_output", "item_reference", "message", "reasoning")
INPUT_PARTS = ("input_text", "input_image", "input_file")
OUTPUT_PARTS = ("output_text", "refusal")
MAX_CALL_ID = 64
MAX_TOOL_NAME = 128
"""Unverified (diegosouzapw/OmniRoute #4317 cuts there)."""
MAX_TEXT = 10 * 1024 * 1024
"""Characters of one text; unverified."""


class InputText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    type: str = "input_text"


class InputImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None


class InputFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    file_data: str | None = None
    filename: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    detail: str | None = None


class OutputText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    type: str = "output_text"
    annotations: list[object] = []
    logprobs: list[object] = []


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refusal: str
    type: str = "refusal"


class Typed(msgspec.Struct, frozen=True):
    type: str | None = None
    role: str | None = None


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: str
    content: str | list[msgspec.Raw]
    type: str = "message"
    id: str | None = None
    status: str | None = None
    phase: str | None = None


class FunctionCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    call_id: str
    name: str
    arguments: str
    id: str | None = None
    status: str | None = None


class FunctionCallOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    call_id: str
    output: str | list[msgspec.Raw]
    id: str | None = None
    status: str | None = None


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    text: str


class Reasoning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    id: str
    summary: list[Summary]
    encrypted_content: str | None = None


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    id: str


Item = Message | FunctionCall | FunctionCallOutput | Reasoning | Reference
_KINDS: dict[str, type[Item]] = {
    "message": Message,
    "function_call": FunctionCall,
    "function_call_output": FunctionCallOutput,
    "reasoning": Reasoning,
    "item_reference": Reference,
}
_PREFIX: dict[type[Item], str] = {Message: "msg", FunctionCall: "fc", FunctionCallOutput: "fc", Reasoning: "rs"}


class Entry(msgspec.Struct, frozen=True):
    """An item that keeps the rules; `text` is what it says, `media` the bytes of encoded files in it."""

    item: Item
    text: str
    media: int = 0


def entries(raws: Sequence[msgspec.Raw], known: frozenset[str]) -> list[Entry]:
    """All items of a conversation; `known` are the ids of items that were stored. Raises Refused."""
    found = [_entry(bytes(raw), f"input[{index}]") for index, raw in enumerate(raws)]
    _check_ids([entry.item for entry in found], known)
    _check_reasoning([entry.item for entry in found])
    _check_calls([entry.item for entry in found])
    return found


def _entry(raw: bytes, path: str) -> Entry:
    head = read(raw, Typed, path)
    kind = head.type or ("message" if head.role is not None else None)
    if kind is None:
        raise missing(f"{path}.type")
    if kind not in _KINDS:
        raise supported(kind, KNOWN, path)
    item = read(raw, _KINDS[kind], path)
    match item:
        case Message():
            return _message(item, path)
        case FunctionCall():
            check_name(item.name, f"{path}.name", MAX_TOOL_NAME)
            check_length(item.call_id, MAX_CALL_ID, f"{path}.call_id")
            check_length(item.arguments, MAX_TEXT, f"{path}.arguments")
            return Entry(item, item.name + item.arguments)
        case FunctionCallOutput():
            check_length(item.call_id, MAX_CALL_ID, f"{path}.call_id")
            text, media = _content(item.output, INPUT_PARTS, f"{path}.output")
            return Entry(item, text, media)
        case Reasoning():
            return Entry(item, "".join(part.text for part in item.summary))
        case Reference():
            return Entry(item, "")


def _message(item: Message, path: str) -> Entry:
    if item.role not in ROLES:
        raise supported(item.role, ROLES, f"{path}.role")
    if item.phase is not None and (item.role != "assistant" or item.phase not in ("commentary", "final_answer")):
        raise supported(item.phase, ("commentary", "final_answer"), f"{path}.phase")
    parts = OUTPUT_PARTS if item.role == "assistant" else INPUT_PARTS
    text, media = _content(item.content, parts, f"{path}.content")
    return Entry(item, text, media)


def _content(content: str | list[msgspec.Raw], allowed: tuple[str, ...], path: str) -> tuple[str, int]:
    if isinstance(content, str):
        check_length(content, MAX_TEXT, path)
        return content, 0
    found = [_part(bytes(raw), allowed, f"{path}[{number}]") for number, raw in enumerate(content)]
    return "\n".join(text for text, _ in found if text), sum(media for _, media in found)


def _part(raw: bytes, allowed: tuple[str, ...], path: str) -> tuple[str, int]:
    kind = read(raw, Typed, path).type
    if kind not in allowed:
        raise supported(str(kind), allowed, path)
    if kind == "input_image":
        return "", _image(read(raw, InputImage, path), path)
    if kind == "input_file":
        return "", _file(read(raw, InputFile, path), path)
    if kind == "refusal":
        return read(raw, Refusal, path).refusal, 0
    text = read(raw, InputText if kind == "input_text" else OutputText, path).text
    check_length(text, MAX_TEXT, f"{path}.text")
    return text, 0


def _image(part: InputImage, path: str) -> int:
    check_detail(part.detail, f"{path}.detail")
    if part.image_url is None:
        if part.file_id is None:
            raise missing(f"{path}.image_url")
        return 0
    return check_image(part.image_url, f"{path}.image_url")


def _file(part: InputFile, path: str) -> int:
    if part.file_data is not None:
        return check_file(part.file_data, part.filename, path)
    if part.file_id is None and part.file_url is None:
        raise missing(f"{path}.file_data")
    return 0


def _check_ids(items: list[Item], known: frozenset[str]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        prefix = _PREFIX.get(type(item))
        if item.id is not None and prefix and not item.id.startswith(prefix):
            message = f"Invalid 'input[{index}].id': '{item.id}'. Expected an ID that begins with '{prefix}'."
            raise Refused(message, f"input[{index}].id", "invalid_value")
        if item.id is not None and item.id in seen:  # unverified
            message = f"Duplicate item found with id {item.id}. Remove duplicate items from your input and try again."
            raise Refused(message, "input")
        seen.add(item.id or "")
        bare = isinstance(item, Reference) or (isinstance(item, Reasoning) and not item.encrypted_content)
        if bare and item.id not in known:
            message = (
                f"Item with id '{item.id}' not found. Items are not persisted when `store` is set to false. Try again "
                "with `store` set to true, or remove this item from your input."
            )
            raise Refused(message, "input", status=404)


def _check_reasoning(items: list[Item]) -> None:
    """Behind reasoning stands what it led to: more reasoning, a call, or what the assistant said."""
    for index, item in enumerate(items):
        if not isinstance(item, Reasoning):
            continue
        if item.encrypted_content and not opens(item.encrypted_content):
            shown = f"{item.encrypted_content[:4]}...{item.encrypted_content[-4:]}"
            message = f"The encrypted content {shown} could not be verified."
            raise Refused(message, None, "invalid_encrypted_content")
        after = items[index + 1] if index + 1 < len(items) else None
        said = isinstance(after, Message) and after.role == "assistant"
        if not (said or isinstance(after, FunctionCall | Reasoning)):
            message = f"Item '{item.id}' of type 'reasoning' was provided without its required following item."
            raise Refused(message, "input")


def _check_calls(items: list[Item]) -> None:
    """Each call has its output somewhere behind it, each output its call before it."""
    waiting: set[str] = set()
    made: set[str] = set()
    for item in items:
        if isinstance(item, FunctionCall):
            made.add(item.call_id)
            waiting.add(item.call_id)
        elif isinstance(item, FunctionCallOutput):
            if item.call_id not in made:
                raise Refused(f"No tool call found for function call output with call_id {item.call_id}.", "input")
            waiting.discard(item.call_id)
    for item in items:
        if isinstance(item, FunctionCall) and item.call_id in waiting:
            raise Refused(f"No tool output found for function call {item.call_id}.", "input")


def place(found: list[Entry]) -> Place:
    """Find the last message of a person or the system that has a text, and what followed it."""
    index = len(found) - 1
    while index > 0 and not (_asks(found[index].item) and found[index].text):
        index -= 1
    names: dict[str, str] = {}
    results: list[tuple[str, str]] = []
    rounds, before = 0, ""
    for entry in found[index:]:
        item = entry.item
        if isinstance(item, FunctionCall):
            rounds += before != "call"
            names[item.call_id] = item.name
        elif isinstance(item, FunctionCallOutput):
            results.append((names.get(item.call_id, ""), entry.text))
        before = "call" if isinstance(item, FunctionCall) else "other"
    return Place(index, found[index].text if found else "", rounds, tuple(results))


def _asks(item: Item) -> bool:
    return isinstance(item, Message) and item.role in ASKING
