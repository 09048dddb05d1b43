"""How is a sentence said in a language? Its text is filled: numbers, plurals and moments as that language has them."""

import tomllib
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Literal, NewType

import msgspec

from quarterdeck.words.languages import Language
from quarterdeck.words.sentences import Moment, Phrase, Sentence, Value

Told = NewType("Told", str)
"""A text that people may be shown."""


class Plural(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The forms of a sentence, by its blank `count`."""

    one: str
    other: str


class Manner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a language has numbers and times.

    `one`: which counts take the form of one. Digits are grouped by `thousands` from `grouped_from` on. `moment` is a
    format of strftime without names of days or months.
    """

    name: str
    one: Literal["n = 1", "n < 2", "never"]
    thousands: str
    grouped_from: int
    moment: str


class Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language's file."""

    language: Manner
    sentences: dict[Sentence, str | Plural]


@cache
def book(language: Language) -> Book:
    """A language's file, read once. Raises msgspec.ValidationError for a file with unknown sentences."""
    text = (resources.files("quarterdeck.words") / f"{language}.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Book)


def say(language: Language, said: Phrase) -> Told:
    """A sentence in a language."""
    found = book(language)
    text = found.sentences[said.sentence]
    if isinstance(text, Plural):
        text = text.one if _one(found.language, said.values["count"]) else text.other
    return Told(text.format_map({name: _filled(language, value) for name, value in said.values.items()}))


def quoted(text: str) -> Told:
    """The words of a model, of a person, or of whoever runs this, as they are."""
    return Told(text)


def joined(between: str, *texts: Told) -> Told:
    """Texts one behind the other; empty ones are left out."""
    return Told(between.join(text for text in texts if text))


def _one(manner: Manner, count: Value) -> bool:
    assert isinstance(count, int)
    return {"n = 1": count == 1, "n < 2": count < 2, "never": False}[manner.one]


def _filled(language: Language, value: Value) -> str:
    manner = book(language).language
    match value:
        case Phrase():
            return say(language, value)
        case Moment(at=at):
            return datetime.fromtimestamp(at, UTC).strftime(manner.moment)
        case int():
            return f"{value:,}".replace(",", manner.thousands) if value >= manner.grouped_from else str(value)
        case str():
            return value
