"""May the answer be asked for in this JSON Schema, and what fits it?

Limits: the vendor's page "Structured outputs" (platform.claude.com/docs/en/build-with-claude/structured-outputs) and
what the vendor's client takes out before it sends a schema (anthropic 2.14.0, lib/_parse/_transform.py).
"""

from collections.abc import Mapping, Sequence
from typing import cast

from tests.standins.anthropic.refused import Refused

ANYWHERE = {
    "type",
    "description",
    "title",
    "default",
    "enum",
    "const",
    "anyOf",
    "allOf",
    "$ref",
    "$defs",
    "definitions",
}
BY_TYPE = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems"},
    "string": {"format", "pattern"},
}
FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
MAX_DEPTH = 50
Schema = Mapping[str, object]


def check(schema: Schema, path: str, depth: int = 0) -> None:
    """Refuse what is not supported. Raises Refused."""
    if depth > MAX_DEPTH:
        raise Refused(f"{path}: Schema is too complex.")
    found = schema.get("type", "")
    kinds = [str(kind) for kind in cast("list[object]", found if isinstance(found, list) else [found])]
    for field in schema:
        if field not in ANYWHERE.union(*(BY_TYPE.get(kind, ()) for kind in kinds)):
            raise Refused(f"{path}: For '{kinds[0]}' type, property '{field}' is not supported")
    _check_values(schema, kinds, path)
    for inner in _inner(schema):
        check(inner, path, depth + 1)


def _check_values(schema: Schema, kinds: list[str], path: str) -> None:
    if "object" in kinds and schema.get("additionalProperties") is not False:
        raise Refused(f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    if "array" in kinds and schema.get("minItems", 0) not in (0, 1):
        raise Refused(f"{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    if "string" in kinds and schema.get("format", "date") not in FORMATS:
        raise Refused(f"{path}: For 'string' type, format '{schema['format']}' is not supported")
    if not str(schema.get("$ref", "#/")).startswith("#/"):  # wording unverified
        raise Refused(f"{path}: external $ref is not supported")


def _inner(schema: Schema) -> list[Schema]:
    found: list[object] = []
    for field in ("properties", "$defs", "definitions"):
        found += _mapping(schema.get(field)).values()
    for field in ("anyOf", "allOf"):
        found += cast("Sequence[object]", schema.get(field) or ())
    found.append(schema.get("items"))
    return [_mapping(one) for one in found if isinstance(one, Mapping)]


def sample(schema: Schema, text: str, root: Schema | None = None) -> object:
    """A value that fits; texts that are free say `text`."""
    root = root or schema
    if isinstance(schema.get("$ref"), str):
        found: object = root
        for step in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = _mapping(found).get(step)
        return sample(_mapping(found), text, root)
    if "const" in schema:
        return schema["const"]
    for field in ("enum", "anyOf", "allOf"):
        if isinstance(choices := schema.get(field), list):
            first = cast("list[object]", choices)[0]
            return first if field == "enum" else sample(_mapping(first), text, root)
    return _of_type(schema, text, root)


def _of_type(schema: Schema, text: str, root: Schema) -> object:
    kind = schema.get("type")
    match cast("list[object]", kind)[0] if isinstance(kind, list) else kind:
        case "object":
            fields = _mapping(schema.get("properties"))
            return {name: sample(_mapping(inner), text, root) for name, inner in fields.items()}
        case "array":
            return [sample(_mapping(schema.get("items")), text, root)] if schema.get("minItems") else []
        case "integer" | "number":
            return 0
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return text


def _mapping(value: object) -> Schema:
    return cast("Schema", value) if isinstance(value, Mapping) else {}
