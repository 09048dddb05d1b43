"""How is a JSON Schema put into the part of it that the API knows? Pure.

The API knows: $defs $ref type format description enum (strings and numbers) items prefixItems minItems maxItems
minimum maximum anyOf properties additionalProperties required; nothing beside a $ref (types.py, GenerationConfig.
response_json_schema). What it refuses or forgets is rewritten where that says the same (const, oneOf, allOf,
exclusive bounds of integers, null in an enum, tuples, definitions), else said in the description, so that the model
is told of it; `flow/arguments.py` checks arguments against the original anyway. Titles, ids and comments are left
out.
"""

from collections.abc import Callable, Mapping
from types import UnionType
from typing import cast

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.ports import ProviderFailed

Schema = dict[str, object]

MAX_DEPTH = 30
MAX_NODES = 5_000
MAX_NOTE = 200
_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_KEPT: Mapping[str, type | UnionType] = {
    "format": str,
    "description": str,
    "minItems": int,
    "maxItems": int,
    "minimum": int | float,
    "maximum": int | float,
}
_SAID = (
    *("default", "examples", "pattern", "minLength", "maxLength", "multipleOf", "uniqueItems", "minProperties"),
    *("maxProperties", "patternProperties", "propertyNames", "contains", "not", "if", "then", "else"),
    *("dependentRequired", "dependentSchemas", "unevaluatedProperties", "contentEncoding", "contentMediaType"),
)
_DEFS = "#/$defs/"
_encode = msgspec.json.Encoder(order="deterministic").encode
_decoder = msgspec.json.Decoder(dict[str, object])


def of_tool(name: str, text: str) -> Schema:
    """The parameters of a tool, from JSON text. Raises ProviderFailed (invalid) unless they describe an object."""
    written = _translated(f"the parameters of the tool {name}", text)
    kind = written.get("type", "object")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        raise ProviderFailed("invalid", f"the parameters of the tool {name} are not an object", retryable=False)
    return {**written, "type": "object"}


def of_answer(text: str) -> Schema:
    """The form of an answer, from JSON text. Raises ProviderFailed (invalid)."""
    return _translated("the schema of the answer", text)


def _translated(what: str, text: str) -> Schema:
    try:
        original = _decoder.decode(text)
        return _Translator(original).root()
    except UNREADABLE:
        raise ProviderFailed("invalid", f"{what}: not a JSON object", retryable=False) from None


class _Translator:
    """One schema, whose $defs are those of its root."""

    def __init__(self, original: Schema) -> None:
        self._original = original
        definitions = _object(original.get("definitions")) | _object(original.get("$defs"))
        self._definitions: Mapping[str, object] = definitions
        self._visited = 0

    def root(self) -> Schema:
        """The whole schema. A reference at the root is followed: the API wants a type there."""
        node, seen = self._original, set[str]()
        while (name := self._named(node)) is not None and name not in seen:
            seen.add(name)
            node = _object(self._definitions[name])
        written = self._node(node, 0)
        if self._definitions:
            written["$defs"] = {name: self._node(inner, 1) for name, inner in self._definitions.items()}
        return written

    def _named(self, node: Schema) -> str | None:
        """The definition that a node refers to."""
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return None
        name = reference.replace("#/definitions/", _DEFS, 1).removeprefix(_DEFS)
        return name if name in self._definitions and reference != name else None

    def _visit(self, depth: int) -> None:
        self._visited += 1
        if depth > MAX_DEPTH or self._visited > MAX_NODES:
            reason = f"a schema is deeper than {MAX_DEPTH} or larger than {MAX_NODES} parts"
            raise ProviderFailed("invalid", reason, retryable=False)

    def _node(self, given: object, depth: int) -> Schema:
        self._visit(depth)
        node = self._merged(_object(given), depth)
        if "$ref" in node:
            return self._reference(node)
        written = _plain(node)
        notes: list[str] = [f"{key}: {_short(node[key])}" for key in _SAID if key in node]
        _bounds(node, written, notes)
        _values(node, written, notes)
        if node.get("nullable") is True:
            _allow_null(written)
        self._inner(node, written, depth)
        _required(node, written, notes)
        if notes:
            described = written.get("description")
            said = f"({'; '.join(notes)})"
            written["description"] = f"{described} {said}" if isinstance(described, str) and described else said
        return written

    def _reference(self, node: Schema) -> Schema:
        """Nothing may stand beside a $ref; one that leads nowhere is any value."""
        name = self._named(node)
        described = {"description": node["description"]} if isinstance(node.get("description"), str) else {}
        if name is None:
            return dict(described)
        pointer: Schema = {"$ref": _DEFS + name}
        return {"anyOf": [pointer], **described} if described else pointer

    def _merged(self, node: Schema, depth: int, within: frozenset[str] = frozenset()) -> Schema:
        """The members of `allOf` in the node itself: what several of them say, the first says.

        A definition that is a member of itself says nothing.
        """
        self._visit(depth)
        members = node.get("allOf")
        if not isinstance(members, list):
            return node
        merged: Schema = {key: value for key, value in node.items() if key != "allOf"}
        for member in cast("list[object]", members):
            part, inside = _object(member), within
            if (name := self._named(part)) is not None:
                part, inside = ({}, within) if name in within else (_object(self._definitions[name]), within | {name})
            part = self._merged(part, depth + 1, inside)
            for key in ("properties", "required"):
                if key in part and key in merged:
                    merged[key] = _joined(merged[key], part[key])
            merged = {**part, **merged}
        return merged

    def _inner(self, node: Schema, written: Schema, depth: int) -> None:
        def each(value: object) -> Schema:
            return self._node(value, depth + 1)

        properties = node.get("properties")
        if isinstance(properties, dict):
            written["properties"] = {key: each(value) for key, value in _object(cast("object", properties)).items()}
        extra = node.get("additionalProperties")
        if isinstance(extra, bool):
            written["additionalProperties"] = extra
        elif isinstance(extra, dict):
            written["additionalProperties"] = each(cast("object", extra))
        _list_items(node, written, each)
        options = [*_list(node.get("anyOf")), *_list(node.get("oneOf"))]
        if options:
            written["anyOf"] = [each(option) for option in options]


def _plain(node: Schema) -> Schema:
    """The keywords whose values stand as they are; a value of the wrong kind is left out."""
    written: Schema = {}
    kinds = [kind for kind in _list(node.get("type")) or [node.get("type")] if kind in _TYPES]
    if kinds:
        written["type"] = kinds if isinstance(node.get("type"), list) else kinds[0]
    for key, kind in _KEPT.items():
        value = node.get(key)
        if isinstance(value, kind) and not isinstance(value, bool):
            written[key] = value
    return written


def _required(node: Schema, written: Schema, notes: list[str]) -> None:
    """Names of properties that are described; others are only said."""
    names = [name for name in _list(node.get("required")) if isinstance(name, str)]
    described = _object(written.get("properties"))
    if known := [name for name in names if name in described]:
        written["required"] = known
    if unknown := [name for name in names if name not in described]:
        notes.append(f"required: {_short(unknown)}")


def _list_items(node: Schema, written: Schema, each: Callable[[object], Schema]) -> None:
    """`items` may be a list in older drafts: then it is a tuple."""
    items = node.get("items")
    if isinstance(items, dict):
        written["items"] = each(cast("object", items))
    prefix = _list(cast("object", items)) or _list(node.get("prefixItems"))
    if prefix:
        written["prefixItems"] = [each(item) for item in prefix]


def _bounds(node: Schema, written: Schema, notes: list[str]) -> None:
    """An exclusive bound of an integer is the next integer; of a number it is only said. Draft 4 has it as a flag."""
    for exclusive, inclusive, step, said in (
        ("exclusiveMinimum", "minimum", 1, "more than"),
        ("exclusiveMaximum", "maximum", -1, "less than"),
    ):
        bound = node.get(exclusive)
        if bound is True:
            bound = written.pop(inclusive, None)
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            continue
        if node.get("type") == "integer" and isinstance(bound, int):
            written.setdefault(inclusive, bound + step)
        else:
            notes.append(f"{said} {bound:g}")


def _values(node: Schema, written: Schema, notes: list[str]) -> None:
    """Of the values of an enum only strings and numbers can be written; null becomes a type."""
    given = [node["const"]] if "const" in node else _list(node.get("enum"))
    if not given:
        return
    kept = [value for value in given if isinstance(value, str | int | float) and not isinstance(value, bool)]
    if not kept or len(kept) + (None in given) < len(given):
        notes.append(f"one of: {_short(given)}")
        return
    written["enum"] = kept
    if "type" not in written:
        written["type"] = "string" if all(isinstance(value, str) for value in kept) else "number"
    if None in given:
        _allow_null(written)


def _allow_null(written: Schema) -> None:
    kind = written.get("type")
    if isinstance(kind, str) and kind != "null":
        written["type"] = [kind, "null"]
    elif isinstance(kind, list) and "null" not in kind:
        written["type"] = [*cast("list[object]", kind), "null"]


def _joined(first: object, second: object) -> object:
    """Of two objects the first one's members count; of two lists each value once."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {**_object(cast("object", second)), **_object(cast("object", first))}
    mine, others = _list(cast("object", first)), _list(second)
    return [*mine, *(value for value in others if value not in mine)]


def _object(value: object) -> Schema:
    """A schema may be `true` or `false`; both are any value here."""
    return cast("Schema", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _short(value: object) -> str:
    text = _encode(value).decode()
    return text if len(text) <= MAX_NOTE else text[: MAX_NOTE - 3] + "..."
