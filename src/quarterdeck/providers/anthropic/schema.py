"""How is a JSON Schema written so that answers can be held to it? Pure.

The vendor takes a part of JSON Schema (its page "Structured outputs"; anthropic 2.14.0, lib/_parse/_transform.py):
objects are closed, numbers and texts have no bounds. What it does not take is told to the model as a description.
"""

from collections.abc import Mapping
from typing import cast

from quarterdeck.ports import ProviderFailed

Schema = Mapping[str, object]
FORMATS = frozenset("date-time time date duration email hostname uri ipv4 ipv6 uuid".split())
MAX_DEPTH = 40
_AS_IT_IS = ("type", "title", "enum", "const", "default", "required", "$ref")
_BRANCHES = (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf"))
_SILENT = ("description", "additionalProperties", "oneOf", "$schema", "$id", "$comment")


def held(schema: Schema, depth: int = 0) -> dict[str, object]:
    """The schema in the vendor's part of the language. Raises ProviderFailed (invalid) where it has no end."""
    if depth > MAX_DEPTH:
        raise ProviderFailed("invalid", f"a schema is nested deeper than {MAX_DEPTH} levels", retryable=False)
    written = {field: value for field, value in schema.items() if field in _AS_IT_IS or _taken(field, value)}
    for field in ("properties", "$defs", "definitions"):
        if field in schema:
            written[field] = {name: held(_schema(one), depth + 1) for name, one in _schema(schema[field]).items()}
    for field, name in _BRANCHES:
        if isinstance(branches := schema.get(field), list):
            written[name] = [held(_schema(one), depth + 1) for one in cast("list[object]", branches)]
    if "items" in schema:
        written["items"] = held(_schema(schema["items"]), depth + 1)
    if "$ref" in schema:
        return {field: value for field, value in written.items() if field in ("$ref", "$defs", "definitions")}
    kinds = schema.get("type", "object" if "properties" in schema else None)
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        written |= {"type": kinds, "additionalProperties": False}
    return written | _told(schema, written)


def _taken(field: str, value: object) -> bool:
    return (field == "format" and value in FORMATS) or (field == "minItems" and value in (0, 1))


def _told(schema: Schema, written: Schema) -> dict[str, object]:
    """The description, with what the model can only be asked to keep."""
    limits = [f"{field} {value}" for field, value in schema.items() if field not in written and field not in _SILENT]
    told = [str(schema["description"])] if "description" in schema else []
    told += [f"Limits: {', '.join(limits)}."] if limits else []
    return {"description": " ".join(told)} if told else {}


def _schema(value: object) -> Schema:
    return cast("Schema", value) if isinstance(value, Mapping) else {}
