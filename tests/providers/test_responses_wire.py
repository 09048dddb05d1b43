"""The responses wire, writing: requests byte for byte, any valid history, reasoning that goes back."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.base.config import ConfigRefusals
from quarterdeck.base.secrets import Secret
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import AnswerForm, Options, ToolSpec
from quarterdeck.model.media import IMAGES, PDF
from quarterdeck.model.message import (
    AssistantMessage,
    Attachment,
    ProviderState,
    Said,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
)
from quarterdeck.ports import ModelProfile, ModelRequest, ProviderFailed
from quarterdeck.providers.openai_responses.replay import WIRE
from quarterdeck.providers.openai_responses.settings import read_settings
from quarterdeck.providers.openai_responses.wire import Manner, encode
from tests.providers.histories import FILES, histories, specs, texts, wishes
from tests.standins.model.responses.requests import Stored, accept
from tests.standins.model.responses.secrets import seal

CALL = ModelCall("main", "gpt-5", b"{}", 50, 100, "k0")
KEY = Secret("sk-very-secret")
ALL = Manner(reads=(*IMAGES, PDF))
LOOK_UP = ToolSpec("look_up", "Looks up.", '{ "type": "object",  "properties": {"q": {"type": "string"}} }')


def request(*messages: Said, model: str = "m", **more: Any) -> ModelRequest:
    return ModelRequest(model, "Be kind.", messages, **more)


def body(*messages: Said, manner: Manner = ALL, **more: Any) -> dict[str, Any]:
    made = encode("main", "k0", request(*messages, **more), manner).body
    accept(made, (), 128_000, Stored())
    return json.loads(made)


# -- requests ----------------------------------------------------------------------------------------------


def test_a_request_byte_for_byte() -> None:
    history = (
        UserMessage("hello", sender="Ada", sent_at=5.0),
        AssistantMessage("wait", (ToolCall("c1", "look_up", '{"q": 1}'), ToolCall("c2", "look_up", ""))),
        ToolResult("c2", "look_up", "two"),
        ToolResult("c1", "look_up", "one", "error"),
        AssistantMessage("done", reasoning="not sent"),
        SystemEvent("approved"),
        UserMessage("bye", (Attachment("report.txt", "text/plain", 12_345),), correction=True),
    )
    call = encode("main", "k0", request(*history, tools=(LOOK_UP,), max_tokens=70, cache_key="s1"), Manner())
    assert call.body == (
        b'{"model":"m","instructions":"Be kind.","input":['
        b'{"type":"message","role":"user","content":"hello"},'
        b'{"type":"message","role":"assistant","content":"wait"},'
        b'{"type":"function_call","call_id":"c1","name":"look_up","arguments":"{\\"q\\": 1}"},'
        b'{"type":"function_call","call_id":"c2","name":"look_up","arguments":"{}"},'
        b'{"type":"function_call_output","call_id":"c2","output":"two"},'
        b'{"type":"function_call_output","call_id":"c1","output":"one"},'
        b'{"type":"message","role":"assistant","content":"done"},'
        b'{"type":"message","role":"user","content":"[system event] approved"},'
        b'{"type":"message","role":"user","content":"(correction of an earlier message) bye\\n'
        b'[attached file: report.txt, text/plain, 12 kB]"}],'
        b'"tools":[{"name":"look_up","description":"Looks up.",'
        b'"parameters":{"type":"object","properties":{"q":{"type":"string"}}},"strict":false,"type":"function"}],'
        b'"max_output_tokens":70,"prompt_cache_key":"s1","store":false,"stream":true}'
    )
    assert (call.provider, call.model, call.key, call.reserve_out) == ("main", "m", "k0", 70)
    assert call.reserve_in == len(call.body) * 3 // 10


def test_images_and_documents_are_put_in_by_what_they_are() -> None:
    shown = (
        Attachment("a.png", "image/jpeg", 9, "png"),
        Attachment("b.png", "image/png", 9, "lie"),
        Attachment("c.pdf", "application/pdf", 9, "pdf"),
        Attachment("d.png", "image/png", 9, "gone"),
    )
    (item,) = body(UserMessage("see", shown), files=FILES)["input"]
    kinds = [part["type"] for part in item["content"]]
    assert kinds == ["input_text", "input_image", "input_file"]
    assert item["content"][0]["text"].splitlines() == [
        "see",
        "[attached file: b.png, image/png, 9 bytes]",
        "[attached file: d.png, image/png, 9 bytes]",
    ]
    assert item["content"][1]["image_url"].startswith("data:image/png;base64,iVBOR")
    assert (item["content"][2]["filename"], item["content"][2]["file_data"][:29]) == (
        "c.pdf",
        "data:application/pdf;base64,J",
    )
    blind = body(UserMessage("see", shown), files=FILES, manner=Manner())["input"][0]["content"]
    assert blind.count("[attached file") == 4


def test_a_large_image_is_not_reserved_by_its_bytes() -> None:
    image = {"big": FILES["png"] + b"x" * 3_000_000}
    call = encode(
        "main", "k0", request(UserMessage("see", (Attachment("a", "image/png", 9, "big"),)), files=image), ALL
    )
    assert 2_000 < call.reserve_in < 2_200


def test_wishes_and_what_a_model_does_not_take() -> None:
    schema = '{"type":"object","properties":{"q":{"type":"string"}},"required":["q"],"additionalProperties":false}'
    wished = Options(
        tool_choice="look_up",
        parallel_calls=False,
        form=AnswerForm(schema, "found"),
        temperature=0.5,
        top_p=0.9,
        seed=7,
        stop=("x",),
        effort="low",
    )
    plain = body(UserMessage("x"), tools=(LOOK_UP,), options=wished)
    assert plain["tool_choice"] == {"type": "function", "name": "look_up"}
    assert (plain["parallel_tool_calls"], plain["temperature"], plain["top_p"]) == (False, 0.5, 0.9)
    assert plain["text"]["format"] == {
        "type": "json_schema",
        "name": "found",
        "schema": json.loads(schema),
        "strict": True,
    }
    assert plain.keys().isdisjoint({"reasoning", "include", "seed", "stop"})
    thinking = body(UserMessage("x"), model="gpt-5", options=wished, manner=Manner(0.7, summary="auto"))
    assert thinking["reasoning"] == {"effort": "low", "summary": "auto"}
    assert thinking["include"] == ["reasoning.encrypted_content"]
    assert thinking.keys().isdisjoint({"temperature", "top_p", "tool_choice", "parallel_tool_calls"})
    assert body(UserMessage("x"), manner=Manner(0.7))["temperature"] == 0.7
    assert "include" not in body(UserMessage("x"), model="gpt-5", manner=Manner(reasoning=False))


def test_any_json_object_is_wished_for_in_words_too() -> None:
    made = body(UserMessage("x"), options=Options(form=AnswerForm()))
    assert made["text"] == {"format": {"type": "json_object"}}
    assert (made["input"][0]["role"], "JSON" in made["input"][0]["content"]) == ("developer", True)


def test_an_open_schema_is_not_strict_and_no_schema_is_refused() -> None:
    made = body(UserMessage("x"), options=Options(form=AnswerForm('{"type":"object","properties":{"q":{}}}')))
    assert made["text"]["format"]["strict"] is False
    for broken in (Options(form=AnswerForm("[1]")), Options()):
        with pytest.raises(ProviderFailed) as raised:
            body(UserMessage("x"), options=broken, tools=(ToolSpec("t", "d", '{"type": "string"}'),))
        assert (raised.value.kind, raised.value.retryable) == ("invalid", False)


def test_an_answer_has_room_for_sixteen_tokens() -> None:
    assert body(UserMessage("x"), max_tokens=1)["max_output_tokens"] == 16


def test_ids_of_calls_fit_and_are_used_once() -> None:
    def turn(call_id: str) -> list[Said]:
        return [AssistantMessage("", (ToolCall(call_id, "look_up", "{}"),)), ToolResult(call_id, "look_up", "r")]

    made = body(UserMessage("x"), *turn("call_0"), *turn("call_0"), *turn("x" * 70), *turn("é"))["input"][1:]
    called = [item["call_id"] for item in made if item["type"] == "function_call"]
    assert called == [item["call_id"] for item in made if item["type"] == "function_call_output"]
    assert called[0] == "call_0"
    assert len(set(called)) == 4
    assert all(one.isascii() and len(one) <= 64 for one in called)


@settings(max_examples=200, deadline=None)
@given(histories, texts, specs, wishes, st.sampled_from(["m", "gpt-5", "o3-mini"]), st.integers(1, 100))
def test_every_valid_history_is_acceptable_and_encodes_the_same_way(
    history: list[Said], system: str, tools: tuple[ToolSpec, ...], options: Options, model: str, most: int
) -> None:
    asked = ModelRequest(model, system, tuple(history), tools, most, options, FILES, "s" * 70)
    call = encode("main", "k0", asked, ALL)
    accept(call.body, (), 128_000, Stored())
    assert encode("main", "k0", asked, ALL) == call
    items = json.loads(call.body)["input"]
    outputs = [item["call_id"] for item in items if item["type"] == "function_call_output"]
    assert len(outputs) == len(set(outputs)) == sum(isinstance(m, ToolResult) for m in history)


# -- reasoning that goes back ------------------------------------------------------------------------------


def state(*items: dict[str, Any], model: str = "gpt-5", origin: str = "main/k0", wire: str = WIRE) -> ProviderState:
    return ProviderState(wire, model, json.dumps({"origin": origin, "items": items}))


def thought(identity: str = "rs_1", **more: Any) -> dict[str, Any]:
    return {"type": "reasoning", "id": identity, "encrypted_content": seal(identity, "gpt-5"), **more}


CALLED = {"type": "function_call", "id": "fc_1", "call_id": "c1"}
THINKING = AssistantMessage(
    "ab\n\ncde",
    (ToolCall("c1", "look_up", "{}"),),
    state=state(
        thought(summary=["so"]),
        {"type": "message", "id": "msg_1", "length": 2, "phase": "commentary"},
        thought("rs_2"),
        CALLED,
        {"type": "message", "id": "msg_2", "length": 3},
    ),
)
RESULT = ToolResult("c1", "look_up", "r")


def test_the_items_of_an_answer_come_back_as_they_were() -> None:
    made = body(UserMessage("x"), THINKING, RESULT, model="gpt-5")["input"][1:-1]
    assert [item["type"] for item in made] == ["reasoning", "message", "reasoning", "function_call", "message"]
    assert made[0] == {**thought(), "summary": [{"text": "so", "type": "summary_text"}]}
    assert made[1] == {
        "type": "message",
        "id": "msg_1",
        "content": [{"text": "ab", "annotations": [], "type": "output_text"}],
        "phase": "commentary",
        "role": "assistant",
        "status": "completed",
    }
    assert made[2]["summary"] == []
    assert (made[3]["id"], made[3]["call_id"], made[4]["content"][0]["text"]) == ("fc_1", "c1", "cde")


@pytest.mark.parametrize(
    "spoilt",
    [
        state(thought(), CALLED, model="gpt-5.1"),
        state(thought(), CALLED, origin="main/k1"),
        state(thought(), CALLED, wire="chat"),
        state(thought(), {**CALLED, "call_id": "c2"}),
        state(CALLED, thought()),
        state(thought(), {"type": "message", "id": "msg_1", "length": -7}, CALLED),
        state(thought(), CALLED, {"type": "web_search_call", "id": "ws_1"}),
        ProviderState(WIRE, "gpt-5", "{"),
        ProviderState(WIRE, "gpt-5", '{"origin":"main/k0","items":[]}'),
    ],
)
def test_reasoning_that_does_not_fit_stays_away(spoilt: ProviderState) -> None:
    message = msgspec.structs.replace(THINKING, text="", state=spoilt)
    made = body(UserMessage("x"), message, RESULT, model="gpt-5")["input"]
    assert [item["type"] for item in made] == ["message", "function_call", "function_call_output"]


def test_the_same_items_do_not_come_back_twice() -> None:
    made = body(UserMessage("x"), THINKING, RESULT, THINKING, RESULT, model="gpt-5")["input"]
    assert [item["type"] for item in made].count("reasoning") == 2


lengths = st.lists(st.integers(0, 3), max_size=3)


@settings(max_examples=200, deadline=None)
@given(histories, st.data())
def test_any_kept_reasoning_is_acceptable(history: list[Said], data: st.DataObject) -> None:
    """Whatever a state says, right or wrong, the request keeps the vendor's rules."""
    made: list[Said] = []
    for number, message in enumerate(history):
        if isinstance(message, AssistantMessage):
            choices: list[dict[str, Any]] = [thought(f"rs_{number}"), thought(f"rs_{number}x")]
            choices += [{"type": "message", "id": f"msg_{number}_{n}", "length": n} for n in range(4)]
            choices += [
                {"type": "function_call", "id": f"fc_{number}_{n}", "call_id": call.id}
                for n, call in enumerate(message.calls)
            ]
            kept = data.draw(st.lists(st.sampled_from(choices), max_size=6))
            message = msgspec.structs.replace(message, state=state(*kept))
        made.append(message)
    body(*made, model="gpt-5", files=FILES)


# -- settings ----------------------------------------------------------------------------------------------


def test_settings_are_read_from_the_providers_table() -> None:
    table = {"max_tokens": 99, "temperature": 0, "tools": False, "label": "x", "documents": False, "window": 9}
    found = read_settings("main", ProviderConfig(kind="openai-responses", options=table))
    assert found.profile == ModelProfile(forms=True, label="x", tools=False, max_tokens=99, window=9, reads=IMAGES)
    assert read_settings("main", ProviderConfig(kind="openai-responses")).profile.reads == (*IMAGES, PDF)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_tokens": 15}, "providers.main.max_tokens"),
        ({"seed": 1}, "providers.main.seed: this key is unknown."),
        ({"summary": "long"}, "providers.main.summary"),
        ({"headers": {"Authorization": "Bearer x"}}, "use api_keys"),
        ({"key_header": "content-type"}, "cannot carry a key"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigRefusals) as raised:
        read_settings("main", ProviderConfig(kind="openai-responses", options=options))
    assert told in str(raised.value)
