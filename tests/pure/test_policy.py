"""The policy in force allows what was configured, and nothing else; every no says rule, reason and next step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.governance.policy import Allow, Deny, Facts, decide
from quarterdeck.model.action import Action, ModelCall, Part, StreamTo, ToolRun

pytestmark = pytest.mark.proves("G3")

MODEL = ModelCall("main", "m", b"{}", 1, 1)
TOOL = ToolRun("look", "{}", "turn_1", "m1.t0", "none", True)
PART = Part("wire", "r1", "hello", "dlv_1.0")
STREAM = StreamTo("wire", "r1", "dlv_1")
NAMES = st.text(alphabet="abr/", max_size=6)


@pytest.mark.parametrize(
    ("action", "facts", "rule"),
    [
        (MODEL, Facts(models=("main/m",)), "default.model.own"),
        (TOOL, Facts(tools=("look",)), "default.tool.listed"),
        (PART, Facts(rooms=("wire/r1",)), "default.send.known_room"),
        (STREAM, Facts(rooms=("wire/r1",)), "default.send.known_room"),
    ],
)
def test_what_is_configured_is_allowed_by_its_rule(action: Action, facts: Facts, rule: str) -> None:
    assert decide(action, facts) == Allow(rule)
    refused = decide(action, Facts())
    assert isinstance(refused, Deny)
    assert refused.rule == rule
    assert refused.reason
    assert refused.next_step


@given(st.lists(NAMES), st.lists(NAMES), st.lists(NAMES))
def test_nothing_but_the_exact_name_is_allowed(models: list[str], tools: list[str], rooms: list[str]) -> None:
    facts = Facts(models, tools, rooms)
    for action, listed in ((MODEL, "main/m" in models), (TOOL, "look" in tools), (PART, "wire/r1" in rooms)):
        assert isinstance(decide(action, facts), Allow) == listed


def test_a_list_for_one_kind_allows_no_other() -> None:
    everything = ("main/m", "look", "wire/r1", "tool/look")
    assert isinstance(decide(MODEL, Facts(tools=everything, rooms=everything)), Deny)
    assert isinstance(decide(TOOL, Facts(models=everything, rooms=everything)), Deny)
    assert isinstance(decide(PART, Facts(models=everything, tools=everything)), Deny)
