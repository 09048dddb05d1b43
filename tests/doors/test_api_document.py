"""The OpenAPI document: valid, complete, and made of what is served."""

import re

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
