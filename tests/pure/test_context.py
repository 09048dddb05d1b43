"""What a model is shown is always a valid history, and a pure function of what is stored."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.flow.rest import wire_faults

from quarterdeck.flow import context
from quarterdeck.flow.context import Taken
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.message import AssistantMessage, Message, SystemEvent, ToolCall, ToolResult, UserMessage
from quarterdeck.model.turn import (
    ModelAnswer,
    ModelStep,
    SteerStep,
    Step,
    ToolStep,
    Usage,
    model_step,
    steer_step,
    tool_step,
)
from quarterdeck.ports import ModelProfile

ASSISTANT = Assistant("default", "main/m", files=(("AGENTS.md", "Be kind.\n"), ("SOUL.md", "  "), ("USER.md", "Ada")))
TOOL = ToolSpec("look", "Looks", "{}")


def answer(text: str, *calls: str) -> ModelStep:
    made = tuple(ToolCall(call, "look", "{}") for call in calls)
    return ModelStep(ModelAnswer(AssistantMessage(text, made), "stop", Usage()))


def result(call: str) -> ToolStep:
    return ToolStep(ToolResult(call, "look", f"result of {call}"))


def taken(inbox_id: str, before: tuple[Message, ...] = ()) -> Taken:
    return Taken(inbox_id, UserMessage(f"says {inbox_id}"), before)


def test_a_turn_is_told_in_its_order() -> None:
    journal: dict[str, Step] = {
        "m1": answer("one moment", "a", "b"),
        "m1.t1": result("b"),
        "m1.t0": result("a"),
        "m1.s": SteerStep(("i3",)),
        "m2": answer("done"),
    }
    first = [taken("i1", (UserMessage("sent along"),)), taken("i2")]
    steered = {"i3": taken("i3")}
    told = context.turn_messages(first, steered, journal)
    assert [getattr(message, "text", "") for message in told] == [
        "sent along", "says i1", "says i2", "one moment", "result of a", "result of b", "says i3", "done",
    ]  # fmt: skip


def test_a_call_without_a_result_was_not_started() -> None:
    told = context.turn_messages([taken("i1")], {}, {"m1": answer("", "a", "b"), "m1.t0": result("a")})
    last = told[-1]
    assert isinstance(last, ToolResult)
    assert (last.call_id, last.status) == ("b", "skipped")
    assert context.open_calls(1, {"m1": answer("", "a", "b"), "m1.t0": result("a")}) == [1]
    assert context.open_calls(2, {"m1": answer("", "a")}) == []


journals = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.booleans(), min_size=3, max_size=3), st.booleans()), max_size=5
)


def build(plan: list[tuple[int, list[bool], bool]]) -> tuple[dict[str, Step], dict[str, Taken]]:
    journal: dict[str, Step] = {}
    steered: dict[str, Taken] = {}
    for n, (calls, has_result, steer) in enumerate(plan, 1):
        journal[model_step(n)] = answer(f"answer {n}", *(f"c{n}.{k}" for k in range(calls)))
        for k in range(calls):
            if has_result[k]:
                journal[tool_step(n, k)] = result(f"c{n}.{k}")
        if steer:
            journal[steer_step(n)] = SteerStep((f"s{n}",))
            steered[f"s{n}"] = taken(f"s{n}")
    return journal, steered


def faults(messages: object) -> list[str]:
    return wire_faults(msgspec.json.decode(msgspec.json.encode(messages)), "told")


@given(journals)
def test_any_journal_gives_a_valid_history(plan: list[tuple[int, list[bool], bool]]) -> None:
    journal, steered = build(plan)
    assert context.model_steps(journal) == len(plan)
    told = context.turn_messages([taken("i1")], steered, journal)
    assert faults(told) == []
    assert context.turn_messages([taken("i1")], dict(steered), dict(journal)) == told


def test_a_request_has_the_workspace_the_window_and_the_tools() -> None:
    made = context.request(
        ASSISTANT, ModelProfile(max_tokens=9), "m", [UserMessage("before"), UserMessage("now")], [TOOL]
    )
    assert made.system == "# AGENTS.md\nBe kind.\n\n# USER.md\nAda"
    assert (made.model, made.tools, made.max_tokens) == ("m", (TOOL,), 9)
    assert made.messages == (UserMessage("before"), UserMessage("now"))


def test_a_profile_may_forbid_tools_and_bring_its_own_prompt() -> None:
    made = context.request(ASSISTANT, ModelProfile(tools=False, system=""), "m", [SystemEvent("x")], [TOOL])
    assert (made.system, made.tools) == ("", ())
