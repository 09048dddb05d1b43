"""The OpenAPI 3.1 document, made from the route table and its types."""

import re
from collections.abc import Sequence
from typing import cast

import msgspec
from starlette.responses import Response

from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.problems import OpenAIError, Problem
from quarterdeck.api.route import Route

REF = "#/components/schemas/{name}"
BEARER, COOKIE = {"bearer": list[str]()}, {"cookie": list[str]()}
HEADER_DOCS = {
    "Idempotency-Key": "The same key is the same message, however often it is sent.",
    "Last-Event-ID": "Go on behind this event; newer than `cursor`.",
    "X-File-Name": "The file's name, percent-encoded.",
    "X-Quarterdeck-Session": "The name of a durable conversation; without it the conversation lasts one turn.",
}

Json = dict[str, object]


class OpenAPIDoor:
    """Describes the routes; the list is filled after this handler is made, because it is one of them."""

    def __init__(self, routes: Sequence[Route], version: str, public_url: str) -> None:
        self._routes = routes
        self._version = version
        self._public_url = public_url
        self._encoded = b""

    async def openapi(self, call: Call, ask: Nothing) -> Response:
        """GET /api/v1/openapi.json."""
        if not self._encoded:
            self._encoded = msgspec.json.encode(document(self._routes, self._version, self._public_url))
        return Response(self._encoded, 200, media_type="application/json")


def document(routes: Sequence[Route], version: str, public_url: str) -> Json:
    """The whole document."""
    kinds = [
        kind for one in routes for kind in (one.takes, one.gives) if kind is not None and not isinstance(kind, str)
    ]
    unique = list(dict.fromkeys([*kinds, Problem, OpenAIError]))
    references, schemas = msgspec.json.schema_components(unique, schema_hook=_anything, ref_template=REF)
    by_kind = dict(zip(unique, references, strict=True))
    paths: dict[str, Json] = {}
    for one in routes:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, by_kind, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Quarterdeck",
            "version": version,
            "description": "The HTTP doors of a Quarterdeck gateway. Times are RFC 3339 in UTC, ids are text.",
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": schemas,
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
        "responses": {**_success(one, by_kind), "default": _failure(one, by_kind)},
    }
    parameters = [*_path_parameters(one), *_query_parameters(one, by_kind, schemas), *_header_parameters(one)]
    if parameters:
        found["parameters"] = parameters
    if one.method == "POST" and one.media:
        found["requestBody"] = {"required": True, "content": {one.media: {}}}
    elif one.method == "POST" and one.takes is not Nothing:
        body = {"application/json": {"schema": by_kind[one.takes]}}
        found["requestBody"] = {"required": True, "content": body}
    if one.scopes:
        found["security"] = [BEARER] if one.openai else [BEARER, COOKIE]
        found["x-quarterdeck-scopes"] = list(one.scopes)
    else:
        found["security"] = []
    return found


def _success(one: Route, by_kind: dict[object, Json]) -> Json:
    answer: Json = {"description": one.doc}
    if isinstance(one.gives, str):
        answer["content"] = {one.gives: {}}
    elif one.gives is not None:
        content: Json = {"application/json": {"schema": by_kind[one.gives]}}
        if "stream" in one.takes.__struct_fields__:
            content["text/event-stream"] = {}
        answer["content"] = content
    return {str(status): answer for status in (one.status, *one.also)}


def _failure(one: Route, by_kind: dict[object, Json]) -> Json:
    media, kind = ("application/json", OpenAIError) if one.openai else ("application/problem+json", Problem)
    return {"description": "What went wrong, and the next step.", "content": {media: {"schema": by_kind[kind]}}}


def _path_parameters(one: Route) -> list[Json]:
    names = re.findall(r"{(\w+)}", one.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(one: Route, by_kind: dict[object, Json], schemas: dict[str, Json]) -> list[Json]:
    if one.method == "POST":
        return []
    schema = schemas[str(by_kind[one.takes]["$ref"]).rpartition("/")[2]]
    required = cast("list[str]", schema.get("required", []))
    properties = cast("dict[str, Json]", schema["properties"])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": of} for name, of in properties.items()
    ]


def _header_parameters(one: Route) -> list[Json]:
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": HEADER_DOCS[name],
            "schema": {"type": "string"},
        }
        for name in one.headers
    ]
