"""The language files: the same sentences and blanks in all, each in its own manner; and nothing is said beside them."""

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.base.settings import AssistantConfig, Tongue
from quarterdeck.flow.commands import CommandEffect
from quarterdeck.flow.ending import Ending
from quarterdeck.flow.introduction import introduction
from quarterdeck.flow.sending import Sending, repeat_mark
from quarterdeck.model.assistant import Introduction
from quarterdeck.ports import MARK_RESERVE
from quarterdeck.words.book import Told, say
from quarterdeck.words.languages import LANGUAGES, Language, first_of, spoken, wanted
from quarterdeck.words.sentences import Moment, Phrase, Sentence, phrase

SOURCE = Path(__file__).parents[2] / "src" / "quarterdeck"
FILES = {file.stem: tomllib.loads(file.read_text("utf-8")) for file in (SOURCE / "words").glob("*.toml")}
FORMS = {"one", "other"}
DENIALS = {"not_taken", "not_asked", "held_back"}


def texts(language: str, sentence: str) -> list[str]:
    """The forms of a sentence."""
    found = FILES[language]["sentences"][sentence]
    return [found] if isinstance(found, str) else [found[form] for form in sorted(FORMS)]


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_language_has_a_file() -> None:
    assert sorted(FILES) == sorted(LANGUAGES) == sorted(set(get_args(Tongue)) - {""})


@pytest.mark.parametrize("language", FILES)
def test_every_file_has_every_sentence_with_the_same_blanks(language: str) -> None:
    assert set(FILES[language]["sentences"]) == set(get_args(Sentence))
    for sentence in get_args(Sentence):
        english = blanks("".join(texts("en", sentence)))
        for text in texts(language, sentence):
            assert blanks(text) == english, (language, sentence)
            assert text == text.strip()
        forms = FILES[language]["sentences"][sentence]
        assert isinstance(forms, str) or set(forms) == FORMS, (language, sentence)
        assert isinstance(forms, str) == isinstance(FILES["en"]["sentences"][sentence], str)


@pytest.mark.parametrize("language", FILES)
def test_no_sentence_is_left_in_english(language: str) -> None:
    for sentence in set(get_args(Sentence)) - {"pins"}:
        assert language == "en" or texts(language, sentence) != texts("en", sentence), sentence


# --- nothing is said beside the files -------------------------------------------------------------------------


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield file, node


def test_what_is_said_fills_just_the_blanks_of_its_sentence() -> None:
    used: set[str] = set(DENIALS)
    for file, call in calls("phrase"):
        where = f"{file}:{call.lineno}"
        assert len(call.args) == 1, where
        assert isinstance(call.args[0], ast.Constant), f"{where}: name the sentence here"
        sentence = str(call.args[0].value)
        assert {word.arg for word in call.keywords} == blanks("".join(texts("en", sentence))), where
        used.add(sentence)
    assert used == set(get_args(Sentence)), "a sentence that nobody says"


def test_texts_for_people_are_made_of_sentences_or_are_somebody_elses_words() -> None:
    """`Told` is what the type checker asks for; `say` and `quoted` alone make it, and no text of the code is quoted."""
    makers = {file for file, _ in calls("Told") if file.parent.name == "words" or "words.book" in file.read_text()}
    assert makers == {SOURCE / "words" / "book.py"}
    quoting = list(calls("quoted"))
    assert len(quoting) > 3
    for file, call in quoting:
        (text_of,) = call.args
        strings = [n.value for n in ast.walk(text_of) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        assert not any(text.strip() for text in strings), f"{file}:{call.lineno}: write a sentence for this"
        assert not any(isinstance(n, ast.JoinedStr) for n in ast.walk(text_of)), f"{file}:{call.lineno}"


def test_the_ways_out_take_nothing_else() -> None:
    assert get_type_hints(Sending.compose)["text"] is Told
    assert get_type_hints(Sending.finish)["text"] is Told
    assert get_type_hints(Ending.failed)["said"] is Phrase
    assert get_type_hints(CommandEffect)["reply"] == Phrase | None


# --- how it is said -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("1 message waits", "0 messages wait", "12,345 messages wait", "1,234 messages wait")),
        (
            "de",
            ("1 Nachricht wartet", "0 Nachrichten warten", *(f"{n} Nachrichten warten" for n in ("12.345", "1.234"))),
        ),
        ("es", ("1 mensaje espera", "0 mensajes esperan", "12.345 mensajes esperan", "1234 mensajes esperan")),
        (
            "fr",
            ("1 message attend", "0 message attend", "12\u202f345 messages attendent", "1\u202f234 messages attendent"),
        ),
        ("zh-Hans", ("1 条消息在等待", "0 条消息在等待", "12,345 条消息在等待", "1,234 条消息在等待")),
    ],
)
def test_numbers_and_plurals(language: Language, said: tuple[str, ...]) -> None:
    assert tuple(say(language, phrase("waiting", count=count)) for count in (1, 0, 12_345, 1_234)) == said


def test_moments() -> None:
    late = phrase("late", when=Moment(1_700_000_000.0))
    assert "2023-11-14 22:13 UTC" in say("en", late)
    assert "14.11.2023, 22:13 UTC" in say("de", late)
    assert "14/11/2023, 22:13 UTC" in say("fr", late)


def test_words_that_fill_a_blank_stay_as_they_are() -> None:
    assert say("de", phrase("model_unknown", model="{x} %s", choices="a")).startswith("Ein Modell {x} %s gibt es")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_mark_of_a_repeat_fits_into_what_channels_leave_for_it(language: Language) -> None:
    assert len(repeat_mark(language).encode("utf-16-le")) // 2 <= MARK_RESERVE


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("owner", "contact"), [("", ""), ("Ada", ""), ("", "ada@example.org"), ("Ada", "Room 4")])
def test_an_introduction_says_who_is_responsible_where_it_is_known(
    language: Language, owner: str, contact: str
) -> None:
    said = introduction(Introduction(owner, contact), language, wired=True)
    lines = said.split("\n")
    assert len(lines) == 3 + bool(owner or contact)
    assert owner in said
    assert contact in said
    assert "/stop" in said
    assert introduction(Introduction(owner, contact), language, wired=False).split("\n") == lines[:-1]


def test_an_introduction_of_ones_own() -> None:
    own = Introduction("Ada", "", (("de", "Ich bin ein Automat."),))
    assert introduction(own, "de", wired=True) == "Ich bin ein Automat."
    assert "Ada" in introduction(own, "fr", wired=True), "a language without an own text has ours"
    assert AssistantConfig(model="a/b").introduce


# --- which language -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de", "de"), ("de-AT", "de"), ("DE_ch", "de"), ("en-GB", "en"), ("es-419", "es"), ("fr-CA", "fr"),
        ("zh", "zh-Hans"), ("zh-CN", "zh-Hans"), ("zh-hans", "zh-Hans"), ("zh-Hans-SG", "zh-Hans"),
        ("zh-Hant", None), ("zh-TW", None), ("zh-hant-hk", None), ("pt-BR", None), ("den", None), ("", None),
        ("*", None),
    ],
)  # fmt: skip
def test_tags(tag: str, language: str | None) -> None:
    assert spoken(tag) == language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de", "de"),
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
        ("en;q=0.5, de;q=0.9", "de"),
        ("pt-BR,pt;q=0.9,es;q=0.3,en;q=0.2", "es"),
        ("de;q=0, en;q=0.1", "en"),
        ("de;q=nan, fr", "fr"),
        ("de;q=x", None),
        ("pt, *", None),
        ("", None),
    ],
)
def test_accept_language(header: str, language: str | None) -> None:
    assert wanted(header) == language


@given(st.text())
def test_no_header_breaks_anything(header: str) -> None:
    assert wanted(header) in (None, *LANGUAGES)
    assert first_of(header, "de") in LANGUAGES


def test_what_is_configured_goes_first() -> None:
    assert first_of("es", "de", "fr") == "es"
    assert first_of("", "", "fr") == "fr"
    assert first_of("", "", "") == "en"


def test_sentences_of_ours_speak_to_people() -> None:
    """No names of states, kinds or codes of ours."""
    for language, file in FILES.items():
        for sentence in file["sentences"]:
            for text in texts(language, sentence):
                assert not re.search(r"\b(dead_letter|dead_lettered|provider_\w+|queue_full|fence|lane)\b", text)
