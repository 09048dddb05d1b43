"""How a client wants to be answered: its wishes as Options, checked, with the field that is not served by name."""

from collections.abc import Collection, Sequence
from typing import Annotated, get_args

import msgspec
from msgspec import Meta

from quarterdeck.base.errors import BadInput
from quarterdeck.model.asking import AnswerForm, Effort, ToolSpec
from quarterdeck.ports import ModelProfile

MOST_TOOLS = 128
TOOLS_BYTES = 256 * 1024  # of all tools, as JSON
SCHEMA_BYTES = 64 * 1024  # of one JSON Schema
DESCRIPTION_LENGTH = 8_192
MOST_STOPS = 4
STOP_LENGTH = 200
MOST_TOKENS = 1_000_000
EFFORTS: tuple[str, ...] = tuple(effort for effort in get_args(Effort) if effort)
SEE = "See /api/v1/openapi.json."

Name = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
"""Names of functions and schemas, as the vendor allows them."""

_plain = msgspec.json.Encoder()


class Function(msgspec.Struct, frozen=True):
    """A tool of the client's own. With `strict` a call whose arguments do not fit is not given to the client."""

    name: Name
    description: str | None = None
    parameters: dict[str, object] | None = None
    strict: bool | None = None


def client_tools(
    named: Sequence[tuple[str, Function]], own: Collection[str], profile: ModelProfile
) -> tuple[ToolSpec, ...]:
    """The client's tools; each comes with its place. `own` are the tools of the assistant."""
    if len(named) > MOST_TOOLS:
        raise BadInput("tools", f"are more than {MOST_TOOLS}", "Leave some out.")
    if named and not profile.tools:
        raise BadInput("tools", "cannot be called by this assistant's model", "Leave them out, or ask another one.")
    found: dict[str, ToolSpec] = {}
    for where, function in named:
        if function.name in found or function.name in own:
            whose = "is there twice" if function.name in found else "is the name of one of the assistant's own tools"
            raise BadInput(f"{where}.name", f"{function.name!r} {whose}", "Choose another name.")
        if len(function.description or "") > DESCRIPTION_LENGTH:
            raise BadInput(f"{where}.description", f"is longer than {DESCRIPTION_LENGTH} characters", "Shorten it.")
        parameters = schema(f"{where}.parameters", function.parameters or {"type": "object", "properties": {}})
        found[function.name] = ToolSpec(
            function.name, function.description or "", parameters, strict=bool(function.strict)
        )
    if sum(len(one.parameters) + len(one.description) for one in found.values()) > TOOLS_BYTES:
        raise BadInput("tools", f"are larger than {TOOLS_BYTES} bytes together", "Leave some out.")
    return tuple(found.values())


def schema(where: str, value: dict[str, object]) -> str:
    """A JSON Schema as text."""
    text = _plain.encode(value).decode()
    if len(text) > SCHEMA_BYTES:
        raise BadInput(where, f"is larger than {SCHEMA_BYTES} bytes", "Shorten it.")
    return text


def chosen(where: str, name: str, tools: Sequence[ToolSpec], own: Collection[str]) -> str:
    """A tool that is to be called."""
    if name not in own and name not in (tool.name for tool in tools):
        raise BadInput(where, f"there is no tool {name!r} in this request", "Name one of `tools`.")
    return name


def mode(where: str, choice: str, tools: Sequence[ToolSpec], own: Collection[str]) -> str:
    """A choice of tools in one word."""
    if choice not in ("auto", "none", "required"):
        raise BadInput(where, f"{choice!r} is not known", "Choose auto, none, required, or name a function.")
    if choice == "required" and not (tools or own):
        raise BadInput(where, "is required, and there are no tools", "Send tools.")
    return "" if choice == "auto" else choice


def form(
    where: str, kind: str, name: str | None, value: dict[str, object] | None, *, strict: bool | None
) -> AnswerForm | None:
    """The form of the answer: None for text."""
    match kind:
        case "text":
            return None
        case "json_object":
            return AnswerForm()
        case "json_schema":
            if name is None or value is None:
                raise BadInput(f"{where}.{'name' if name is None else 'schema'}", "is missing", SEE)
            return AnswerForm(schema(f"{where}.schema", value), name, bool(strict))
        case _:
            raise BadInput(f"{where}.type", f"{kind!r} is not known", "Choose text, json_object or json_schema.")


def effort(where: str, value: str | None) -> Effort:
    """How hard to think."""
    for known in get_args(Effort):
        if known == (value or ""):
            return known
    raise BadInput(where, f"{value!r} is not served", f"Choose one of: {', '.join(EFFORTS)}.")


def stops(value: str | list[str] | None) -> tuple[str, ...]:
    """Texts at which an answer ends."""
    found = () if value is None else (value,) if isinstance(value, str) else tuple(value)
    if len(found) > MOST_STOPS or any(not text or len(text) > STOP_LENGTH for text in found):
        raise BadInput("stop", f"takes 1 to {MOST_STOPS} texts of 1 to {STOP_LENGTH} characters", "Shorten it.")
    return found


def within(field: str, value: float | None, least: float, most: float) -> None:
    """Raises BadInput for a number out of its range."""
    if value is not None and not least <= value <= most:
        raise BadInput(field, f"is not between {least:g} and {most:g}", "Send a number within.")


def refuse(field: str, value: object, *harmless: object, step: str = "Leave it out.") -> None:
    """Raises BadInput for a wish that would silently mean nothing here; None and `harmless` values mean nothing."""
    if value is not None and value not in harmless:
        raise BadInput(field, "is not supported", step)
