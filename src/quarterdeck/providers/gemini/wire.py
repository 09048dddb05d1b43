"""How is a request written? Pure: a ModelRequest in, the bytes of `POST /models/{model}:streamGenerateContent` out.

Shapes: types.py, GenerateContentConfig and what it holds, with the names on the wire from google/genai/models.py.
"""

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import AnswerForm, Options, ToolSpec
from quarterdeck.ports import ModelRequest, ProviderFailed
from quarterdeck.providers.gemini import names, schema
from quarterdeck.providers.gemini.contents import Content, Text, contents
from quarterdeck.providers.gemini.files import Chosen, choose
from quarterdeck.providers.gemini.models import NEWEST, Thinking, generation, thinking
from quarterdeck.providers.http.wire import estimate_tokens

MAX_STOPS = 5
SEEDS = 2**31
"""Seeds are 32-bit integers; a larger one is folded, so that the same one stays the same."""


class Dialect(msgspec.Struct, frozen=True):
    """What the provider's table says of all its requests."""

    temperature: float | None = None
    thoughts: bool = False


class _Declaration(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    description: str
    parameters_json_schema: dict[str, object]


class _Tool(msgspec.Struct, frozen=True, rename="camel"):
    function_declarations: list[_Declaration]


class _Calling(msgspec.Struct, frozen=True, rename="camel"):
    mode: str
    allowed_function_names: list[str] | UnsetType = UNSET


class _ToolConfig(msgspec.Struct, frozen=True, rename="camel"):
    function_calling_config: _Calling


class _Generation(msgspec.Struct, frozen=True, rename="camel"):
    max_output_tokens: int
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    stop_sequences: list[str] | UnsetType = UNSET
    response_mime_type: str | UnsetType = UNSET
    response_json_schema: dict[str, object] | UnsetType = UNSET
    thinking_config: Thinking | UnsetType = UNSET


class _Instruction(msgspec.Struct, frozen=True):
    parts: list[Text]


class _Request(msgspec.Struct, frozen=True, rename="camel"):
    contents: list[Content]
    generation_config: _Generation
    system_instruction: _Instruction | UnsetType = UNSET
    tools: list[_Tool] | UnsetType = UNSET
    tool_config: _ToolConfig | UnsetType = UNSET


_encoder = msgspec.json.Encoder()


def encode(provider: str, key: str, request: ModelRequest, dialect: Dialect) -> ModelCall:
    """The call for this request; the same request gives the same bytes.

    Raises ProviderFailed (invalid) for a tool whose name or parameters cannot be written, and for a choice of one that
    is not offered.
    """
    chosen = choose(request.messages, request.files)
    body = _encoder.encode(_request(request, chosen, dialect))
    return ModelCall(provider, request.model, body, _reserve(len(body), chosen), request.max_tokens, key)


def _reserve(length: int, chosen: Chosen) -> int:
    """A file's tokens have nothing to do with the length that it has as base64."""
    files = sum(-(-len(file.data) // 3) * 4 for file in chosen.values())
    return estimate_tokens(max(0, length - files)) + sum(file.tokens for file in chosen.values())


def _request(request: ModelRequest, chosen: Chosen, dialect: Dialect) -> _Request:
    options = request.options
    declarations = [_declaration(spec) for spec in request.tools]
    system, generated = request.system, _generation(request, dialect)
    if options.form is not None:
        # Older models refuse calls and a form in one request ("Function calling with a response mime type ... is
        # unsupported", googleapis/python-genai #867): there the form is asked for in words.
        if declarations and generation(request.model) < NEWEST:
            system = "\n\n".join(part for part in (system, _in_words(options.form)) if part)
        else:
            generated = _formed(generated, options.form)
    return _Request(
        contents=contents(request.messages, chosen, request.model),
        generation_config=generated,
        system_instruction=_Instruction([Text(text=system)]) if system else UNSET,
        tools=[_Tool(declarations)] if declarations else UNSET,
        tool_config=_tool_config(options, declarations),
    )


def _declaration(spec: ToolSpec) -> _Declaration:
    return _Declaration(names.declared(spec.name), spec.description, schema.of_tool(spec.name, spec.parameters))


def _tool_config(options: Options, declarations: list[_Declaration]) -> _ToolConfig | UnsetType:
    """Without tools there is nothing to choose ("Function calling config is set without function_declarations")."""
    choice = options.tool_choice
    if not choice or (not declarations and choice in ("none", "required")):
        return UNSET
    if choice in ("none", "required"):
        return _ToolConfig(_Calling("NONE" if choice == "none" else "ANY"))
    name = names.declared(choice)
    if all(name != offered.name for offered in declarations):
        raise ProviderFailed("invalid", f"the tool {choice[:100]!r} is to be called, but not offered", retryable=False)
    return _ToolConfig(_Calling("ANY", [name]))


def _generation(request: ModelRequest, dialect: Dialect) -> _Generation:
    options = request.options
    temperature = dialect.temperature if options.temperature is None else options.temperature
    return _Generation(
        max_output_tokens=request.max_tokens,
        temperature=UNSET if temperature is None else temperature,
        top_p=UNSET if options.top_p is None else options.top_p,
        seed=UNSET if options.seed is None else options.seed % SEEDS,
        stop_sequences=list(options.stop[:MAX_STOPS]) or UNSET,
        thinking_config=thinking(request.model, options.effort, thoughts=dialect.thoughts) or UNSET,
    )


def _formed(generated: _Generation, form: AnswerForm) -> _Generation:
    shape = schema.of_answer(form.schema) if form.schema else UNSET
    return msgspec.structs.replace(generated, response_mime_type="application/json", response_json_schema=shape)


def _in_words(form: AnswerForm) -> str:
    if not form.schema:
        return "Write your answer as JSON and nothing else."
    return f"Write your answer as JSON and nothing else. It must fit this JSON Schema: {form.schema}"
