"""How is an answer of the Gemini API read? Streams as the vendor shows them, and bytes that nobody should send."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.base.secrets import Secret
from quarterdeck.model.action import ModelCall
from quarterdeck.model.message import AssistantMessage, ProviderState, ToolCall
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.ports import ProviderFailed
from quarterdeck.providers.gemini.answer import Reading
from quarterdeck.providers.http.body import MAX_EVENT
from quarterdeck.providers.http.wire import MAX_CALLS

CALL = ModelCall("main", "gemini-3-flash-preview", b"{}", reserve_in=50, reserve_out=100)
KEY = "AIza-secret"
USAGE = {"promptTokenCount": 10, "candidatesTokenCount": 4, "totalTokenCount": 14}


def chunk(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-3-flash", "responseId": "r", **more}


def text(piece: str, **more: Any) -> dict[str, Any]:
    return {"text": piece, **more}


def call(name: str, args: Any, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args, **more}}


def stream(*chunks: Any) -> bytes:
    return b"".join(b"data: " + msgspec.json.encode(one) + b"\r\n\r\n" for one in chunks)


def read(body: bytes, size: int = 0) -> tuple[ModelAnswer, str]:
    """The answer, and the text that was shown, from a body in pieces of `size` bytes (0: one)."""
    reading = Reading(CALL, Secret(KEY))
    shown = "".join([reading.feed(piece) for piece in pieces(body, size or len(body) or 1)])
    return reading.end(), shown


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def failed(body: bytes) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as raised:
        read(body)
    return raised.value


# -- golden streams ----------------------------------------------------------------------------------------

PLAIN = stream(
    chunk(text("Grüß "), usageMetadata={"promptTokenCount": 10, "totalTokenCount": 10}),
    chunk(text("Gott")),
    chunk(text("", thoughtSignature="c2ln"), finish="STOP", usageMetadata={**USAGE, "cachedContentTokenCount": 8}),
)
THOUGHT = stream(
    chunk(text("First I ", thought=True)),
    chunk(text("look.", thought=True)),
    chunk(text("Here:", thoughtSignature="dGV4dA==")),
    chunk(call("look_up", {"q": "a b"}, id="fc1") | {"thoughtSignature": "Y2FsbA=="}),
    chunk(
        call("_9lives", {}, id="fc1"),
        finish="STOP",
        usageMetadata={**USAGE, "thoughtsTokenCount": 30, "toolUsePromptTokenCount": 5},
    ),
)


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_plain_answer(size: int) -> None:
    answer, shown = read(PLAIN, size)
    state = ProviderState("gemini", CALL.model, '{"length":9,"text":[[9,"c2ln"]]}')
    assert answer.message == AssistantMessage("Grüß Gott", state=state)
    assert (answer.finish, answer.model, shown) == ("stop", "gemini-3-flash", "Grüß Gott")
    assert answer.usage == Usage(10, 4, 8)


@pytest.mark.parametrize("size", [0, 1, 64])
def test_thoughts_calls_and_signatures(size: int) -> None:
    answer, shown = read(THOUGHT, size)
    assert answer.message.text == shown == "Here:"
    assert answer.message.reasoning == "First I look."
    assert answer.message.calls == (ToolCall("fc1", "look_up", '{"q":"a b"}'), ToolCall("fc1_", "9lives", "{}"))
    assert answer.message.state is not None
    assert json.loads(answer.message.state.data) == {
        "length": 5,
        "text": [[5, "dGV4dA=="]],
        "calls": ["Y2FsbA==", ""],
        "ids": [True, True],
    }
    assert (answer.finish, answer.usage) == ("tool_calls", Usage(15, 34, reasoning=30))


def test_calls_without_ids_get_one_that_no_other_request_has() -> None:
    body = stream(chunk(call("a", {}), call("b", None), {"functionCall": {"name": "c"}}, finish="STOP"))
    first = read(body)[0].message
    other = Reading(msgspec.structs.replace(CALL, body=b"{ }"), None)
    other.feed(body)
    made = [made.id for made in (*first.calls, *other.end().message.calls)]
    assert len(set(made)) == 6
    assert [made.arguments for made in first.calls] == ["{}"] * 3
    assert first.state is None


def test_arguments_that_are_no_text_are_a_call_all_the_same() -> None:
    """Raw JSON is not looked into while it is read; whoever checks arguments finds that these are none."""
    body = stream(chunk(call("a", {"q": "%"}), finish="STOP")).replace(b"%", b"\xff")
    (made,) = read(body)[0].message.calls
    assert made.arguments == '{"q":"\ufffd"}'


@pytest.mark.parametrize("whole", [True, False])
def test_one_object_or_a_list_in_place_of_a_stream(whole: bool) -> None:
    one = chunk(text("all"), finish="STOP", usageMetadata=USAGE)
    body = json.dumps(one if whole else [chunk(text("a")), chunk(text("ll"), finish="STOP")], indent=1).encode()
    answer, shown = read(body, 5)
    assert (answer.message.text, answer.finish, shown) == ("all", "stop", "")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "tool_calls"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        *((reason, "filter") for reason in ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")),
        *((reason, "filter") for reason in ("LANGUAGE", "IMAGE_SAFETY", "ESCALATION")),
    ],
)
def test_endings(reason: str, finish: str) -> None:
    last = {"candidates": [{"finishReason": reason, "index": 0}], "usageMetadata": USAGE}
    answer, _ = read(stream(chunk(text("begun"), call("a", {})), last))
    assert (answer.message.text, answer.finish) == ("begun", finish)
    assert bool(answer.message.calls) == (reason == "STOP")


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT"])
def test_a_blocked_prompt_is_an_answer_that_was_withheld(reason: str) -> None:
    body = {"promptFeedback": {"blockReason": reason}, "usageMetadata": {"promptTokenCount": 7}}
    answer, _ = read(stream(body))
    assert (answer.message, answer.finish, answer.usage) == (AssistantMessage(""), "filter", Usage(7, 0))


def test_what_comes_behind_the_end_cannot_spoil_it() -> None:
    for extra in (b"data: nonsense\n\n", stream({"error": {"code": 500}}), b'{"error": {"code": 500}}'):
        assert read(PLAIN + extra)[0].message.text == "Grüß Gott"
    reading = Reading(CALL, None)
    reading.feed(PLAIN)
    assert (reading.complete, reading.done) == (True, False)


# -- failures ----------------------------------------------------------------------------------------------

HIGH_DEMAND = {"error": {"code": 503, "message": "This model is busy: AIza-secret.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    ("body", "kind", "retryable"),
    [
        (b"", "cut", True),
        (stream(chunk(text("begun"))), "cut", True),
        (PLAIN[: len(PLAIN) // 2], "cut", True),
        (stream(chunk(text("a")), HIGH_DEMAND), "overload", True),
        (stream(chunk(text("a"))) + json.dumps(HIGH_DEMAND, indent=2).encode(), "overload", True),
        (stream(chunk(text("a"))) + json.dumps([HIGH_DEMAND]).encode() + b"\n", "overload", True),
        (stream({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}), "invalid", False),
        (stream({"error": "what"}), "server", True),
        (json.dumps(HIGH_DEMAND).encode(), "overload", True),
        (b"data: {\n\n", "server", True),
        (b"data: []\n\n", "server", True),
        (b"{", "server", True),
        (b"[1]", "server", True),
        (b"{}", "server", True),
        (b"data: " + b"x" * (MAX_EVENT + 1), "server", True),
        (stream(chunk(*[call("a", {})] * (MAX_CALLS + 1))), "server", True),
        (stream(chunk(text("a"), finish="MALFORMED_FUNCTION_CALL")), "server", True),
        (stream(chunk(finish="OTHER")), "server", True),
        (stream(chunk(finish="NEVER_HEARD_OF")), "server", True),
        (stream(chunk(finish="MISSING_THOUGHT_SIGNATURE")), "invalid", False),
    ],
)
def test_what_is_no_answer(body: bytes, kind: str, retryable: bool) -> None:
    found = failed(body)
    assert (found.kind, found.retryable) == (kind, retryable)
    assert KEY not in str(found)


def test_a_failure_tells_the_usage_that_was_reported() -> None:
    begun = stream(chunk(text("begun"), usageMetadata={"promptTokenCount": 10}))
    assert failed(begun + stream(HIGH_DEMAND)).usage == Usage(10, 1, reported=False)
    assert failed(stream(HIGH_DEMAND)).usage is None


@pytest.mark.parametrize(
    ("figures", "usage"),
    [
        (None, Usage(50, 3, reported=False)),
        ({"promptTokenCount": -5, "candidatesTokenCount": 10**9}, Usage(50, 3, reported=False)),
        ({"promptTokenCount": 10, "candidatesTokenCount": 3, "cachedContentTokenCount": 99}, Usage(10, 3, 10, False)),
        ({"promptTokenCount": "ten"}, Usage(50, 3, reported=False)),
        ([], Usage(50, 3, reported=False)),
    ],
)
def test_usage_that_cannot_be_true_is_replaced(figures: Any, usage: Usage) -> None:
    more = {} if figures is None else {"usageMetadata": figures}
    assert read(stream(chunk(text("0123456789"), finish="STOP", **more)))[0].usage == usage


# -- whatever comes ----------------------------------------------------------------------------------------

LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from(["STOP", "SAFETY"]))
FIELDS = (
    *("candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "name", "args", "id"),
    *("finishReason", "promptFeedback", "blockReason", "usageMetadata", "promptTokenCount", "error", "code", "status"),
    *("message", "details", "modelVersion"),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)),
    max_leaves=12,
)
PARTS = st.lists(st.dictionaries(st.sampled_from(["text", "thought", "thoughtSignature", "functionCall"]), JSON))
CHUNKS = st.one_of(JSON, PARTS.map(lambda parts: {"candidates": [{"content": {"parts": parts}}]}))
BODIES = st.one_of(
    st.binary(max_size=200),
    st.lists(CHUNKS, max_size=4).map(
        lambda chunks: b"".join(b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks)
    ),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([PLAIN, THOUGHT]),
    st.tuples(st.sampled_from([PLAIN, THOUGHT]), st.integers(0, 900), st.binary(max_size=6)).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :]
    ),
)


def outcome(body: bytes, cuts: list[int]) -> object:
    """What becomes of a body in these pieces. Anything but an answer or a failure is an error of the test."""
    reading = Reading(CALL, Secret(KEY))
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    shown = "".join([reading.feed(body[start:end]) for start, end in itertools.pairwise(edges)])
    try:
        answer = reading.end()
    except ProviderFailed as error:
        return error.kind, KEY in str(error)
    assert answer.message.text.startswith(shown)
    msgspec.json.encode(answer)
    return answer


@settings(max_examples=400, deadline=None)
@given(BODIES, st.lists(st.integers(0, 1000), max_size=6))
def test_any_bytes_in_any_pieces_are_an_answer_or_a_failure_and_always_the_same(body: bytes, cuts: list[int]) -> None:
    found = outcome(body, cuts)
    assert found == outcome(body, [])
    assert not isinstance(found, tuple) or not found[1]
