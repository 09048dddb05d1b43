"""Is this table of the right shape? Strict decoding that finds every problem, with path, reason and fix."""

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec

from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.secrets import WRITE_A_REFERENCE, SecretRef
from quarterdeck.base.settings import ConnectionConfig, ProviderConfig

S = TypeVar("S", bound=msgspec.Struct)

_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    object: "any value",
    SecretRef: "a secret reference",
}


class ConfigRefusals(ConfigRefused):
    """Everything that is wrong, in `problems`; as a ConfigRefused it stands for the first of them."""

    def __init__(self, problems: Sequence[ConfigRefused]) -> None:
        first = problems[0]
        super().__init__(first.field, first.reason, first.fix)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def decode_settings(table: Mapping[str, object], kind: type[S], path: str) -> S:
    """A channel's, provider's or tool's own settings from its raw table.

    `path` is the table's place, such as `connections.tg`. Raises ConfigRefusals with all problems: unknown
    keys (with the nearest known one, common keys included), missing keys, wrong types and plain-text secrets.
    """
    common = {"connections": ConnectionConfig, "providers": ProviderConfig}.get(path.split(".", maxsplit=1)[0])
    known = () if common is None else (name for name in common.__struct_fields__ if name != "options")
    problems: list[ConfigRefused] = []
    decoded = decode_struct(table, kind, path, problems, tuple(known))
    if decoded is None or problems:
        raise ConfigRefusals(problems)
    return decoded


def decode_struct(
    table: object, kind: type[S], path: str, problems: list[ConfigRefused], known: tuple[str, ...] = ()
) -> S | None:
    """`table` as a `kind`, or None after adding to `problems`. `known` keys only help suggestions."""
    if not isinstance(table, dict):
        problems.append(ConfigRefused(path, "this must be a table", f"Write it as [{path}]"))
        return None
    before = len(problems)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    values: dict[str, object] = {}
    for key, value in _folded(cast("dict[str, object]", table), fields).items():
        if key not in fields:
            problems.append(_unknown_key(key, path, (*fields, *known)))
        else:
            values[fields[key].name] = _decode(value, fields[key].type, join(path, key), problems)
    for name, field in fields.items():
        if field.required and field.name not in values:
            reason = "this is missing"
            problems.append(ConfigRefused(join(path, name), reason, _expectation(field.type)))
    if len(problems) > before:
        return None
    try:
        return kind(**values)
    except (ValueError, TypeError) as exc:
        problems.append(ConfigRefused(path, str(exc), "Correct this table"))
        return None


def join(path: str, key: str) -> str:
    """The path of `key` within `path`, as TOML would write it."""
    name = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"'
    return f"{path}.{name}" if path else name


def suggestion(word: str, known: Iterable[str]) -> str:
    """`Did you mean x?`, or the list of what is known."""
    names = [name for name in dict.fromkeys(known) if name != "options"]
    near = close_to(word, names)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Known here: {', '.join(names)}" if names else "Remove it"


def close_to(word: str, names: Iterable[str]) -> list[str]:
    """The one of `names` that is most like `word`, if one is."""
    import difflib  # only for a word that is wrong

    return difflib.get_close_matches(word, list(names), n=1)


def bare(kind: object) -> object:
    """A type without its annotations and without `| None`."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        rest = [arm for arm in get_args(kind) if arm is not type(None)]
        if len(rest) == 1:
            return bare(rest[0])
    return kind


def annotations(kind: object) -> tuple[msgspec.Meta, ...]:
    """The Meta values of a type, the outermost last."""
    if get_origin(kind) is not Annotated:
        return ()
    inner, *metas = get_args(kind)
    return (*annotations(inner), *(meta for meta in metas if isinstance(meta, msgspec.Meta)))


def description(kind: object) -> str:
    """The one sentence that documents a field of this annotated type."""
    return next((meta.description for meta in reversed(annotations(kind)) if meta.description), "")


def type_text(kind: object) -> str:
    """A type in words."""
    kind = bare(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " | ".join(f'"{value}"' for value in arguments)
    if origin in (list, tuple):
        return f"a list of {type_text(arguments[0])}"
    if origin is dict or is_struct(kind):
        return "a table"
    return _WORDS.get(cast("type", kind), "a value")


def is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not SecretRef


def _decode(value: object, kind: object, path: str, problems: list[ConfigRefused]) -> object:
    """`value` as `kind`; None after adding a problem."""
    plain = bare(kind)
    origin, arguments = get_origin(plain), get_args(plain)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        if plain is SecretRef and isinstance(value, str):
            problems.append(ConfigRefused(path, "a secret stands in plain text", WRITE_A_REFERENCE))
            return None
        return decode_struct(value, plain, path, problems)
    if origin is dict and isinstance(value, dict) and (is_struct(arguments[1]) or get_origin(arguments[1]) is dict):
        items = cast("dict[str, object]", value).items()
        return {key: _decode(item, arguments[1], join(path, key), problems) for key, item in items}
    if origin is tuple and isinstance(value, list) and isinstance(bare(arguments[0]), type):
        entries = enumerate(cast("list[object]", value))
        return tuple(_decode(item, arguments[0], f"{path}[{index}]", problems) for index, item in entries)
    try:
        return msgspec.convert(value, cast("type[object]", kind), strict=True)
    except msgspec.ValidationError as exc:
        reason = re.sub(r" - at `\$.*`$", "", str(exc))
        reason = reason[0].lower() + reason[1:]
        problems.append(ConfigRefused(path, reason, _fix(cast("object", value), kind)))
        return None


def _fix(value: object, kind: object) -> str:
    plain = bare(kind)
    if get_origin(plain) is Literal and isinstance(value, str):
        near = close_to(value, [str(choice) for choice in get_args(plain)])
        if near:
            return f'Did you mean "{near[0]}"? {_expectation(kind)}'
    return _expectation(kind)


def _expectation(kind: object) -> str:
    return f"Write {type_text(kind)}. {description(kind)}".rstrip(". ")


def _unknown_key(key: str, path: str, known: Iterable[str]) -> ConfigRefused:
    return ConfigRefused(join(path, key), "this key is unknown", suggestion(key, known))


def _folded(table: dict[str, object], fields: Mapping[str, object]) -> dict[str, object]:
    """Where a type keeps `options`, every key that is not one of its own belongs there."""
    if "options" not in fields:
        return table
    own = {key: value for key, value in table.items() if key in fields and key != "options"}
    return {**own, "options": {key: value for key, value in table.items() if key not in own}}
