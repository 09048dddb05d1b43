"""Which schemas are refused: of `parameters` and `responseSchema` (a subset of OpenAPI), and of JSON Schema?

The fields of the subset: google-genai 3.6.1, types.py, Schema, without additionalProperties, $defs and $ref (the
SDK's _transformers.py refuses the first for this API; the others, const, oneOf, allOf, exclusiveMinimum and more
are quoted as refused in zed-industries/zed #43231 and #44875, decolua/9router #2309 and #3018). Rules and wordings
of the validator: elastic/kibana #286302, anomalyco/opencode #49392, decolua/9router #380. "Unverified" marks a
wording from memory.

The keywords of JSON Schema: types.py, GenerationConfig.response_json_schema, "only the following properties are
supported". Whether the vendor refuses others or ignores them is not published; this stand-in refuses them, so that
a client that relies on one is found out.
"""

from collections.abc import Iterator

from tests.standins.gemini.errors import Refused, broken_rule, violation

Schema = dict[str, object]

FIELDS = frozenset(
    "type format title description nullable enum maxItems minItems properties required minProperties maxProperties "
    "minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum".split()
)
TYPES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
KEYWORDS = frozenset(
    "$id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems minimum maximum "
    "anyOf oneOf properties additionalProperties required propertyOrdering".split()
)
MAX_DEPTH = 32  # unverified: deep schemas are refused, the depth is not published


def check_openapi(schema: Schema, path: str, *, root_object: bool) -> None:
    """Raises Refused for a schema outside the subset; `path` is where it stands, in the vendor's writing."""
    for at, node in _openapi_nodes(schema, path):
        for field in node:
            if field not in FIELDS:
                raise violation(at, f"Unknown name \"{field}\" at '{at}': Cannot find field.")
        if isinstance(node.get("type"), list):
            says = f"Unknown name \"type\" at '{at}': Proto field is not repeating, cannot start list."
            raise violation(at, says)
        _check_node(node, at.replace(".value", ""))
    if root_object and _type(schema) != "OBJECT":
        raise broken_rule(path, "functionDeclaration parameters schema should be of type OBJECT.")


def _openapi_nodes(schema: object, at: str, depth: int = 0) -> Iterator[tuple[str, Schema]]:
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        raise Refused(f"Invalid value at '{at}'")
    node: Schema = schema
    yield at, node
    properties = node.get("properties")
    if isinstance(properties, dict):
        for number, value in enumerate(properties.values()):
            yield from _openapi_nodes(value, f"{at}.properties[{number}].value", depth + 1)
    if "items" in node:
        yield from _openapi_nodes(node["items"], f"{at}.items", depth + 1)
    options = node.get("anyOf")
    for number, option in enumerate(options if isinstance(options, list) else ()):
        yield from _openapi_nodes(option, f"{at}.any_of[{number}]", depth + 1)


def _type(node: Schema) -> str:
    return str(node.get("type", "")).upper()


def _check_node(node: Schema, at: str) -> None:
    kind = _type(node)
    if kind not in TYPES and not (kind == "" and "anyOf" in node):
        enum = "type.googleapis.com/google.ai.generativelanguage.v1beta.Type"
        raise Refused(f"Invalid value at '{at}.type' ({enum}), \"{node.get('type')}\"")
    if kind == "ARRAY" and "items" not in node:
        raise broken_rule(f"{at}.items", "missing field.")
    if kind != "ARRAY" and "items" in node:
        raise broken_rule(f"{at}.items", "field predicate failed: $type == Type.ARRAY")
    if kind != "OBJECT" and "properties" in node:
        raise broken_rule(f"{at}.properties", "only allowed for OBJECT type")
    if kind == "OBJECT" and node.get("properties") == {}:
        raise broken_rule(f"{at}.properties", "should be non-empty for OBJECT type")
    _check_required(node, at)
    _check_values(node, kind, at)


def _check_required(node: Schema, at: str) -> None:
    properties, required = node.get("properties"), node.get("required")
    for number, name in enumerate(required if isinstance(required, list) else ()):
        if not isinstance(properties, dict) or name not in properties:
            raise broken_rule(f"{at}.required[{number}]", "property is not defined")


def _check_values(node: Schema, kind: str, at: str) -> None:
    values = node.get("enum")
    if isinstance(values, list):
        if kind != "STRING":
            raise broken_rule(f"{at}.enum", "only allowed for STRING type")
        for number, value in enumerate(values):
            if not isinstance(value, str):
                raise Refused(f"Invalid value at '{at}.enum[{number}]' (TYPE_STRING), {value}")
            if not value:
                raise broken_rule(f"{at}.enum[{number}]", "cannot be empty")
    given = node.get("format")
    if kind == "STRING" and given is not None and given not in ("enum", "date-time"):
        raise broken_rule(f"{at}.format", "only 'enum' and 'date-time' are supported for STRING type")
    if kind == "STRING" and given == "enum" and not values:
        raise broken_rule(f"{at}.enum", "should be non-empty for STRING type with enum format")


def check_json_schema(schema: object, path: str, *, root_object: bool) -> None:
    """Raises Refused for unpublished keywords and for references that lead nowhere (wordings unverified)."""
    if not isinstance(schema, dict):
        raise Refused(f"Invalid value at '{path}': the schema must be an object")
    root: Schema = schema
    if root_object and root.get("type") != "object":
        raise broken_rule(path, "functionDeclaration parameters schema should be of type OBJECT.")
    definitions = root.get("$defs")
    for at, node in _json_nodes(root, path):
        if unknown := sorted(set(node) - KEYWORDS):
            raise broken_rule(at, f"unsupported JSON Schema keyword {unknown[0]!r}")
        reference = node.get("$ref")
        if reference is None:
            _check_json_values(node, at)
            continue
        if any(not name.startswith("$") for name in node):
            raise broken_rule(at, "no other properties may be set beside $ref")
        name = str(reference).removeprefix("#/$defs/")
        if not isinstance(definitions, dict) or f"#/$defs/{name}" != reference or name not in definitions:
            raise broken_rule(at, f"reference to undefined schema {reference!r}")


def _check_json_values(node: Schema, at: str) -> None:
    values, kinds = node.get("enum"), node.get("type")
    for value in values if isinstance(values, list) else ():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise broken_rule(f"{at}.enum", "only strings and numbers are supported")
    for kind in kinds if isinstance(kinds, list) else [kinds] if kinds is not None else ():
        if str(kind).upper() not in TYPES:
            raise broken_rule(f"{at}.type", f"unknown type {kind!r}")


def _json_nodes(schema: object, at: str, depth: int = 0) -> Iterator[tuple[str, Schema]]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        raise broken_rule(at, "a schema must be an object or a boolean")
    node: Schema = schema
    yield at, node
    for keyword in ("properties", "$defs"):
        inner = node.get(keyword)
        for name, value in inner.items() if isinstance(inner, dict) else ():
            yield from _json_nodes(value, f"{at}.{keyword}[{name}]", depth + 1)
    for keyword in ("items", "additionalProperties"):
        if keyword in node:
            yield from _json_nodes(node[keyword], f"{at}.{keyword}", depth + 1)
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        options = node.get(keyword)
        for number, option in enumerate(options if isinstance(options, list) else ()):
            yield from _json_nodes(option, f"{at}.{keyword}[{number}]", depth + 1)
