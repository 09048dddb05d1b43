"""Are the vendor's rules for a request enforced, with its wording, and nothing beyond them?"""

import base64
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.standins.anthropic import (
    KEY,
    NEWER,
    OLDER,
    PLAIN,
    THINKER,
    AnthropicStandin,
    Settings,
    anthropic_standin,
    signing,
)
from tests.standins.files import PDF, pdf, png

pytestmark = pytest.mark.timeout(60)

CALL = {"type": "tool_use", "id": "t1", "name": "look_up", "input": {}}
OTHER = {**CALL, "id": "t2"}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
OTHER_RESULT = {**RESULT, "tool_use_id": "t2"}
TEXT = {"type": "text", "text": "x"}
TOOL = {"name": "look_up", "input_schema": {"type": "object"}}
MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
THINKING = {"type": "thinking", "thinking": "hm", "signature": signing.signature("hm")}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "model": OLDER.name}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks) or "x"}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks) or "y"}


def source(kind: str, data: bytes | str) -> dict[str, str]:
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"type": "base64", "media_type": kind, "data": text}


def image(data: bytes | str, kind: str = "image/png") -> dict[str, Any]:
    return {"type": "image", "source": source(kind, data)}


def document(data: bytes | str, kind: str = "application/pdf") -> dict[str, Any]:
    return {"type": "document", "source": source(kind, data)}


def form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


@pytest.fixture
async def model() -> AsyncIterator[AnthropicStandin]:
    async with anthropic_standin() as standin:
        yield standin


async def post(
    model: AnthropicStandin, body: dict[str, Any], version: str = "2026-10-21"
) -> tuple[int, dict[str, Any]]:
    headers = {"x-api-key": KEY, "anthropic-version": version, "content-type": "application/json"}
    async with aiohttp.ClientSession(model.url, headers=headers) as http:
        answer = await http.post("/v1/messages", data=io.BytesIO(json.dumps(body).encode()))
        return answer.status, await answer.json()


def request(**more: Any) -> dict[str, Any]:
    asked = {"model": NEWER.name, "max_tokens": 2000, "messages": [user()], **more}
    return {name: value for name, value in asked.items() if value is not ...}


CONVERSATIONS: list[tuple[list[dict[str, Any]], str]] = [
    ([], "messages: at least one message is required"),
    ([{"content": "x"}], "messages.0.role: Field required"),
    ([{"role": "robot", "content": "x"}], "messages.0.role: Input should be 'user'"),
    ([{"role": "user", "content": 5}], "messages.0.content: Input should be a valid string or list"),
    ([user({"type": "text"})], "messages.0.content.0.text: Field required"),
    ([user({**TEXT, "made_up": 1})], "messages.0.content.0.made_up: Extra inputs are not permitted"),
    ([user({"type": "riddle"})], "messages.0.content.0.type: Invalid value 'riddle'"),
    ([assistant(), user()], 'messages: first message must use the "user" role'),
    ([{"role": "system", "content": "x"}, user()], "messages.0: use the top-level 'system' parameter"),
    ([user(), assistant(), {"role": "system", "content": "x"}], "messages.2: a 'system' message must follow"),
    ([{"role": "user", "content": ""}], "messages.0: user messages must have non-empty content"),
    ([user(), {"role": "assistant", "content": []}, user()], "messages.1: all messages must have non-empty content"),
    ([user({**TEXT, "text": ""})], "messages: text content blocks must be non-empty"),
    ([user({**TEXT, "text": " \n"})], "messages: text content blocks must contain non-whitespace text"),
    ([user({**TEXT, "citations": [{}]})], "messages.0.content.0.text.citations"),
    ([user(), assistant()], "This model does not support assistant message prefill."),
    ([user(CALL)], "messages.0.content.0: `tool_use` blocks are not allowed in 'user' messages"),
    ([user(), assistant(RESULT), user()], "`tool_result` blocks are not allowed in 'assistant' messages"),
    ([user(), assistant(image(png(1, 1))), user()], "`image` blocks are not allowed in 'assistant'"),
    ([user(), assistant(document(PDF)), user()], "`document` blocks are not allowed in 'assistant'"),
    ([user(), assistant(CALL), user()], "messages.1: `tool_use` ids were found without `tool_result` blocks"),
    ([user(), assistant(CALL)], "messages.1: `tool_use` ids were found without `tool_result` blocks"),
    ([user(), assistant(CALL, OTHER), user(RESULT)], "immediately after: t2. Each `tool_use` block must have"),
    ([user(), assistant(CALL), user(TEXT, RESULT)], "messages.1: `tool_use` ids were found without"),
    ([user(), assistant(CALL), user(), assistant(), user(RESULT)], "`tool_use` ids were found without"),
    ([user(RESULT)], "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1."),
    ([user(), assistant(CALL), user(RESULT, OTHER_RESULT)], "messages.2.content.1: unexpected `tool_use_id`"),
    ([user(), assistant(CALL), user(RESULT, RESULT)], "messages.2.content.1: each tool_use must have a single result."),
    ([user(), assistant(CALL, CALL), user(RESULT)], "messages.1.content.1: `tool_use` ids must be unique"),
    (
        [user(), assistant(CALL), user(RESULT), assistant(CALL), user(RESULT)],
        "messages.3.content.0: `tool_use` ids must be unique",
    ),
    ([user(), assistant({**CALL, "id": "a.b"}), user(RESULT)], "messages.1.content.0.tool_use.id: String should match"),
    ([user(), assistant({**CALL, "name": "a.b"}), user(RESULT)], "tool_use.name: String should match pattern"),
    ([user(), assistant({**CALL, "input": []}), user(RESULT)], "input: Input should be a valid object"),
    ([user({**RESULT, "tool_use_id": "a b"})], "tool_result.tool_use_id: String should match pattern"),
    ([user(), assistant(TEXT, THINKING), user()], "messages.1: The final block in an assistant message cannot be"),
    ([user(), assistant({**THINKING, "thinking": "hem"}, TEXT), user()], "messages.1.content.0: Invalid `signature`"),
    ([user(), assistant({**THINKING, **MARK}, TEXT), user()], "cache_control: Extra inputs are not permitted"),
    ([user(image("%%%"))], "messages.0.content.0.image.source.base64.data: Invalid base64 data"),
    ([user(image("A" * (5 * 1024 * 1024 + 4)))], "image exceeds 5 MB maximum: 5242884 bytes > 5242880 bytes"),
    ([user(image(b"not a picture"))], "Could not process image"),
    (
        [user(image(png(1, 1), "image/jpeg"))],
        "using the image/jpeg media type, but the image appears to be a image/png",
    ),
    ([user(image(png(1, 1), "image/tiff"))], "media_type: Input should be 'image/jpeg', 'image/png'"),
    ([user(image(png(8001, 1)))], "exceed max allowed size: 8000 pixels"),
    ([user(*[image(png(2001, 1))] * 21)], "exceed max allowed size: 2000 pixels"),
    ([user(*[image(png(1, 1))] * 101)], "too many images: 101 > 100"),
    ([user(document(b"hello"))], "The PDF specified was not valid."),
    ([user(document(PDF + b"/Encrypt"))], "The PDF specified is password protected."),
    ([user(document(PDF, "text/html"))], "media_type: Input should be 'application/pdf'"),
    ([user(document(pdf(101)))], "A maximum of 100 PDF pages may be provided."),
    ([user(), assistant(CALL), user({**RESULT, "content": [image(b"no")]})], "Could not process image"),
]

OBJECT = {"type": "object", "additionalProperties": False}
CLOSED = "additionalProperties' must be explicitly set to false"
OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"model": ...}, "model: Field required"),
    ({"max_tokens": ...}, "max_tokens: Field required"),
    ({"max_tokens": "many"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
    ({"max_tokens": 64_001}, "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for"),
    ({"made_up": 1}, "made_up: Extra inputs are not permitted"),
    ({"temperature": 1.0}, "temperature: Extra inputs are not permitted"),
    ({"system": [{"type": "text", "text": ""}]}, "system: text content blocks must be non-empty"),
    ({"system": [{"type": "text", "text": "", **MARK}]}, "system.0: cache_control cannot be set for empty text"),
    ({"tools": [{**TOOL, "name": "a.b"}]}, "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
    ({"tools": [{**TOOL, "name": "a" * 129}]}, "tools.0.custom.name: String should match pattern"),
    ({"tools": [{**TOOL, "input_schema": {}}]}, "tools.0.custom.input_schema.type: Field required"),
    ({"tools": [{**TOOL, "input_schema": {"type": "array"}}]}, "input_schema.type: Input should be 'object'"),
    ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
    ({"tools": [{**TOOL, "strict": True}]}, CLOSED),
    ({"messages": [user(), assistant(CALL), user(RESULT)], "tools": ...}, "blocks must define tools."),
    ({"tool_choice": {"type": "auto"}}, "tool_choice: may only be specified while providing tools."),
    ({"tools": [TOOL], "tool_choice": {"type": "some"}}, "tool_choice: Input tag 'some'"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.tool.name: Field required"),
    ({"tools": [TOOL], "tool_choice": {"type": "any", "name": "x"}}, "tool_choice.any.name: Extra inputs"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}}, "Tool 'x' not found in provided tools"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
        "tool_choice.none.disable_parallel_tool_use: Extra inputs",
    ),
    (
        {"tools": [TOOL], "tool_choice": {"type": "any"}, "model": THINKER.name},
        'tool_choice: type "tool" and "any" are not supported for this model.',
    ),
    (
        {"tools": [TOOL], "tool_choice": {"type": "any"}, "thinking": {"type": "adaptive"}},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, '"thinking.type.enabled" is not supported'),
    ({"thinking": {"type": "disabled"}, "model": THINKER.name}, '"thinking.type.disabled" is not supported'),
    ({"thinking": {"type": "adaptive"}, "model": OLDER.name}, '"thinking.type.adaptive" is not supported'),
    ({"thinking": {"type": "adaptive", "budget_tokens": 1024}}, "thinking.adaptive.budget_tokens: Extra inputs"),
    ({"thinking": {"type": "adaptive", "display": "all"}}, "thinking.adaptive.display: Input should be"),
    ({**BUDGET, "thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
    (
        {**BUDGET, "thinking": {"type": "enabled", "budget_tokens": 1023}},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    ({**BUDGET, "max_tokens": 1024}, "`max_tokens` must be greater than `thinking.budget_tokens`."),
    (
        {**BUDGET, "tools": [TOOL], "messages": [user(), assistant(TEXT, CALL), user(RESULT)]},
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`.",
    ),
    ({"output_config": {"effort": "xhigh"}}, "Supported levels: high, low, max, medium."),
    ({"output_config": {"effort": "low"}, "model": OLDER.name}, "does not support the effort parameter"),
    ({**form(OBJECT), "model": PLAIN.name}, "does not support output format"),
    ({"output_config": {"format": {"type": "json", "schema": {}}}}, "output_config.format.type: Input should be"),
    (form({"type": "object"}), CLOSED),
    (form({**OBJECT, "properties": {"a": {"type": "array", "items": {"type": "object"}}}}), CLOSED),
    (form({**OBJECT, "properties": {"a": {"anyOf": [{"type": "object"}]}}}), CLOSED),
    (form({"type": "integer", "minimum": 1}), "For 'integer' type, property 'minimum' is not supported"),
    (form({"type": "string", "maxLength": 1}), "For 'string' type, property 'maxLength' is not supported"),
    (form({"type": "string", "format": "riddle"}), "format 'riddle' is not supported"),
    (form({"type": "array", "minItems": 2}), "'minItems' values other than 0 or 1"),
    (form({"oneOf": [{"type": "string"}]}), "property 'oneOf' is not supported"),
    (
        {**form(OBJECT), "model": OLDER.name, "messages": [user(), assistant()]},
        "output_config.format: not compatible with a prefilled",
    ),
    ({"stop_sequences": ["\n"]}, "stop_sequences: each stop sequence must contain non-whitespace"),
    (
        {"messages": [user(*[{**TEXT, **MARK}] * 5)]},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    ({"messages": [user(*[{**TEXT, **MARK}] * 4)], **MARK}, "blocks with cache_control may be provided. Found 5."),
    ({"cache_control": {"type": "eternal"}}, "cache_control.type: Input should be 'ephemeral'"),
    ({"cache_control": {"type": "ephemeral", "ttl": "2h"}}, "cache_control.ttl: Input should be '5m' or '1h'"),
    (
        {"system": [{**TEXT, **MARK}], "messages": [user({**TEXT, **HOUR})]},
        "messages.0.content.0.cache_control.ttl: a ttl='1h' cache_control block must not come after",
    ),
    ({"messages": [user({**TEXT, "text": "x" * 900_000})]}, "tokens > 200000 maximum"),
    (
        {"messages": [user(), {"role": "system", "content": "x"}], "model": OLDER.name},
        "role 'system' is not supported on this model",
    ),
    (
        {"messages": [user(), assistant({**TEXT, "text": "so "})], "model": OLDER.name},
        "messages: final assistant content cannot end with trailing whitespace",
    ),
]
TABLE = [*(({"messages": messages, "tools": [TOOL]}, said) for messages, said in CONVERSATIONS), *OTHERS]


@pytest.mark.parametrize(("more", "said"), TABLE, ids=[said[:60] for _, said in TABLE])
async def test_a_request_against_the_rules_is_refused(model: AnthropicStandin, more: dict[str, Any], said: str) -> None:
    status, body = await post(model, request(**more))
    assert (status, body["type"], body["error"]["type"]) == (400, "error", "invalid_request_error")
    assert said in body["error"]["message"]
    assert [call.kind for call in model.calls] == ["refused 400"]


ACCEPTED: list[dict[str, Any]] = [
    {"messages": [user(), user(), assistant(), assistant(), user()]},
    {"messages": [user(), {"role": "system", "content": "event"}, assistant(), user()]},
    {"messages": [user(), assistant()], "model": OLDER.name},
    {"messages": [user(), {"role": "assistant", "content": ""}], "model": OLDER.name},
    {
        "messages": [user(), assistant(TEXT, CALL, OTHER), user(OTHER_RESULT), user(RESULT, TEXT), assistant(), user()],
        "tools": [TOOL],
    },
    {"messages": [user(), assistant(CALL), user({**RESULT, "content": [TEXT, image(png(1, 1))]})], "tools": [TOOL]},
    {"messages": [user(), assistant(CALL), user({**RESULT, "content": ...})], "tools": [TOOL]},
    {"messages": [user(), assistant(THINKING, CALL), user(RESULT)], "tools": [TOOL], **BUDGET},
    {"messages": [user(), assistant(THINKING, TEXT), user()], "thinking": {"type": "adaptive"}},
    {"messages": [user(), assistant(CALL), user(RESULT)], "tools": [TOOL], "thinking": {"type": "adaptive"}},
    {"messages": [user(document(PDF), image(png(8000, 1)), TEXT)]},
    {"messages": [user({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}})]},
    {"tools": [{**TOOL, **MARK}], "system": [{**TEXT, **MARK}], "messages": [user({**TEXT, **MARK})], **MARK},
    {"system": [{**TEXT, **HOUR}], "messages": [user({**TEXT, **MARK})]},
    {"system": "be kind", "metadata": {"user_id": "u"}, "service_tier": "auto", "stop_sequences": ["END"]},
    {"max_tokens": 0},
    {"output_config": {"effort": "max"}, "thinking": {"type": "adaptive", "display": "omitted"}},
    form({**OBJECT, "properties": {"a": {"type": ["string", "null"], "format": "date"}, "b": {"$ref": "#/$defs/x"}}}),
]


@pytest.mark.parametrize("more", ACCEPTED, ids=[str(more)[:60] for more in ACCEPTED])
async def test_requests_within_the_rules_are_accepted(model: AnthropicStandin, more: dict[str, Any]) -> None:
    status, body = await post(model, request(**_without_dots(more)))
    assert (status, body.get("error")) == (200, None)


def _without_dots(value: Any) -> Any:
    """The same without the fields that are `...`."""
    if isinstance(value, dict):
        return {name: _without_dots(inner) for name, inner in value.items() if inner is not ...}
    return [_without_dots(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"temperature": 0.5, "model": OLDER.name}, 200, ""),
        ({"temperature": 0.5}, 400, "`temperature` is deprecated for this model."),
        ({"top_p": 1.5, "model": OLDER.name}, 400, "top_p: Input should be between 0 and 1"),
        ({**BUDGET, "temperature": 0.5}, 400, "`temperature` may only be set to 1 when thinking is enabled."),
    ],
)
async def test_the_old_version_knows_sampling(
    model: AnthropicStandin, more: dict[str, Any], status: int, said: str
) -> None:
    found, body = await post(model, request(**more), version="2023-06-01")
    assert (found, said in str(body)) == (status, True)


@pytest.mark.parametrize("body", [b"", b"{", b'{"messages": [', b"[]", b"\xff"])
async def test_a_body_of_another_shape_is_refused(model: AnthropicStandin, body: bytes) -> None:
    headers = {"x-api-key": KEY, "anthropic-version": "2026-10-21", "content-type": "application/json"}
    async with aiohttp.ClientSession(model.url, headers=headers) as http:
        answer = await http.post("/v1/messages", data=body)
        assert (answer.status, (await answer.json())["error"]["type"]) == (400, "invalid_request_error")


async def test_sizes_models_and_unknown_addresses() -> None:
    async with anthropic_standin(Settings(max_body=2000)) as model:
        status, body = await post(model, request(model="nobody"))
        assert (status, body["error"]) == (404, {"type": "not_found_error", "message": "model: nobody"})
        status, body = await post(model, request(messages=[user({**TEXT, "text": "x" * 5000})]))
        assert (status, body["error"]["type"]) == (413, "request_too_large")
        async with aiohttp.ClientSession(model.url) as http:
            assert (await http.post("/v1/complete")).status == 404
