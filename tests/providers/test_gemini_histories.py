"""Is every valid request written so that the API takes it? Judged by the stand-in, which knows the vendor's rules."""

import pytest
from hypothesis import HealthCheck, given, reject, settings

from quarterdeck.model.message import Said, ToolResult
from quarterdeck.ports import ModelRequest, ProviderFailed
from quarterdeck.providers.gemini import names, schema, wire
from quarterdeck.providers.gemini.wire import Dialect
from tests.providers.gemini_strategies import histories, objects, requests, tool_names
from tests.standins.gemini import MODELS
from tests.standins.gemini.schemas import check_json_schema
from tests.standins.gemini.server import accept

pytestmark = pytest.mark.timeout(120)
PATIENT = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KNOWN = {model.name: model for model in MODELS}


@PATIENT
@given(requests())
def test_every_valid_request_is_accepted(request: ModelRequest) -> None:
    for thoughts in (False, True):
        call = wire.encode("main", "k0", request, Dialect(thoughts=thoughts))
        accept(call.body, KNOWN[request.model])
        assert call == wire.encode("main", "k0", request, Dialect(thoughts=thoughts))
        assert call.reserve_in >= 1


@PATIENT
@given(histories)
def test_every_valid_history_is_accepted_and_nothing_that_was_said_is_lost(history: tuple[Said, ...]) -> None:
    for model in KNOWN.values():
        if not model.can_generate:
            continue
        request = accept(wire.encode("main", "", ModelRequest(model.name, "", history), Dialect()).body, model)
        parts = [part for content in request.contents for part in content.parts or ()]
        told = "".join(part.text or "" for part in parts if not part.thought)
        answered = [part.function_response.response for part in parts if part.function_response]
        for message in history:
            if isinstance(message, ToolResult):
                assert any(message.text in (given or {}).values() for given in answered)
            else:
                assert message.text in told


@PATIENT
@given(objects())
def test_every_schema_is_put_into_what_the_api_knows(text: str) -> None:
    try:
        made = schema.of_tool("t", text)
    except ProviderFailed as failed:
        if "a schema is deeper than" not in str(failed):
            raise
        reject()  # too many of those are a failure, too
    check_json_schema(made, "p", root_object=True)


@given(tool_names)
def test_names_of_tools_come_back_as_they_were(name: str) -> None:
    assert names.returned(names.declared(name)) == name
