"""The OpenAPI document: valid, complete, and made of what is served."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.doors.running import Running


async def test_it_is_valid(gateway: Running) -> None:
    assert gateway.document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(gateway.document).validate()


async def test_it_has_every_route_and_no_other(gateway: Running) -> None:
    described = {(m.upper(), path) for path, operations in gateway.document["paths"].items() for m in operations}
    assert described == {(route.method, route.path) for route in gateway.app.table}
    assert len(described) == len(gateway.app.table)


async def test_every_operation_is_documented(gateway: Running) -> None:
    names = []
    for path, operations in gateway.document["paths"].items():
        for operation in operations.values():
            names.append(operation["operationId"])
            assert operation["summary"].endswith("."), path
            assert "default" in operation["responses"]
            wanted = re.findall(r"{(\w+)}", path)
            assert [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"] == wanted
    assert len(names) == len(set(names))


async def test_every_field_of_a_type_is_described_by_its_type(gateway: Running) -> None:
    session = gateway.document["components"]["schemas"]["Session"]
    assert session["properties"]["created_at"]["format"] == "date-time"
    assert set(session["required"]) >= {"id", "state", "created_at"}
    query = gateway.document["paths"]["/api/v1/sessions"]["get"]["parameters"]
    assert [one["name"] for one in query if one["in"] == "query"] == ["limit", "cursor", "connection"]
    assert query[0]["schema"]["maximum"] == 200


def native(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The operations that are not in OpenAI's words."""
    for path, operations in document["paths"].items():
        if not path.startswith("/v1/"):
            for method, operation in operations.items():
                yield f"{method.upper()} {path}", operation


def check(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)


async def test_every_body_has_an_example_that_fits_its_schema(gateway: Running) -> None:
    document = gateway.document
    seen = 0
    every = [(f"{m} {path}", one) for path, found in document["paths"].items() for m, one in found.items()]
    for where, operation in every:
        answers = [one for status, one in operation["responses"].items() if status != "default"]
        bodies = [operation.get("requestBody", {}), *answers]
        for body in bodies:
            for media, content in body.get("content", {}).items():
                if media == "application/json" and content:
                    assert "example" in content, f"{where}: add one to api/examples.py"
                    check(content["example"], content["schema"], document)
                    seen += 1
    assert seen > 30


async def test_every_schema_has_examples_that_fit(gateway: Running) -> None:
    document = gateway.document
    queries = {"Nothing", "Paged", "SessionsAsk", "StateAsk", "TurnsAsk", "MessagesAsk", "EventsAsk"}
    native_schemas = set(re.findall(r"#/components/schemas/(\w+)", str(dict(native(document)))))
    for name, schema in document["components"]["schemas"].items():
        for value in schema.get("examples", ()):
            check(value, schema, document)
        wanted = name in native_schemas and name not in queries and not name.startswith("OpenAI")
        assert schema.get("examples") or not wanted, f"{name}: add one to api/examples.py"


async def test_every_route_names_its_refusals_with_code_reason_and_next_step(gateway: Running) -> None:
    document = gateway.document
    for where, operation in native(document):
        refusals = {int(status): one for status, one in operation["responses"].items() if status.startswith("4")}
        wanted = {400, 413, 421} | ({401, 403, 429} if operation["security"] else set())
        wanted |= {404} if "{" in where else set()
        assert wanted <= refusals.keys(), where
        for status, refusal in refusals.items():
            examples = refusal["content"]["application/problem+json"]["examples"]
            for code, reference in examples.items():
                problem = document["components"]["examples"][reference["$ref"].rpartition("/")[2]]["value"]
                check(problem, document["components"]["schemas"]["Problem"], document)
                assert (problem["code"], problem["status"]) == (code, status)
                assert problem["detail"]
                assert problem["next_step"]
                assert f"`{code}`" in refusal["description"]


async def test_what_creates_or_changes_takes_a_key_and_what_edits_takes_a_tag(gateway: Running) -> None:
    without = {"/api/v1/signin", "/api/v1/signout", "/hooks/{connection}"}  # each is once by itself
    for where, operation in native(gateway.document):
        method, _, path = where.partition(" ")
        headers = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "header"}
        assert ("Idempotency-Key" in headers) == (method == "POST" and path not in without), where
        assert ("If-Match" in headers) == (method in ("PUT", "PATCH")), where
