"""What of a conversation fits: any cut is a valid history, says that it is one, and keeps what must be kept."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flow.rest import wire_faults

from quarterdeck.flow import budget, context
from quarterdeck.flow.budget import CUT_MARK, Gauge, Past, fit, room_for_messages, size_of, split
from quarterdeck.flow.minutes import LEFT_OUT, transcript
from quarterdeck.model.message import (
    AssistantMessage,
    LateResults,
    Message,
    ResultStatus,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
    encode,
)

pytestmark = pytest.mark.proves("context.cut", "context.summary")

words = st.integers(0, 3_000).map("x".__mul__)


@st.composite
def turns(draw: st.DrawFn, name: int = -1) -> list[Message]:
    """The messages of one turn: what was said, answers, calls with their results, some of them a client's own."""
    made: list[Message] = [UserMessage(draw(words), sender="Ada")]
    for n in range(draw(st.integers(0, 2))):
        calls = tuple(ToolCall(f"c{name}.{n}.{k}", "look", "{}") for k in range(draw(st.integers(1, 2))))
        made.append(AssistantMessage("", calls))
        status: ResultStatus = draw(st.sampled_from(("ok", "given")))
        made += [ToolResult(call.id, "look", "given" if status == "given" else draw(words), status) for call in calls]
        if status == "given":
            return made
    return [*made, AssistantMessage(draw(words))]


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Turns in order; what a client's tools brought comes in a later turn, sometimes much later or never."""
    found: list[Message] = []
    owed: list[ToolResult] = []
    for name in range(draw(st.integers(0, 8))):
        turn = draw(turns(name))
        found += turn
        owed += [one for one in turn if isinstance(one, ToolResult) and one.status == "given"]
        if owed and draw(st.booleans()):
            found.append(LateResults(tuple(ToolResult(one.call_id, one.name, draw(words)) for one in owed)))
            owed = []
            found.append(AssistantMessage("thanks"))
    return found


def past_of(messages: list[Message], **more: object) -> Past:
    places = tuple((n, 0) for n in range(len(messages)))
    plain = Past(tuple(messages), tuple(len(encode(one)) for one in messages), places)
    return msgspec.structs.replace(plain, **more)


def faults(messages: object) -> list[str]:
    return wire_faults(msgspec.json.decode(msgspec.json.encode(messages)), "told")


@given(conversations(), turns(), st.integers(0, 40_000), st.integers(1, 40))
def test_any_cut_is_a_valid_history_and_says_that_it_is_one(
    messages: list[Message], turn: list[Message], limit: int, most: int
) -> None:
    past = past_of(messages)
    made = fit(past, turn, limit, most)
    assert faults(context.said(made)) == []
    assert size_of(made, past) == size_of(made)
    assert made[-len(turn) :][0] == turn[0], "the turn is always there"
    shown = [one for one in made[: -len(turn)] if one != CUT_MARK]
    whole = len(shown) == len(messages)
    assert (CUT_MARK in made) == (not whole)
    assert len(shown) <= max(most, len(messages) if whole else most)
    if size_of(messages) + size_of(turn) <= limit and len(messages) <= most:
        assert made == [*messages, *turn], "what fits is shown as it is"


@given(conversations(), st.lists(st.text(max_size=40), max_size=3), st.integers(0, 2_000))
def test_pins_and_the_summary_are_never_lost(messages: list[Message], pins: list[str], limit: int) -> None:
    past = past_of(messages, pins=tuple(pins), summary="what was before")
    made = fit(past, [UserMessage("now")], limit, 3)
    told = [one.text for one in made if isinstance(one, SystemEvent)]
    assert any("what was before" in text for text in told)
    assert all(any(text.endswith(pin) for text in told) for pin in pins)


@given(conversations(), st.integers(0, 30_000), st.integers(1, 40))
def test_a_summary_parts_no_call_from_its_result(messages: list[Message], limit: int, most: int) -> None:
    past = past_of(messages)
    first = split(past, limit, most)
    old, kept = messages[:first], messages[first:]
    assert first == 0 or isinstance(kept[0], UserMessage)
    late = {result.call_id for one in kept if isinstance(one, LateResults) for result in one.results}
    assert not late & {one.call_id for one in old if isinstance(one, ToolResult)}
    assert faults(context.said(kept)) == []
    assert not any("Result of" in one.text for one in context.said(kept) if isinstance(one, SystemEvent))


def test_old_results_are_shortened_before_anything_is_left_out() -> None:
    long = "begin" + "x" * 20_000 + "end"
    messages: list[Message] = []
    for n in range(4):
        call = ToolCall(f"c{n}", "look", "{}")
        messages += [UserMessage(f"q{n}"), AssistantMessage("", (call,)), ToolResult(call.id, "look", long)]
        messages.append(AssistantMessage(f"a{n}"))
    made = fit(past_of(messages), [UserMessage("now")], 50_000, 100)
    results = [one.text for one in made if isinstance(one, ToolResult)]
    assert CUT_MARK not in made
    assert [text == long for text in results] == [False, False, True, True], "the newest two turns stay as they were"
    assert results[0].startswith("begin")
    assert results[0].endswith("end")
    assert "19108 characters left out" in results[0]


def test_a_turn_that_is_too_long_itself_keeps_what_the_model_has_not_seen() -> None:
    turn: list[Message] = [UserMessage("go")]
    for n in range(2):
        turn += [AssistantMessage("", (ToolCall(f"c{n}", "look", "{}"),)), ToolResult(f"c{n}", "look", "x" * 9_000)]
    made = fit(Past(), turn, 12_000, 100)
    first, last = [one for one in made if isinstance(one, ToolResult)]
    assert len(first.text) < 1_100
    assert len(last.text) == 9_000


def test_where_a_result_has_lost_its_call_it_is_told_as_an_event() -> None:
    late = LateResults((ToolResult("c1", "look", "42"),))
    assert context.said([late, UserMessage("x")]) == (SystemEvent("Result of look: 42"), UserMessage("x"))


def test_a_late_result_stands_where_its_call_was_even_where_ids_repeat() -> None:
    call, given = AssistantMessage("", (ToolCall("c", "look", "{}"),)), ToolResult("c", "look", "given", "given")
    first, second = ToolResult("c", "look", "one"), ToolResult("c", "look", "two")
    told = [call, given, LateResults((first,)), AssistantMessage("ok"), UserMessage("again"), call, given]
    assert context.said([*told, LateResults((second,))]) == (
        call, first, AssistantMessage("ok"), UserMessage("again"), call, second,
    )  # fmt: skip


def test_what_a_window_leaves_for_messages() -> None:
    assert room_for_messages(10_000, 100_000, 2_000, 500) == 7_000
    assert room_for_messages(0, 100_000, 2_000, 400) == 28_000  # nobody says: 32,000
    assert room_for_messages(200_000, 20_000, 2_000, 0) == 17_000
    assert room_for_messages(1_000, 100_000, 2_000, 0) == budget.LEAST


def test_a_gauge_learns_what_a_byte_is() -> None:
    gauge = Gauge()
    assert gauge.tokens("p/m", 10_000) == 3_000
    for _ in range(30):
        gauge.learn("p/m", 10_000, 2_000)
    assert abs(gauge.tokens("p/m", 10_000) - 2_000) < 30
    assert gauge.tokens("p/other", 10_000) == 3_000
    assert abs(gauge.size("p/m", 2_000) - 10_000) < 200
    gauge.learn("p/m", 100, 100_000)  # what cannot be true moves nothing
    assert abs(gauge.tokens("p/m", 10_000) - 2_000) < 30


@given(conversations(), st.integers(1_000, 60_000))
def test_minutes_fit_and_say_what_they_leave_out(messages: list[Message], limit: int) -> None:
    text = transcript(past_of(messages, summary="before"), limit)
    assert text.startswith("Earlier summary:\nbefore")
    longest = max((len(encode(one)) for one in messages), default=0)
    assert len(text.encode()) <= limit + longest + 200
    whole = transcript(past_of(messages, summary="before"), 10**9)
    assert (LEFT_OUT in text) == (text != whole)
