"""Does a schema keep the rules of strict mode, and which value fits it? Pure.

Rules: the vendor's guide on structured outputs (every object closed, every property required, the root an object).
Wording of the first: nerdai/llm-agents-from-scratch #861; the rest is unverified.
"""

from collections.abc import Iterator
from typing import cast

from tests.standins.model.refused import Refused

Schema = dict[str, object]
MAX_DEPTH = 10
KINDS: dict[str, object] = {"integer": 0, "number": 0.5, "boolean": True, "null": None}


def check_schema(schema: Schema, strict: bool, what: str, param: str, code: str) -> None:
    """Raises Refused. `what` is `function 'NAME'` or `response_format 'NAME'`."""
    head = f"Invalid schema for {what}: "
    if schema.get("type") != "object":
        got = f'"{schema.get("type")}"'
        raise Refused(f"{head}schema must be a JSON Schema of 'type: \"object\"', got 'type: {got}'.", param, code)
    for complaint in _complaints(schema, (), 0) if strict else ():
        raise Refused(head + complaint, param, code)


def _complaints(schema: Schema, where: tuple[str, ...], depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        yield f"{MAX_DEPTH} levels of nesting exceeded."
        return
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield f"In context={where}, 'additionalProperties' is required to be supplied and to be false."
        required = cast("list[str]", schema.get("required") or [])
        missing = [name for name in _children(schema) if name not in required]
        if missing:
            yield (
                f"In context={where}, 'required' is required to be supplied and to be an array including every key in "
                f"properties. Missing '{missing[0]}'."
            )
    for name, child in _children(schema).items():
        yield from _complaints(child, (*where, "properties", name), depth + 1)
    if isinstance(items := schema.get("items"), dict):
        yield from _complaints(cast("Schema", items), (*where, "items"), depth + 1)


def _children(schema: Schema) -> dict[str, Schema]:
    return cast("dict[str, Schema]", schema.get("properties") or {})


def instance(schema: Schema, text: str) -> object:
    """A value that fits `type`, `enum`, `const`, `properties` and `items` of the schema; its texts are `text`."""
    if "const" in schema:
        return schema["const"]
    if isinstance(choices := schema.get("enum"), list):
        return cast("list[object]", choices)[0]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = cast("list[object]", kind)[0]
    if kind == "object" or (kind is None and "properties" in schema):
        return {name: instance(child, text) for name, child in _children(schema).items()}
    if kind == "array":
        return [instance(cast("Schema", schema.get("items") or {}), text)]
    return KINDS.get(str(kind), text)
