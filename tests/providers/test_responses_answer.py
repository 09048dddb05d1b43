"""The responses wire, reading: streams however they are cut, any bytes at all, and what errors in them mean."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.base.secrets import Secret
from quarterdeck.model.action import ModelCall
from quarterdeck.model.message import AssistantMessage, ToolCall, ToolResult, UserMessage
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.ports import ModelRequest, ProviderFailed
from quarterdeck.providers.http.body import MAX_EVENT
from quarterdeck.providers.http.wire import MAX_CALLS
from quarterdeck.providers.openai_responses.answer import MAX_ITEMS, Reading
from quarterdeck.providers.openai_responses.replay import WIRE
from quarterdeck.providers.openai_responses.wire import Manner, encode
from tests.providers.histories import texts
from tests.standins.model.responses.requests import Stored, accept
from tests.standins.model.responses.secrets import seal

CALL = ModelCall("main", "gpt-5", b"{}", 50, 100, "k0")
KEY = Secret("sk-very-secret")


def event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields}, ensure_ascii=False)}\n\n".encode()


def added(index: int, **item: object) -> bytes:
    return event("response.output_item.added", output_index=index, item=item)


def done(index: int, **item: object) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def text(delta: str, index: int = 0) -> bytes:
    return event("response.output_text.delta", output_index=index, content_index=0, item_id="m", delta=delta)


def said(index: int, words: str, **more: object) -> bytes:
    content = [{"type": "output_text", "text": words, "annotations": []}]
    return done(index, id=f"msg_{index}", type="message", role="assistant", content=content, **more)


def called(index: int, call_id: str, name: str = "f", arguments: str = "{}") -> bytes:
    return done(index, id=f"fc_{index}", type="function_call", call_id=call_id, name=name, arguments=arguments)


def over(status: str = "completed", usage: object = None, **more: object) -> bytes:
    return event(f"response.{status}", response={"status": status, "model": "m1", "usage": usage, **more})


def figures(read: object, written: object, cached: object = 0, thought: object = 0) -> dict[str, object]:
    return {
        "input_tokens": read,
        "output_tokens": written,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 2},
        "output_tokens_details": {"reasoning_tokens": thought},
    }


def read(*chunks: bytes) -> ModelAnswer:
    reading = Reading(CALL, KEY, "main/k0")
    for chunk in chunks:
        reading.feed(chunk)
    return reading.end()


def failed(*chunks: bytes) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as raised:
        read(*chunks)
    return raised.value


def outcome(reading: Reading) -> ModelAnswer | ProviderFailed:
    """Whichever of the two it is; anything else goes through."""
    try:
        return reading.end()
    except ProviderFailed as failure:
        return failure


def cut_at(stream: bytes, places: list[int]) -> list[bytes]:
    return [stream[a:b] for a, b in pairwise([0, *sorted(place % (len(stream) + 1) for place in places), len(stream)])]


STREAM = b"".join(
    [
        b": hello\r\n\r\n",
        event("response.created", response={"status": "in_progress", "output": []}),
        event("response.queued", response={"status": "queued"}),
        added(0, id="rs_1", type="reasoning", summary=[], encrypted_content="gAA"),
        event("response.reasoning_summary_part.added", output_index=0, part={"type": "summary_text", "text": ""}),
        event("response.reasoning_summary_text.delta", output_index=0, delta="let me "),
        event("response.reasoning_summary_text.delta", output_index=0, delta="think"),
        done(0, id="rs_1", type="reasoning", summary=[{"text": "let me think"}], encrypted_content="gAAAsealed"),
        added(1, id="msg_1", type="message", role="assistant", content=[]),
        text("räksmörgås ", 1),
        text("🦐", 1),
        event("response.output_text.annotation.added", output_index=1, annotation={"delta": [1]}),
        said(1, "räksmörgås 🦐", phase="commentary"),
        added(2, id="fc_2", type="function_call", call_id="a", name="f", arguments=""),
        event("response.function_call_arguments.delta", output_index=2, delta='{"q":'),
        event("response.function_call_arguments.delta", output_index=2, delta="1}"),
        called(2, "a", "f", '{"q":1}'),
        called(3, "b", "g"),
        said(4, "unstreamed"),
        over(usage=figures(20, 18, 4, 8), output=[]),
    ]
)
KEPT = [
    {"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAsealed", "summary": ["let me think"]},
    {"type": "message", "id": "msg_1", "length": 12, "phase": "commentary"},
    {"type": "function_call", "id": "fc_2", "call_id": "a"},
    {"type": "function_call", "id": "fc_3", "call_id": "b"},
    {"type": "message", "id": "msg_4", "length": 10},
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 10**6), max_size=20))
def test_an_answer_is_the_same_however_it_is_cut(places: list[int]) -> None:
    reading = Reading(CALL, None, "main/k0")
    shown = "".join(reading.feed(chunk) for chunk in cut_at(STREAM, places))
    answer = reading.end()
    message = answer.message
    assert reading.done
    assert shown == message.text == "räksmörgås 🦐\n\nunstreamed"
    assert message.calls == (ToolCall("a", "f", '{"q":1}'), ToolCall("b", "g", "{}"))
    assert message.reasoning == "let me think"
    assert message.state is not None
    assert (message.state.wire, message.state.model) == (WIRE, "gpt-5")
    assert json.loads(message.state.data) == {"origin": "main/k0", "items": KEPT}
    assert (answer.finish, answer.model) == ("tool_calls", "m1")
    assert answer.usage == Usage(20, 18, 4, cache_write=2, reasoning=8)


def test_what_was_read_is_written_as_it_was() -> None:
    sealed = seal("rs_1", "gpt-5")
    stream = STREAM.replace(b"gAAAsealed", sealed.encode())
    message = read(stream).message
    results = (ToolResult("a", "f", "1"), ToolResult("b", "g", "2"))
    asked = ModelRequest("gpt-5", "", (UserMessage("x"), message, *results))
    call = encode("main", "k0", asked, Manner())
    accept(call.body, (), 128_000, Stored())
    made = json.loads(call.body)["input"][1:6]
    assert [item["id"] for item in made] == ["rs_1", "msg_1", "fc_2", "fc_3", "msg_4"]
    assert (made[1]["content"][0]["text"], made[4]["content"][0]["text"]) == ("räksmörgås 🦐", "unstreamed")


@settings(max_examples=100, deadline=None)
@given(st.integers(1, len(STREAM) - len(over(usage=figures(20, 18, 4, 8), output=[]))))
def test_a_stream_that_ends_early_is_cut(length: int) -> None:
    assert (failed(STREAM[:length]).kind, failed(STREAM[:length]).retryable) == ("cut", True)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from([STREAM[:900], STREAM[-300:], STREAM, text("x"), over(), b"data: ", b"\n\n", b'{"status":'])
        | st.builds(event, st.sampled_from(["response.output_item.done", "error", "response.completed", ""]), x=texts),
        max_size=8,
    ),
    st.lists(st.integers(0, 10**6), max_size=8),
)
def test_any_bytes_are_an_answer_or_a_failure(parts: list[bytes], places: list[int]) -> None:
    reading = Reading(CALL, KEY, "main/k0")
    shown = "".join(reading.feed(chunk) for chunk in cut_at(b"".join(parts), places))
    assert isinstance(reading.complete, bool)
    found = outcome(reading)
    if isinstance(found, ModelAnswer):
        assert found.message.text.startswith(shown)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**12) | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = "item output_index delta response error status output usage code message type content summary call_id".split()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                "output_item.added output_item.done output_text.delta refusal.delta completed incomplete failed "
                "function_call_arguments.delta reasoning_text.delta created".split()
            ).map(lambda name: f"response.{name}")
            | st.just("error"),
            st.dictionaries(st.sampled_from(NAMES), values, max_size=4),
        ),
        max_size=5,
    )
)
def test_events_of_any_shape_are_an_answer_or_a_failure(events: list[tuple[str, dict[str, Any]]]) -> None:
    reading = Reading(CALL, KEY, "main/k0")
    for kind, fields in events:
        reading.feed(event(**{**fields, "kind": kind}))
    assert isinstance(outcome(reading), ModelAnswer | ProviderFailed)


def test_one_json_object_instead_of_a_stream() -> None:
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "so"}]},
        {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "hi"}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
    ]
    whole = {"status": "completed", "model": "m1", "output": output, "error": None, "usage": figures(3, 2)}
    raw = b"\n " + json.dumps(whole).encode()
    answer = read(raw[:1], raw[1:9], raw[9:])
    assert answer.message == AssistantMessage("hi", (ToolCall("a", "f", "{}"),), "so")
    assert (answer.finish, answer.usage.input) == ("tool_calls", 3)
    assert failed(b'{"output": [').kind == "server"
    assert failed(b'{"object": "list", "data": []}').kind == "server"
    assert failed(b'{"error": {"message": "not loaded"}}').kind == "server"


def test_an_answer_that_is_told_only_at_the_end() -> None:
    item = {"type": "message", "id": "msg_0", "content": [{"type": "refusal", "refusal": "I cannot."}]}
    assert read(over(output=[item])).message.text == "I cannot."
    assert read(over(output=[item])).finish == "refusal"
    call = {"type": "function_call", "id": "fc_0", "call_id": "a", "name": "f", "arguments": '{"x":1}'}
    begun = added(0, id="fc_0", type="function_call", call_id="a", name="f", arguments="")
    assert read(begun, over(output=[call])).message.calls == (ToolCall("a", "f", '{"x":1}'),)


@pytest.mark.parametrize(
    ("status", "reason", "finish"),
    [
        ("completed", None, "stop"),
        ("incomplete", "max_output_tokens", "length"),
        ("incomplete", "content_filter", "filter"),
        ("incomplete", "steered", "length"),
    ],
)
def test_how_an_answer_finished(status: str, reason: str | None, finish: str) -> None:
    details = {"incomplete_details": {"reason": reason} if reason else None}
    answer = read(text("x"), over(status, **details))
    assert (answer.finish, answer.message) == (finish, AssistantMessage("x"))


def test_calls_and_reasoning_of_an_answer_that_was_cut_short_are_dropped() -> None:
    sealed = done(0, id="rs_0", type="reasoning", summary=[], encrypted_content="s")
    answer = read(sealed, called(1, "a"), over("incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert (answer.message.calls, answer.message.state, answer.finish) == ((), None, "length")


def test_a_refusal_is_text() -> None:
    refused = [event("response.refusal.delta", output_index=0, delta=piece) for piece in ("I can", "not.")]
    answer = read(*refused, over())
    assert (answer.message.text, answer.finish) == ("I cannot.", "refusal")


def test_calls_without_ids_get_some() -> None:
    items = [{"type": "function_call", "name": "f", "arguments": "1"} for _ in range(2)]
    twice = [{"type": "function_call", "call_id": "a", "name": "f"} for _ in range(2)]
    assert [call.id for call in read(over(output=items)).message.calls] == [
        f"call_{CALL.digest()[:20]}{n:02}" for n in range(2)
    ]
    assert [call.id for call in read(over(output=twice)).message.calls] == ["a", "a_"]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (figures(20, 5), Usage(20, 5, cache_write=2)),
        (figures(20, 5, 8, 3), Usage(20, 5, 8, cache_write=2, reasoning=3)),
        (figures(20, 5, 21), Usage(20, 5, 20, reported=False, cache_write=2)),
        (figures(20, 5, -1), Usage(20, 5, 0, reported=False, cache_write=2)),
        (figures(20, 5, 0, 6), Usage(20, 5, 0, reported=False, cache_write=2, reasoning=5)),
        (figures(-1, 5), Usage(50, 5, reported=False, cache_write=2)),
        (figures(20, 0), Usage(20, 30, reported=False, cache_write=2)),
        (figures(20, 10**40), Usage(20, 30, reported=False, cache_write=2)),
        (figures("20", 5), Usage(50, 30, reported=False)),
        ("lots", Usage(50, 30, reported=False)),
        (None, Usage(50, 30, reported=False)),
    ],
)
def test_usage_is_believed_only_as_far_as_it_can_be_true(told: object, expected: Usage) -> None:
    assert read(text("x" * 100), over(usage=told)).usage == expected


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"code": "server_error", "message": "sorry"}, "server", True),
        ({"code": "rate_limit_exceeded", "message": "slow down"}, "rate", True),
        ({"code": "insufficient_quota", "message": "pay"}, "credit", False),
        ({"code": "context_length_exceeded", "message": "too long"}, "context", False),
        ({"code": "invalid_prompt", "message": "no"}, "invalid", False),
        ({"code": "unsupported_image_media_type", "message": "no"}, "invalid", False),
        ({"code": None, "message": f"key {KEY.reveal()} is bad"}, "server", True),
    ],
)
def test_an_error_inside_a_stream(error: dict[str, object], kind: str, retryable: bool) -> None:
    flat = failed(text("x"), event("error", **error, param=None), over())
    nested = failed(text("x"), event("error", error=error), over())
    whole = failed(text("x"), over("failed", error=error, usage=figures(20, 1)))
    for found in (flat, nested, whole):
        assert (found.kind, found.retryable) == (kind, retryable)
        assert KEY.reveal() not in str(found)
    assert whole.usage == Usage(20, 1, cache_write=2)
    assert flat.usage is None


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: nonsense\n\n"],
        [b'data: {"x":' + b"[" * 99_999 + b"\n\n"],
        [b'data: "\xff"\n\n'],
        [b"data: [DONE]\n\n"],
        [b"data: " + b"x" * MAX_EVENT, b"x"],
        [called(n, str(n)) for n in range(MAX_CALLS + 1)],
        [done(n, type="web_search_call") for n in range(MAX_ITEMS + 1)],
        [text("x", n) for n in range(MAX_ITEMS + 1)],
        [event("response.output_text.delta", delta=5)],
        [over("failed")],
        [over("cancelled")],
    ],
    ids="no-json nested no-utf-8 done endless calls items texts number failed cancelled".split(),
)
def test_nonsense_is_the_servers_failure(chunks: list[bytes]) -> None:
    found = failed(*chunks, over())
    assert (found.kind, found.retryable) == ("server", True)


def test_nothing_at_all_is_cut() -> None:
    assert failed().kind == failed(b"\n\n").kind == failed(b": still here\n\n").kind == "cut"
