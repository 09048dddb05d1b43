"""A model's arguments are checked before anything is decided on them, whatever it wrote."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.base.errors import BadInput
from quarterdeck.flow.arguments import MAX_ARGUMENTS, check_arguments
from quarterdeck.model.asking import ToolSpec

SCHEMA = (
    '{"type":"object","properties":{"s":{"type":"string","maxLength":5},"i":{"type":"integer"},"n":{"type":"number"},'
    '"b":{"type":"boolean"},"o":{"type":"object"},"a":{"type":"array"},"e":{"type":"string","enum":["x","y"]}},'
    '"required":["s"]}'
)
SPEC = ToolSpec("tool", "A tool", SCHEMA)
FREE = ToolSpec("free", "No arguments", '{"type":"object"}')


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ('{"s":"a"}', '{"s":"a"}'),
        (' { "s" : "a" , "i" : 1 } ', '{"i":1,"s":"a"}'),
        ('{"s":"a","n":1.5}', '{"n":1.5,"s":"a"}'),
        ('{"s":"a","n":2}', '{"n":2,"s":"a"}'),
        ('{"s":"a","b":true,"o":{"z":1,"y":2},"a":[1]}', '{"a":[1],"b":true,"o":{"y":2,"z":1},"s":"a"}'),
        ('{"s":"a","e":"x"}', '{"e":"x","s":"a"}'),
        ('{"s":"äöüß!"}', '{"s":"äöüß!"}'),
    ],
)
def test_good_arguments_become_canonical(text: str, canonical: str) -> None:
    assert check_arguments(text, SPEC) == canonical
    assert check_arguments(canonical, SPEC) == canonical


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("{}", "s", "is missing"),
        ("", "s", "is missing"),
        ("null", "arguments", "are not a JSON object"),
        ("[]", "arguments", "are not a JSON object"),
        ('"s"', "arguments", "are not a JSON object"),
        ("{s:1}", "arguments", "are not valid JSON"),
        ('{"s":"a"', "arguments", "are not valid JSON"),
        ('{"s":"a"} {}', "arguments", "are not valid JSON"),
        ('{"s":NaN}', "arguments", "are not valid JSON"),
        ('{"s":"\\ud800"}', "arguments", "are not valid JSON"),
        ("[" * 50_000, "arguments", "are not valid JSON"),
        ('{"s":1}', "s", "is not of type string"),
        ('{"s":null}', "s", "is not of type string"),
        ('{"s":"a","i":1.5}', "i", "is not of type integer"),
        ('{"s":"a","i":true}', "i", "is not of type integer"),
        ('{"s":"a","n":false}', "n", "is not of type number"),
        ('{"s":"a","b":1}', "b", "is not of type boolean"),
        ('{"s":"a","e":"z"}', "e", "is 'z'"),
        ('{"s":"longer"}', "s", "is longer than 5 characters"),
        ('{"s":"a","extra":1}', "extra", "is no argument of tool"),
        ('{"s":"' + "a" * MAX_ARGUMENTS + '"}', "arguments", "are longer than"),
    ],
)
def test_bad_arguments_are_named_with_the_reason(text: str, field: str, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_arguments(text, SPEC)
    assert refused.value.field == field
    assert refused.value.reason.startswith(reason)


def test_a_tool_without_arguments_takes_none() -> None:
    assert check_arguments("", FREE) == "{}"
    with pytest.raises(BadInput, match="nothing"):
        check_arguments('{"x":1}', FREE)


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_whatever_is_written_it_is_an_object_or_refused(text: str) -> None:
    try:
        made = check_arguments(text, SPEC)
    except BadInput:
        return
    assert isinstance(msgspec.json.decode(made), dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["s", "i", "n", "b", "o", "a", "e", "zzz"]), json_values))
def test_what_is_let_through_is_what_was_declared(value: dict[str, object]) -> None:
    try:
        made = msgspec.json.decode(check_arguments(msgspec.json.encode(value).decode(), SPEC))
    except BadInput:
        return
    assert isinstance(made["s"], str)
    assert len(made["s"]) <= 5
    assert set(made) <= {"s", "i", "n", "b", "o", "a", "e"}
    assert type(made.get("i", 0)) is int
    assert made.get("e", "x") in ("x", "y")
