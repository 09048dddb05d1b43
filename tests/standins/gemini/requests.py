"""What does a request say? The vendor's messages, read strictly: a field that does not exist is refused.

Fields: google-genai 3.6.1, types.py, with the names on the wire from models.py (the *_to_mldev functions). Names
may be written in camelCase or in snake_case (proto3 JSON mapping; the SDK itself writes both). Wordings: error
bodies quoted in public issue threads (zed-industries/zed #43231, vercel/ai #3775, genkit-ai/genkit #3816,
the-open-agent/openagent #1666). "Unverified" marks a wording from memory.
"""

import base64
import binascii
import re
from typing import TypeVar

import msgspec

from tests.standins.gemini.errors import Refused, broken_rule, violation

IMAGES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
"""ai.google.dev/gemini-api/docs/image-understanding; no image/gif."""

TYPES = (
    *IMAGES,
    *("application/pdf", "text/plain", "text/html", "text/css", "text/md", "text/csv", "text/xml", "text/rtf"),
    *("text/javascript", "application/x-javascript", "text/x-python", "application/x-python", "application/json"),
    *("audio/wav", "audio/mp3", "audio/mpeg", "audio/aiff", "audio/aac", "audio/ogg", "audio/flac"),
    *("video/mp4", "video/mpeg", "video/mov", "video/avi", "video/x-flv", "video/mpg", "video/webm", "video/wmv"),
    "video/3gpp",
)
"""ai.google.dev/gemini-api/docs: document-processing, audio, video-understanding; application/json unverified."""

MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/webp": (b"RIFF",),
    "application/pdf": (b"%PDF-",),
}
OPAQUE = frozenset("args response parametersJsonSchema responseJsonSchema default example enum".split())
T = TypeVar("T")


class Wire(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What all messages have in common."""


class Blob(Wire, frozen=True):
    mime_type: str = ""
    data: str = ""
    display_name: str | None = None


class FunctionCall(Wire, frozen=True):
    name: str = ""
    id: str | None = None
    args: dict[str, object] | None = None


class FunctionResponse(Wire, frozen=True):
    name: str = ""
    id: str | None = None
    response: dict[str, object] | None = None
    parts: list[object] | None = None
    will_continue: bool | None = None
    scheduling: str | None = None


class Part(Wire, frozen=True):
    text: str | None = None
    inline_data: Blob | None = None
    file_data: dict[str, str] | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: dict[str, object] | None = None
    code_execution_result: dict[str, object] | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    video_metadata: dict[str, object] | None = None
    media_resolution: dict[str, object] | None = None
    part_metadata: dict[str, object] | None = None

    @property
    def data(self) -> list[str]:
        """Which members of the oneof `data` are set."""
        names = (
            *("text", "inline_data", "file_data", "function_call", "function_response"),
            *("executable_code", "code_execution_result"),
        )
        return [name for name in names if getattr(self, name) is not None]


class Content(Wire, frozen=True):
    parts: list[Part] | None = None
    role: str | None = None

    @property
    def calls(self) -> list[FunctionCall]:
        return [part.function_call for part in self.parts or () if part.function_call]

    @property
    def responses(self) -> list[FunctionResponse]:
        return [part.function_response for part in self.parts or () if part.function_response]


class Declaration(Wire, frozen=True):
    name: str = ""
    description: str = ""
    parameters: dict[str, object] | None = None
    parameters_json_schema: object = None
    response: dict[str, object] | None = None
    response_json_schema: object = None
    behavior: str | None = None


class Tool(Wire, frozen=True):
    function_declarations: list[Declaration] | None = None
    google_search: dict[str, object] | None = None
    code_execution: dict[str, object] | None = None
    url_context: dict[str, object] | None = None


class CallingConfig(Wire, frozen=True):
    mode: str = "AUTO"
    allowed_function_names: list[str] | None = None


class ToolConfig(Wire, frozen=True):
    function_calling_config: CallingConfig | None = None


class ThinkingConfig(Wire, frozen=True):
    include_thoughts: bool = False
    thinking_budget: int | None = None
    thinking_level: str | None = None


class GenerationConfig(Wire, frozen=True):
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    seed: int | None = None
    candidate_count: int | None = None
    stop_sequences: list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_mime_type: str = "text/plain"
    response_schema: dict[str, object] | None = None
    response_json_schema: object = None
    response_modalities: list[str] | None = None
    thinking_config: ThinkingConfig | None = None
    media_resolution: str | None = None


class GenerateRequest(Wire, frozen=True):
    contents: list[Content] = msgspec.field(default_factory=list)
    system_instruction: Content | None = None
    tools: list[Tool] | None = None
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
    safety_settings: list[dict[str, str]] | None = None
    cached_content: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    labels: dict[str, str] | None = None
    model: str | None = None

    @property
    def declarations(self) -> list[Declaration]:
        return [given for tool in self.tools or () for given in tool.function_declarations or ()]

    @property
    def config(self) -> GenerationConfig:
        return self.generation_config or GenerationConfig()

    @property
    def calling(self) -> CallingConfig:
        return (self.tool_config and self.tool_config.function_calling_config) or CallingConfig()


_UNKNOWN = re.compile(r"Object contains unknown field `(.+?)`(?: - at `\$\.?(.*)`)?$")
_WRONG = re.compile(r"Expected `(.+)`, got `(\w+)`(?: - at `\$\.?(.*)`)?$")


def read(raw: bytes, kind: type[T]) -> T:
    """The message in a body. Raises Refused."""
    try:
        return msgspec.convert(_camel_keys(msgspec.json.decode(raw)), kind)
    except msgspec.ValidationError as error:
        raise _wrong_shape(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("Invalid JSON payload received. Unexpected token.\n\n^") from error


def _camel_keys(value: object, names_are_free: bool = False) -> object:
    """Names of fields in camelCase; what is the client's own (arguments, names of properties) stays as it is."""
    if isinstance(value, list):
        return [_camel_keys(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    camel: dict[object, object] = {}
    for key, inner in value.items():
        name = key if names_are_free else re.sub(r"(?<=[a-z])_([a-z])", lambda found: found[1].upper(), str(key))
        free = not names_are_free and name in OPAQUE
        camel[name] = inner if free else _camel_keys(inner, names_are_free=name == "properties" and not names_are_free)
    return camel


def _wrong_shape(text: str) -> Refused:
    if found := _UNKNOWN.match(text):
        path = snake(found[2] or "")
        where = f" at '{path}'" if path else ""
        return violation(path, f'Unknown name "{found[1]}"{where}: Cannot find field.')
    if found := _WRONG.match(text):
        path = snake(found[3] or "")
        return Refused(f"Invalid value at '{path}': expected {found[1]}, got {found[2]}")  # wording unverified
    return Refused(f"Invalid JSON payload received. {text}")


def snake(path: str) -> str:
    """A path as the vendor writes it: tools[0].function_declarations[1]."""
    return re.sub(r"(?<=[a-z])[A-Z]", lambda upper: "_" + upper[0].lower(), path)


def check_contents(contents: list[Content], root: str = "contents") -> None:
    """Roles, parts and data of each content. Raises Refused."""
    if not contents:
        raise broken_rule(root, f"{root} is not specified")
    for index, content in enumerate(contents):
        if content.role not in (None, "user", "model"):
            raise Refused("Please use a valid role: user, model.")
        check_parts(content, f"{root}[{index}]")


def check_parts(content: Content, path: str) -> None:
    """Each part holds exactly one kind of data, of a kind that is understood. Raises Refused."""
    if not content.parts:
        raise broken_rule(f"{path}.parts", "contents.parts must not be empty.")
    for number, part in enumerate(content.parts):
        at = f"{path}.parts[{number}]"
        if not part.data:
            raise broken_rule(f"{at}.data", "required oneof field 'data' must have one initialized field")
        if len(part.data) > 1:  # wording unverified
            says = f"Invalid value (oneof), oneof field 'data' is already set. Cannot set '{part.data[1]}'"
            raise violation(snake(at), says)
        if part.inline_data is not None:
            _check_blob(part.inline_data, at)
        if part.thought_signature is not None:
            unbase64(part.thought_signature, f"{at}.thought_signature")


def _check_blob(blob: Blob, at: str) -> None:
    if blob.mime_type not in TYPES:
        raise Refused(f"Unsupported MIME type: {blob.mime_type}")
    data = unbase64(blob.data, f"{at}.inline_data.data")
    if data.startswith(MAGIC.get(blob.mime_type, (b"",))):
        if not data:  # wording unverified
            raise broken_rule(f"{at}.inline_data.data", "must not be empty")
        return
    if blob.mime_type == "application/pdf":
        raise Refused("The document has no pages.")
    raise Refused("Unable to process input image. Please retry or report in the troubleshooting guide.")


def unbase64(text: str, at: str) -> bytes:
    """Bytes on the wire are base64, in the standard or the URL alphabet (proto3 JSON mapping). Raises Refused."""
    try:
        return base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError) as error:
        raise violation(snake(at), f"Invalid value at '{snake(at)}' (TYPE_BYTES), Base64 decoding failed") from error
