"""The form of an answer, judged beside the `jsonschema` package."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.flow.forms import Misfit, fitted
from quarterdeck.model.asking import AnswerForm

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "bb"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)
kinds = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
leaves: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda kind: {"type": kind}, kinds),
    st.builds(lambda one, two: {"type": [one, two]}, kinds, kinds),
    st.builds(lambda choices: {"enum": choices}, st.lists(values, min_size=1, max_size=2)),
    st.builds(lambda value: {"const": value}, values),
    st.sampled_from(
        [{"minimum": 1}, {"exclusiveMaximum": 2}, {"minLength": 1}, {"maxItems": 1}, {"$ref": "#/$defs/word"}]
    ),
)


def within(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(st.sampled_from("xy"), inner, max_size=2)
    return st.one_of(
        st.builds(
            lambda fields, needed, others: {
                "type": "object", "properties": fields, "required": needed, "additionalProperties": others,
            },
            properties, st.lists(st.sampled_from("xy"), unique=True), st.booleans() | inner,
        ),
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda choices: {"anyOf": choices}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda both: {"allOf": both}, st.lists(inner, min_size=1, max_size=2)),
    )  # fmt: skip


@given(st.recursive(leaves, within, max_leaves=5), values)
def test_the_same_judgement_as_the_standard(schema: dict[str, Any], value: Any) -> None:
    schema = {**schema, "$defs": {"word": {"type": "string", "minLength": 1}}}
    ours = not isinstance(fitted(AnswerForm(json.dumps(schema)), json.dumps(value)), Misfit)
    assert ours == jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":1}', '{"a":1}'),
        (' \n{"a":1}\n', '{"a":1}'),
        ('```json\n{"a":1}\n```', '{"a":1}'),
        ('```\n{"a":1}\n```', '{"a":1}'),
    ],
)
def test_an_object_out_of_its_fence(text: str, found: str) -> None:
    assert fitted(AnswerForm(), text) == found


@pytest.mark.parametrize("text", ["", "no", "[1]", "1", '{"a":1} and more', "```\n```", "{" * 100_000, '{"a":' * 9_999])
def test_no_object(text: str) -> None:
    assert isinstance(fitted(AnswerForm(), text), Misfit)


def test_a_schema_that_is_not_strict_asks_for_json_only() -> None:
    form = AnswerForm('{"type":"object"}', strict=False)
    assert fitted(form, "[1]") == "[1]"
    assert isinstance(fitted(form, "one"), Misfit)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}] * 9}, "b": {"anyOf": [{"$ref": "#/$defs/c"}] * 9},
                   "c": {"anyOf": [{"$ref": "#/$defs/d"}] * 9}, "d": {"anyOf": [{"$ref": "#/$defs/e"}] * 9},
                   "e": {"anyOf": [{"$ref": "#/$defs/f"}] * 99}, "f": {"anyOf": [{"type": "null"}] * 99}},
         "$ref": "#/$defs/a"},
    ],
)  # fmt: skip
def test_a_schema_that_never_ends_is_given_up(schema: dict[str, Any]) -> None:
    assert isinstance(fitted(AnswerForm(json.dumps(schema)), '{"a":1}'), Misfit)


@pytest.mark.parametrize(
    "schema", [{"properties": 5, "required": "x", "anyOf": {}, "enum": [1], "type": 7}, {"$ref": 3}]
)
def test_a_schema_that_makes_no_sense_breaks_nothing(schema: dict[str, Any]) -> None:
    fitted(AnswerForm(json.dumps(schema)), '{"a":1}')
