"""The OpenAPI 3.1 document, made from the route table, its types, their examples and the refusals of each route."""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import cast

import msgspec

from quarterdeck.api import refusals
from quarterdeck.api.call import KEY_LENGTH, Nothing
from quarterdeck.api.etags import TAGS_LENGTH
from quarterdeck.api.examples import PARAMETERS, by_type, example
from quarterdeck.api.keeping import HEADER, SECRET_LENGTH
from quarterdeck.api.problems import OpenAIError, Problem
from quarterdeck.api.route import Route

REF = "#/components/schemas/{name}"
BEARER, COOKIE = {"bearer": list[str]()}, {"cookie": list[str]()}
_LIMITED = ("RateLimit", "RateLimit-Policy")
HEADER_DOCS = {
    "Idempotency-Key": "A text of the client's choice, such as a UUID: with it the same request is done once, however"
    " often it is sent, and answered alike for at least 24 hours (a message: as long as it is there, with what became"
    " of it). The same key with another request is refused.",
    "If-Match": "The ETag of what was read; the change is made only if that is still so.",
    "Last-Event-ID": "Go on behind this event; newer than `cursor`.",
    "X-File-Name": "The file's name, percent-encoded.",
    "X-Quarterdeck-Session": "The name of a durable conversation; without it the conversation lasts one turn.",
}

DESCRIPTION = """The HTTP doors of a Quarterdeck gateway. Times are RFC 3339 in UTC, ids are text. Lists come in
pages: `next_cursor` of one is the `cursor` of the next. Refusals are problems (RFC 9457) with a stable `code`, the
`field` where one is wrong, the reason and the next step. `RateLimit` says what remains of the requests of an asker.
Any method that an address does not take is answered 405 with `Allow`; OPTIONS names what it takes."""

Json = dict[str, object]

HEADERS: Json = {
    "ETag": {"description": "The tag of what is shown, for If-Match.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}},
    "RateLimit": {"description": "What remains: requests `r`, whole again in `t` s.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "The quota `q` of `w` seconds.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {"description": "`true`: the answer of before.", "schema": {"type": "string"}},
}


def document(routes: Sequence[Route], version: str, public_url: str) -> Json:
    """The whole document."""
    kinds = [
        kind for one in routes for kind in (one.takes, one.gives) if kind is not None and not isinstance(kind, str)
    ]
    unique = list(dict.fromkeys([*kinds, Problem, OpenAIError]))
    references, schemas = msgspec.json.schema_components(unique, schema_hook=_anything, ref_template=REF)
    by_kind = dict(zip(unique, references, strict=True))
    paths: dict[str, Json] = {}
    for kind, reference in by_kind.items():
        if (value := example(kind)) is not None:
            _schema(reference, schemas)["examples"] = [value]
    for kind, value in by_type().items():
        if (schema := schemas.get(getattr(kind, "__name__", ""))) is not None:
            schema.setdefault("examples", [value])
    schemas["Problem"]["examples"] = list(refusals.examples().values())
    for one in routes:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, by_kind, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Quarterdeck",
            "version": version,
            "description": DESCRIPTION,
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "examples": {code: {"value": problem} for code, problem in refusals.examples().items()},
            "headers": HEADERS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An access token, `qd_...`."},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "qd_session",
                    "description": "A signed-in browser; changes need X-Quarterdeck: 1 and the site's own Origin.",
                },
            },
        },
    }


def _anything(kind: type) -> Json:
    """The schema of a value that may be whatever JSON has."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError(str(kind))


def _operation(one: Route, by_kind: dict[object, Json], schemas: dict[str, Json]) -> Json:
    found: Json = {
        "operationId": one.name,
        "summary": one.doc,
        "responses": {**_success(one, by_kind), **_refusals(one, by_kind), "default": _failure(one, by_kind)},
    }
    parameters = [*_path_parameters(one), *_query_parameters(one, by_kind, schemas), *_header_parameters(one)]
    if parameters:
        found["parameters"] = parameters
    if one.has_body and one.media:
        found["requestBody"] = {"required": False, "content": {one.media: {}}}  # an empty file is one
    elif one.has_body and one.takes is not Nothing:
        content = {"application/json": _shaped(one.takes, by_kind)}
        found["requestBody"] = {"required": _needed(one.takes), "content": content}
    if one.scopes:
        found["security"] = [BEARER] if one.openai else [BEARER, COOKIE]
        found["x-quarterdeck-scopes"] = list(one.scopes)
    else:
        found["security"] = []
    return found


def _success(one: Route, by_kind: dict[object, Json]) -> Json:
    answer: Json = {"description": one.doc}
    named = [*_LIMITED[: 2 * bool(one.scopes)], *["ETag"] * one.tagged, *["Idempotency-Replayed"] * one.keyed]
    if named:
        answer["headers"] = _headers(*named)
    if isinstance(one.gives, str):
        answer["content"] = {media: {} for media in one.gives.split(", ")}
    elif one.gives is not None:
        content: Json = {"application/json": _shaped(one.gives, by_kind)}
        if "stream" in one.takes.__struct_fields__:
            content["text/event-stream"] = {}
        answer["content"] = content
    return {str(status): answer for status in (one.status, *one.also)}


def _shaped(kind: object, by_kind: dict[object, Json]) -> Json:
    """A body of JSON with its example."""
    value = example(kind)
    return {"schema": by_kind[kind]} | ({} if value is None else {"example": value})


def _needed(kind: type[msgspec.Struct]) -> bool:
    """Whether no body at all is too little."""
    return any(field.required for field in msgspec.structs.fields(kind))


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _refusals(one: Route, by_kind: dict[object, Json]) -> Json:
    """Every status with which the route refuses, and the problems that have it."""
    if one.openai:
        return {}
    found: dict[str, Json] = {}
    for status, group in groupby(refusals.kinds(one), refusals.status):
        if status in one.also:
            continue
        of_status = list(group)
        found[str(status)] = {
            "description": " ".join(f"`{kind.code}`: {refusals.meaning(kind)}" for kind in of_status),
            "content": {
                "application/problem+json": {
                    "schema": by_kind[Problem],
                    "examples": {kind.code: {"$ref": f"#/components/examples/{kind.code}"} for kind in of_status},
                }
            },
        }
        if status in (429, 503):
            found[str(status)]["headers"] = _headers("Retry-After")
    return dict(found)


def _failure(one: Route, by_kind: dict[object, Json]) -> Json:
    media, kind = ("application/json", OpenAIError) if one.openai else ("application/problem+json", Problem)
    return {"description": "What went wrong inside, and the next step.", "content": {media: {"schema": by_kind[kind]}}}


def _path_parameters(one: Route) -> list[Json]:
    names = re.findall(r"{(\w+)}", one.path)
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": PARAMETERS[name]}
        for name in names
    ]


def _query_parameters(one: Route, by_kind: dict[object, Json], schemas: dict[str, Json]) -> list[Json]:
    if one.has_body:
        return []
    schema = _schema(by_kind[one.takes], schemas)
    required = cast("list[str]", schema.get("required", []))
    properties = cast("dict[str, Json]", schema["properties"])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": of} for name, of in properties.items()
    ]


def _schema(reference: Json, schemas: dict[str, Json]) -> Json:
    return schemas[str(reference["$ref"]).rpartition("/")[2]]


def _length(name: str, one: Route) -> Json:
    """How long a header's text may be, and must be."""
    if name == "If-Match":
        return {"minLength": 1, "maxLength": TAGS_LENGTH}
    least: Json = {"minLength": SECRET_LENGTH} if name == HEADER and one.secret else {}
    return {**least, "maxLength": KEY_LENGTH}


def _header_parameters(one: Route) -> list[Json]:
    return [
        {
            "name": name,
            "in": "header",
            "required": name == "If-Match",
            "description": HEADER_DOCS[name],
            "schema": {"type": "string", **_length(name, one)},
        }
        for name in one.headers
    ]
