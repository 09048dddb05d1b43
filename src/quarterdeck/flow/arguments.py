"""A model's tool arguments, checked before anything is decided on them."""

import msgspec

from quarterdeck.base.errors import BadInput
from quarterdeck.model.asking import ToolSpec

MAX_ARGUMENTS = 100_000

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
}


class _Property(msgspec.Struct, frozen=True):
    type: str = "string"
    enum: tuple[str, ...] = ()
    max_length: int | None = msgspec.field(default=None, name="maxLength")


class _Schema(msgspec.Struct, frozen=True):
    properties: dict[str, _Property] = msgspec.field(default_factory=dict[str, _Property])
    required: tuple[str, ...] = ()


def check_arguments(text: str, spec: ToolSpec) -> str:
    """The arguments as canonical JSON (sorted keys). Raises BadInput naming the argument, the reason and the fix.

    Understands what built-in tools declare: an object of typed properties, `required`, `enum`, `maxLength`.
    """
    if len(text) > MAX_ARGUMENTS:
        raise BadInput("arguments", f"are longer than {MAX_ARGUMENTS} characters", "Send less.")
    try:
        value: object = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput("arguments", f"are not valid JSON: {error}", "Send one JSON object.") from error
    if not isinstance(value, dict):
        raise BadInput("arguments", "are not a JSON object", "Send one JSON object.")
    arguments: dict[str, object] = {str(k): v for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    schema = msgspec.json.decode(spec.parameters, type=_Schema)
    for name in schema.required:
        if name not in arguments:
            raise BadInput(name, "is missing", f"{spec.name} needs: {', '.join(schema.required)}.")
    for name, given in arguments.items():
        _check_one(name, given, schema, spec.name)
    return msgspec.json.encode(arguments, order="deterministic").decode()


def _check_one(name: str, given: object, schema: _Schema, tool: str) -> None:
    declared = schema.properties.get(name)
    if declared is None:
        raise BadInput(name, f"is no argument of {tool}", f"It takes: {', '.join(schema.properties) or 'nothing'}.")
    wanted = _TYPES.get(declared.type)
    if wanted is not None and (not isinstance(given, wanted) or (isinstance(given, bool) and wanted is not bool)):
        raise BadInput(name, f"is not of type {declared.type}", f"Send a {declared.type}.")
    if declared.enum and given not in declared.enum:
        raise BadInput(name, f"is {given!r}", f"Choose one of: {', '.join(declared.enum)}.")
    if declared.max_length is not None and isinstance(given, str) and len(given) > declared.max_length:
        raise BadInput(name, f"is longer than {declared.max_length} characters", "Shorten it.")
