"""How does one learn what can be set? The editor's schema and the reference page, made from the settings'
types.
"""

from collections.abc import Iterator
from typing import cast, get_args, get_origin

import msgspec

from quarterdeck.base.config_env import PREFIX
from quarterdeck.base.decode import annotations, bare, description, is_struct, type_text
from quarterdeck.base.settings import Config

_NAMES = {
    "providers": "NAME",
    "assistants": "NAME",
    "connections": "NAME",
    "tools": "NAME",
    "prices": '"PROVIDER/MODEL"',
}


def json_schema() -> dict[str, object]:
    """JSON Schema (2020-12) of the configuration file, for editors."""
    schema = cast("dict[str, object]", msgspec.json.schema(Config, schema_hook=_any_value))
    for definition in cast("dict[str, dict[str, object]]", schema["$defs"]).values():
        properties = cast("dict[str, object]", definition.get("properties", {}))
        if properties.pop("options", None) is not None:
            # In the file these are further keys of the same table.
            definition["additionalProperties"] = True
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Quarterdeck", **schema}


def reference_markdown() -> str:
    """The reference page: one table per section."""
    lines = ["# Configuration", "", _intro(), ""]
    sections = [field for field in msgspec.structs.fields(Config) if _table_of(field.type) is not None]
    plain = [field for field in msgspec.structs.fields(Config) if _table_of(field.type) is None]
    lines += ["## Top level", "", *_rows(plain, "", "live"), ""]
    for field in sections:
        path = field.name if is_struct(bare(field.type)) else f"{field.name}.{_NAMES.get(field.name, '')}".strip(".")
        lines += [f"## [[{path}]]" if _is_list(field.type) else f"## [{path}]", "", description(field.type), ""]
        table = _table_of(field.type)
        if table is not None:
            lines += [*_rows(msgspec.structs.fields(table), path, _rule(field.type, "live")), ""]
    return "\n".join(lines)


def _any_value(kind: type) -> dict[str, object]:
    if kind is object:
        return {"type": ["string", "number", "boolean", "array", "object"]}
    raise NotImplementedError(f"{kind} has no schema")


def _intro() -> str:
    return (
        "Each setting can also be given as an environment variable: `"
        + PREFIX
        + "<SECTION>__<KEY>`, such as `"
        + PREFIX
        + "SERVER__PORT`. A secret is always a reference: "
        '`{ env = "NAME" }`, `{ file = "/path" }` or `{ command = ["program"] }`.'
    )


def _table_of(kind: object) -> type[msgspec.Struct] | None:
    """The struct behind a section, also where the section is a table of named tables or a list of tables."""
    plain = bare(kind)
    if get_origin(plain) is dict:
        plain = bare(get_args(plain)[1])
    elif _is_list(plain):
        plain = bare(get_args(plain)[0])
    return plain if isinstance(plain, type) and issubclass(plain, msgspec.Struct) else None


def _is_list(kind: object) -> bool:
    return get_origin(bare(kind)) is tuple


def _rows(
    fields: tuple[msgspec.structs.FieldInfo, ...] | list[msgspec.structs.FieldInfo], path: str, rule: str
) -> Iterator[str]:
    yield "| setting | value | default | change takes effect | meaning |"
    yield "|---|---|---|---|---|"
    for field in fields:
        name = f"{path}.{field.name}" if path else field.name
        if field.name == "options":
            name = f"{path}.*"
        effect = "after a restart" if _rule(field.type, rule) == "restart" else "at once"
        value = type_text(field.type).replace("|", "\\|")
        yield f"| `{name}` | {value} | {_default(field)} | {effect} | {description(field.type)} |"


def _rule(kind: object, inherited: str) -> str:
    extras = [meta.extra for meta in annotations(kind) if meta.extra]
    return next((str(extra["reload"]) for extra in extras if "reload" in extra), inherited)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default is msgspec.NODEFAULT or field.default is None or field.default == "":
        return ""
    return f"`{msgspec.json.encode(field.default).decode()}`"
