"""Answers of the Messages API, pure: streams however they are cut, bytes of any kind, figures, and what errors mean."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.base.secrets import Secret
from quarterdeck.model.action import ModelCall
from quarterdeck.model.message import AssistantMessage, ToolCall
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.ports import ListedModel, ProviderFailed
from quarterdeck.providers.anthropic import listing
from quarterdeck.providers.anthropic.answer import MAX_BLOCKS, Reading
from quarterdeck.providers.anthropic.failure import refusal
from quarterdeck.providers.http.body import MAX_EVENT
from quarterdeck.providers.http.failure import NOTHING_USED
from quarterdeck.providers.http.wire import MAX_CALLS, Refusal
from tests.providers import anthropic_streams as streams
from tests.providers.anthropic_streams import PING, STOP, TEXT, TOOL, begin, end, grow, start, stop, stream

pytestmark = pytest.mark.proves("provider.anthropic")
CALL = ModelCall("main", "claude-x", b"{}", 50, 100)
KEY = Secret("sk-very-secret")


def read(*chunks: bytes) -> tuple[ModelAnswer, str]:
    reading = Reading(CALL, KEY)
    shown = "".join(reading.feed(chunk) for chunk in chunks)
    return reading.end(), shown


def failed(*chunks: bytes) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as raised:
        read(*chunks)
    return raised.value


# -- golden streams ----------------------------------------------------------------------------------------


def test_a_text() -> None:
    answer, shown = read(streams.HELLO)
    assert answer == ModelAnswer(AssistantMessage("Hello!"), "stop", Usage(25, 15), "claude-x-20260101")
    assert shown == "Hello!"


def test_a_text_and_calls() -> None:
    answer, shown = read(streams.CALLS)
    calls = (
        ToolCall("toolu_1", "get_weather", '{"location": "San Francisco"}'),
        ToolCall("toolu_2", "get_time", "{}"),
    )
    usage = Usage(439, 89, cached=400, cache_write=30)
    message = AssistantMessage("Okay, let me check: ", calls)
    assert answer == ModelAnswer(message, "tool_calls", usage, "claude-x-20260101")
    assert shown == "Okay, let me check: "


def test_thinking_is_kept_apart() -> None:
    answer, shown = read(streams.THINKING)
    assert shown == answer.message.text == "The GCD is 21."
    assert answer.message.reasoning == "I need the GCD. 1071 = 2 x 462 + 147"
    assert answer.usage == Usage(25, 70, reasoning=55)
    state = answer.message.state
    assert state is not None
    assert (state.wire, state.model) == ("anthropic", "claude-x")
    assert json.loads(state.data) == [
        {
            "type": "thinking",
            "thinking": "I need the GCD. 1071 = 2 x 462 + 147",
            "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h",
        },
        {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"},
        {"type": "text", "length": 14},
    ]


def test_a_refusal() -> None:
    answer, shown = read(streams.REFUSAL)
    assert (answer.finish, answer.message, shown) == ("refusal", AssistantMessage("I"), "I")


def test_an_error_in_the_middle() -> None:
    found = failed(streams.OVERLOADED)
    assert (found.kind, found.retryable, found.usage) == ("overload", True, Usage(25, 1))
    assert str(found) == "broke its answer off (overloaded_error): Overloaded"


def test_what_is_not_known_is_passed_over() -> None:
    answer, shown = read(streams.SEARCH)
    assert (answer.message, answer.finish, shown) == (AssistantMessage("Sunny."), "length", "Sunny.")
    assert answer.usage == Usage(700, 20)


@given(name=st.sampled_from(list(streams.ALL)), data=st.data())
@settings(max_examples=150, deadline=None)
def test_the_same_comes_of_a_stream_however_it_is_cut(name: str, data: st.DataObject) -> None:
    body = streams.ALL[name].replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r\n"])))
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=12))
    cuts = [0, *sorted(places), len(body)]
    assert told([body[a:b] for a, b in pairwise(cuts)]) == told([body])


def told(chunks: list[bytes]) -> Any:
    try:
        return read(*chunks)
    except ProviderFailed as error:
        return error.kind, str(error), error.usage


# -- any bytes ---------------------------------------------------------------------------------------------

PIECES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([b"data: ", b"\n\n", b"event: error\n", b"{", b"}", b'"', b"[" * 2000, b"null", b"\xff"]),
    st.sampled_from([piece + b"\n\n" for body in streams.ALL.values() for piece in body.split(b"\n\n")]),
    st.builds(
        lambda kind, value: b"data: " + json.dumps({"type": kind, **value}).encode() + b"\n\n",
        st.sampled_from(["message_start", "content_block_start", "content_block_delta", "message_delta", "error"]),
        st.dictionaries(
            st.sampled_from(["index", "message", "content_block", "delta", "usage", "error", "content"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                lambda inner: (
                    st.lists(inner, max_size=2)
                    | st.dictionaries(st.sampled_from(["type", "text", "id", "input", "usage", "stop_reason"]), inner)
                ),
                max_leaves=6,
            ),
        ),
    ),
)


@given(pieces=st.lists(PIECES, max_size=12), size=st.integers(1, 400))
@settings(max_examples=400, deadline=None)
def test_any_bytes_become_an_answer_or_a_failure(pieces: list[bytes], size: int) -> None:
    body = b"".join(pieces)
    reading = Reading(CALL, KEY)
    shown = [reading.feed(body[at : at + size]) for at in range(0, len(body), size)]
    assert reading.done in (True, False)
    assert reading.complete in (True, False)
    assert reading.reported is None or reading.reported.input >= 0
    try:
        answer = reading.end()
    except ProviderFailed:
        return
    assert len({call.id for call in answer.message.calls}) == len(answer.message.calls)
    assert isinstance("".join(shown), str)
    assert min(answer.usage.input, answer.usage.output, answer.usage.cached, answer.usage.reasoning) >= 0


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "cut"),
        (b": comment\n\n", "cut"),
        (stream(start(), PING), "cut"),
        (stream(start(), begin(0, TEXT), grow(0, '"type":"text_delta","text":"x"')), "cut"),
        (stream(start(), STOP), "cut"),
        (b"data: {nonsense\n\n", "server"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "server"),
        (b"data: " + b"x" * (MAX_EVENT + 1), "server"),
        (b"<html>", "cut"),
        (b'{"type":"message"', "server"),
        (b'{"type":"error","error":{"type":"api_error","message":"no"}}', "server"),
        (stream(start(), *(begin(n, TEXT) for n in range(MAX_BLOCKS + 1))), "server"),
        (stream(start(), *(begin(n, TOOL.format(n, "x")) for n in range(MAX_CALLS + 1))), "server"),
        (stream('{"type":"error","error":"no object"}'), "server"),
        (stream('{"type":"error"}'), "server"),
    ],
)
def test_what_is_no_answer(body: bytes, kind: str) -> None:
    found = failed(body)
    assert (found.kind, found.retryable) == (kind, True)


def test_the_last_event_may_lack_its_blank_line() -> None:
    answer, _ = read(streams.HELLO.removesuffix(b"\n\n"))
    assert answer.message.text == "Hello!"
    answer, _ = read(streams.HELLO.partition(b"event: message_stop")[0][:-1])
    assert (answer.message.text, answer.finish) == ("Hello!", "stop")


def test_nothing_is_read_after_the_end() -> None:
    more = stream(grow(0, '"type":"text_delta","text":" more"'))
    assert read(streams.HELLO + more) == read(streams.HELLO)
    assert str(failed(streams.OVERLOADED + streams.HELLO)) == str(failed(streams.OVERLOADED))


def test_ids_of_calls_are_unique() -> None:
    blocks = [begin(n, TOOL.format(1, "x")) for n in range(2)] + [begin(2, '"type":"tool_use","name":"y"')]
    answer, _ = read(stream(start(), *blocks, end("tool_use")))
    assert [call.id for call in answer.message.calls] == ["toolu_1", "toolu_1_", f"call_{CALL.digest()[:20]}02"]


def test_calls_of_an_answer_that_was_cut_short_are_dropped() -> None:
    thought = begin(0, '"type":"thinking","thinking":"hm","signature":"s"')
    answer, _ = read(stream(start(), thought, begin(1, TOOL.format(1, "x")), end("max_tokens"), STOP))
    assert (answer.finish, answer.message.calls, answer.message.state) == ("length", (), None)
    assert answer.message.reasoning == "hm"


# -- figures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "usage"),
    [
        ('"input_tokens":9', '"output_tokens":4', Usage(9, 4)),
        ('"input_tokens":9,"output_tokens":1', '"input_tokens":11,"output_tokens":4', Usage(11, 4)),
        ('"input_tokens":9,"cache_read_input_tokens":null', '"output_tokens":4', Usage(9, 4)),
        ('"input_tokens":1,"cache_read_input_tokens":5', '"output_tokens":4', Usage(6, 4, 5)),
        ("", "", Usage(50, 2, reported=False)),
        ('"input_tokens":-3', '"output_tokens":4', Usage(50, 4, reported=False)),
        ('"input_tokens":9', '"output_tokens":0', Usage(9, 2, reported=False)),
        ('"input_tokens":9', '"output_tokens":99000000000', Usage(9, 2, reported=False)),
        ('"input_tokens":"many"', '"output_tokens":4', Usage(50, 2, reported=False)),
        (
            '"input_tokens":9,"cache_read_input_tokens":-1',
            '"output_tokens":4,"output_tokens_details":{"thinking_tokens":5}',
            Usage(8, 4, reported=False, reasoning=4),
        ),
    ],
)
def test_figures_that_cannot_be_true_are_replaced(first: str, last: str, usage: Usage) -> None:
    body = stream(start(first), begin(0, TEXT), grow(0, '"type":"text_delta","text":"eight  c"'), end("end_turn", last))
    assert read(body)[0].usage == usage


def test_an_answer_that_broke_off_costs_what_was_written() -> None:
    text = grow(0, f'"type":"text_delta","text":"{"x" * 1000}"')
    assert failed(stream(start(), begin(0, TEXT), text)).usage == Usage(25, 300, reported=False)
    assert failed(stream(begin(0, TEXT), text)).usage is None


# -- errors ------------------------------------------------------------------------------------------------


def error(kind: str, message: str, **more: Any) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message, **more}}).encode()


SPEND = {"details": {"error_code": "enforced_spend_limit_reached"}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "used"),
    [
        (400, error("invalid_request_error", "max_tokens: Field required"), "invalid", NOTHING_USED),
        (400, error("invalid_request_error", "Your credit balance is too low to access"), "credit", NOTHING_USED),
        (
            400,
            error("invalid_request_error", "You have reached your specified API usage limits."),
            "credit",
            NOTHING_USED,
        ),
        (400, error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), "context", NOTHING_USED),
        (
            400,
            error("invalid_request_error", "input length and `max_tokens` exceed context limit: 9 + 9 > 8"),
            "context",
            NOTHING_USED,
        ),
        (401, error("authentication_error", "invalid x-api-key"), "auth", NOTHING_USED),
        (402, error("billing_error", "no card"), "credit", NOTHING_USED),
        (403, error("permission_error", "not yours"), "access", NOTHING_USED),
        (404, error("not_found_error", "model: nobody"), "access", NOTHING_USED),
        (413, error("request_too_large", "too large"), "context", NOTHING_USED),
        (429, error("rate_limit_error", "slow down"), "rate", NOTHING_USED),
        (429, error("rate_limit_error", "no money", **SPEND), "credit", NOTHING_USED),
        (429, error("rate_limit_error", "odd", details=[1]), "rate", NOTHING_USED),
        (500, error("api_error", "Internal server error"), "server", None),
        (504, error("timeout_error", "late"), "timeout", None),
        (529, error("overloaded_error", "Overloaded"), "overload", None),
        (529, b"<html>", "overload", None),
        (418, error("riddle_error", "?"), "invalid", NOTHING_USED),
        (401, b'{"error":"a text"}', "auth", NOTHING_USED),
        (502, b"[" * 100_000, "server", None),
    ],
)
def test_what_errors_mean(status: int, body: bytes, kind: str, used: Usage | None) -> None:
    found = refusal(Refusal(status, {}, body, KEY, 0.0))
    assert (found.kind, found.usage) == (kind, used)
    assert found.retryable == (kind in ("rate", "server", "timeout", "overload"))


def test_a_reason_holds_no_key_and_no_quotation() -> None:
    said = "the key sk-very-secret is wrong, as is 'what somebody wrote'"
    found = refusal(Refusal(401, {}, error("authentication_error", said), KEY, 0.0))
    assert str(found) == "answered 401 (authentication_error): the key *** is wrong, as is '...'"


# -- models ------------------------------------------------------------------------------------------------


def test_pages_of_models() -> None:
    capable = {"image_input": {"supported": True}, "thinking": {"supported": False}, "made_up": 1}
    page = {
        "data": [{"id": "b", "max_input_tokens": 9, "max_tokens": 4, "capabilities": capable}, {"id": "a"}],
        "has_more": True,
        "last_id": "a",
    }
    models = (ListedModel("b", 9, 4, ("tools", "images")), ListedModel("a", capabilities=("tools",)))
    assert listing.read(json.dumps(page).encode()) == (models, "a")
    assert listing.read(json.dumps({**page, "has_more": False}).encode()) == (models, "")
    assert listing.read(b'{"data":null}') == ((), "")
    assert (listing.target(""), listing.target("a/b")) == ("/models?limit=1000", "/models?limit=1000&after_id=a%2Fb")
    with pytest.raises(ProviderFailed):
        listing.read(b"<html>")


def test_a_block_may_end_without_having_grown() -> None:
    assert read(stream(start(), begin(0, TEXT), stop(0), end("end_turn"), STOP))[0].message == AssistantMessage("")
