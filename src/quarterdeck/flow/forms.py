"""Does an answer have the form that was asked for? Pure.

Of JSON Schema these keywords are checked: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`,
`items`, `anyOf`, `allOf`, `oneOf` (as `anyOf`), `$ref` within the schema, and the bounds of numbers, texts and lists.
All others are told to the model and not checked; a `pattern` is not, because it comes from outside and may never end.
"""

from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from quarterdeck.model.asking import AnswerForm

MAX_LOOKS = 100_000  # at a schema, for one answer

Json = dict[str, object]


class Misfit(msgspec.Struct, frozen=True):
    """Why an answer does not fit, as the model and whoever asked are told."""

    reason: str


class _Wrong(Exception):
    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place or 'the answer'} {reason}")


def fitted(form: AnswerForm, text: str) -> str | Misfit:
    """The answer's JSON text, out of the fence that some models put around it; or why it does not fit."""
    text = unfenced(text)
    try:
        found: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Misfit(f"The answer is no JSON: {error}.")
    if not form.schema:
        return text if isinstance(found, dict) else Misfit("The answer is no JSON object.")
    if not form.strict:
        return text
    schema = cast("Json", msgspec.json.decode(form.schema))
    try:
        _Checker(schema).check(found, schema)
    except RecursionError:
        return Misfit("Wrong form: the schema leads back to itself.")
    except _Wrong as wrong:
        return Misfit(f"Wrong form: {wrong}.")
    return text


def unfenced(text: str) -> str:
    """The text within a code fence that is all there is, else the text."""
    text = text.strip()
    if not (text.startswith("```") and text.endswith("```") and "\n" in text):
        return text
    return text[text.index("\n") + 1 : -3].strip()


class _Checker:
    """Checks values against the schemas within `root`, in a bounded number of looks."""

    def __init__(self, root: Json) -> None:
        self._root = root
        self._left = MAX_LOOKS

    def check(self, value: object, schema: object, place: str = "") -> None:
        """Raises _Wrong with the place and the reason."""
        self._left -= 1
        if self._left < 0:
            raise _Wrong("", f"needs more than {MAX_LOOKS} looks at its schema")
        if schema is False:
            raise _Wrong(place, "is not asked for")
        if not isinstance(schema, dict):
            return
        rules = cast("Json", schema)
        if "$ref" in rules:
            self.check(value, _referred(str(rules["$ref"]), self._root), place)
        _check_type(value, rules, place)
        _check_choice(value, rules, place)
        _check_bounds(value, rules, place)
        self._combined(value, rules, place)
        if isinstance(value, dict):
            self._object(cast("Json", value), rules, place)
        elif isinstance(value, list):
            for n, one in enumerate(cast("list[object]", value)):
                self.check(one, rules.get("items"), f"{place}[{n}]")

    def _object(self, value: Json, rules: Json, place: str) -> None:
        properties = _object(rules.get("properties"))
        for name in _list(rules.get("required")):
            if name not in value:
                raise _Wrong(place, f"lacks {name!r}")
        for name, one in value.items():
            here = f"{place}.{name}" if place else name
            self.check(one, properties.get(name, rules.get("additionalProperties", True)), here)

    def _combined(self, value: object, rules: Json, place: str) -> None:
        for one in _list(rules.get("allOf")):
            self.check(value, one, place)
        for name in ("anyOf", "oneOf"):
            choices = _list(rules.get(name))
            if choices and not any(self._fits(value, one, place) for one in choices):
                raise _Wrong(place, f"fits none of its {name}")

    def _fits(self, value: object, schema: object, place: str) -> bool:
        try:
            self.check(value, schema, place)
        except _Wrong:
            return False
        return True


def _check_type(value: object, rules: Json, place: str) -> None:
    wanted = rules.get("type")
    names = _list(wanted) or ([] if wanted is None else [wanted])
    if names and not any(_is(value, str(name)) for name in names):
        raise _Wrong(place, f"is not of type {' or '.join(map(str, names))}")


def _is(value: object, name: str) -> bool:
    match name:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return whole and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case _:
            return True


def _check_choice(value: object, rules: Json, place: str) -> None:
    if "enum" in rules and not any(_same(value, one) for one in _list(rules["enum"])):
        raise _Wrong(place, "is none of the allowed values")
    if "const" in rules and not _same(value, rules["const"]):
        raise _Wrong(place, "is not the only allowed value")


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _check_bounds(value: object, rules: Json, place: str) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        size, least, most = float(value), "minimum", "maximum"
        _bound(size, rules, "exclusiveMinimum", place, lambda bound: size > bound)
        _bound(size, rules, "exclusiveMaximum", place, lambda bound: size < bound)
    elif isinstance(value, str):
        size, least, most = float(len(value)), "minLength", "maxLength"
    elif isinstance(value, list):
        size, least, most = float(len(cast("list[object]", value))), "minItems", "maxItems"
    else:
        return
    _bound(size, rules, least, place, lambda bound: size >= bound)
    _bound(size, rules, most, place, lambda bound: size <= bound)


def _bound(size: float, rules: Json, name: str, place: str, within: Callable[[float], bool]) -> None:
    bound = rules.get(name)
    if isinstance(bound, int | float) and not isinstance(bound, bool) and not within(float(bound)):
        raise _Wrong(place, f"is outside of {name} {bound}")


def _referred(pointer: str, root: Json) -> object:
    """The schema that a `$ref` within the schema names; one that leads nowhere allows everything."""
    found: object = root
    for name in pointer.removeprefix("#").split("/")[1:]:
        found = _object(found).get(name.replace("~1", "/").replace("~0", "~"))
    return found


def _object(value: object) -> Mapping[str, object]:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
