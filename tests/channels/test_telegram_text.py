"""Does a model's Markdown reach people on Telegram whole, readable and within the limit?"""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quarterdeck.channels.telegram.cutting import cut, head, units
from quarterdeck.channels.telegram.markdown import read, render
from tests.channels.telegram_platform import telegram
from tests.standins.telegram.entities import formatted
from tests.standins.telegram.limits import TEXT_UTF16_UNITS, utf16_length

SHIP, FAMILY = "\U0001f6a2", "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SIGNS = ("*", "**", "***", "_", "__", "~~", "~~~", "`", "``", "```", "```py", "~~~~", "\\", "[", "](", ")", "(", "!",
         "[a](http://b.c/d_(e)_f)", "https://x.y", "<https://x.y>", "<b>", "&amp;", "&", ">", "> ", "# ", "- ", "1. ",
         "|", " ", "  ", "\n", "\n\n", "\r\n", "a", "word", "snake_case", "ü", SHIP, FAMILY, "e\u0301")  # fmt: skip
MARKDOWN = st.lists(st.one_of(st.sampled_from(SIGNS), st.text(max_size=6)), max_size=60).map("".join)


def shown(text: str) -> str:
    """What the stand-in, which shares nothing with the product, makes of the HTML."""
    return formatted(render(text).html, "HTML", None)[0]


def squeezed(text: str) -> str:
    return "".join(text.split())


def marks(text: str) -> list[tuple[str, str]]:
    """(type, what it covers) of every entity."""
    plain, entities = formatted(render(text).html, "HTML", None)
    wide = plain.encode("utf-16-le")
    found: list[tuple[str, str]] = []
    for entity in entities:
        start = int(str(entity["offset"])) * 2
        covered = wide[start : start + int(str(entity["length"])) * 2].decode("utf-16-le")
        found.append((str(entity["type"]), covered))
    return found


# -- what it looks like --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "plain", "expected"),
    [
        ("**b** and __b2__", "b and b2", [("bold", "b"), ("bold", "b2")]),
        ("*i* and _i2_", "i and i2", [("italic", "i"), ("italic", "i2")]),
        ("~~gone~~", "gone", [("strikethrough", "gone")]),
        ("***both***", "both", [("bold", "both"), ("italic", "both")]),
        ("**a *b* c**", "a b c", [("bold", "a b c"), ("italic", "b")]),
        ("*a **b***", "a b", [("italic", "a b"), ("bold", "b")]),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4", []),
        ("**open and *more", "**open and *more", []),
        ("*a **b* c**", "a **b c**", [("italic", "a **b")]),
        (r"\*no\* \_no\_ \`no\`", "*no* _no_ `no`", []),
        ("`a * b * <c>`", "a * b * <c>", [("code", "a * b * <c>")]),
        ("`` a`b ``", "a`b", [("code", "a`b")]),
        ("# Title", "Title", [("bold", "Title")]),
        ("### Sub *x* ##", "Sub x", [("bold", "Sub x"), ("italic", "x")]),
        ("#hashtag", "#hashtag", []),
        ("- one\n  * two\n+ three", "• one\n  • two\n• three", []),
        ("1. one", "1. one", []),
        ("> a\n> b\nc", "a\nb\nc", [("blockquote", "a\nb")]),
        ("<b>html</b> & co", "<b>html</b> & co", []),
        ("&lt;", "&lt;", []),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))", []),
        ("[x](tg://user?id=1)", "[x](tg://user?id=1)", []),
        ("<https://a.b/c>", "https://a.b/c", []),
        ("a\r\nb", "a\nb", []),
        ("```\n```", "```\n```", []),
    ],
)
def test_markdown_becomes_entities(source: str, plain: str, expected: list[tuple[str, str]]) -> None:
    assert shown(source) == plain
    assert sorted(marks(source)) == sorted(expected)


def test_a_link_keeps_its_address() -> None:
    source = 'see [**the** page](https://a.b/c_(d)?e=1&f="2) now'
    plain, entities = formatted(render(source).html, "HTML", None)
    assert plain == "see the page now"
    assert [e.get("url") for e in entities if e["type"] == "text_link"] == ['https://a.b/c_(d)?e=1&f="2']
    assert ("bold", "the") in marks(source)


def test_a_fence_keeps_its_language_and_its_code() -> None:
    source = "Look:\n```python title\nif a < b:\n    print('*x*')\n```\nand `c`"
    plain, entities = formatted(render(source).html, "HTML", None)
    assert plain == "Look:\nif a < b:\n    print('*x*')\nand c"
    assert [(e["type"], e.get("language")) for e in entities] == [("pre", "python"), ("code", None)]


def test_a_longer_fence_holds_a_shorter_one_and_an_open_one_ends_with_the_text() -> None:
    assert marks("````\n```\nx\n```\n````") == [("pre", "```\nx\n```")]
    assert marks("~~~\n```\n~~~") == [("pre", "```")]
    assert marks("a\n```sh\nls") == [("pre", "ls")]
    assert marks("  ```\n  two\n    four\n  ```") == [("pre", "two\n  four")]


# -- where it is cut -----------------------------------------------------------------------------------------


def test_a_blank_line_is_the_best_place() -> None:
    text = "\n\n".join(("a" * 40, "b" * 10 + "\n" + "c" * 20, "d" * 10))
    assert cut(text, 65) == ("a" * 40, "b" * 10 + "\n" + "c" * 20 + "\n\n" + "d" * 10)


def test_a_line_end_is_next_and_then_a_space() -> None:
    assert cut("a" * 30 + "\n" + "b" * 30, 40) == ("a" * 30, "b" * 30)
    assert cut("one two three four five six seven eight", 20) == ("one two three four", "five six seven eight")


def test_a_line_end_counts_as_much_as_a_letter() -> None:
    assert cut("abcd\nefg", 8) == ("abcd\nefg",)
    assert cut("abcd\nefgh", 8) == ("abcd", "efgh")


def test_a_fence_that_fits_stays_whole() -> None:
    fence = "```py\n" + "x\n" * 12 + "```"
    assert cut("word " * 6 + "\n" + fence, 40) == (("word " * 6), fence)


def test_a_fence_that_does_not_fit_is_reopened_with_its_language() -> None:
    code = [f"line number {n}" for n in range(10)]
    parts = cut("\n".join(("```py", *code, "```")), 50)
    assert len(parts) > 2
    assert all(part.startswith("```py\n") and part.endswith("\n```") for part in parts)
    assert [line for part in parts for line in part.split("\n")[1:-1]] == code


def test_a_piece_of_a_code_line_cannot_close_its_fence() -> None:
    text = "```\n" + "x" * 45 + "```" + "\nlast\n```"
    parts = cut(text, 45)
    assert [block.kind for part in parts for block in read(part)] == ["fence"] * len(parts)
    assert squeezed("".join(shown(part) for part in parts)) == "x" * 45 + "```" + "last"


def test_a_long_line_keeps_its_emphasis_and_its_heading() -> None:
    words = " ".join(f"plain{n} *slanted{n}*" for n in range(20))
    parts = cut("## " + words, 60)
    assert all(part.startswith("## ") for part in parts)
    assert [c for p in parts for k, c in marks(p) if k == "italic"] == [f"slanted{n}" for n in range(20)]
    assert [c for p in parts for k, c in marks(p) if k == "bold"] == [shown(part) for part in parts]


def test_no_character_is_torn() -> None:
    parts = cut(SHIP * 50, 41)
    assert "".join(parts) == SHIP * 50
    assert max(map(units, parts)) == 40
    for part in cut(FAMILY * 40, 50):
        assert part == FAMILY * (len(part) // len(FAMILY))
    assert head("ab" + SHIP, 3) == "ab"


def test_nothing_to_see_gives_nothing() -> None:
    assert cut(" \n ", 50) == ()
    assert cut("\n" * 100, 50) == ()


@settings(max_examples=500, deadline=None)
@given(MARKDOWN)
@example("*a **b* c**")
@example("***a**")
@example(">\r\n```")
def test_any_markdown_is_valid_html_that_shows_what_we_say(text: str) -> None:
    assert shown(text) == render(text).visible.strip()


@settings(max_examples=800, deadline=None)
@given(MARKDOWN, st.integers(min_value=40, max_value=120))
@example("aaaa_bbb_ ccc " * 10, 40)
@example("```\n" + "`" * 200, 40)
@example("> - **" + "a b_c_ " * 30 + "**", 40)
def test_any_cut_fits_and_loses_nothing(text: str, room: int) -> None:
    parts = cut(text, room)
    whole = "\n".join(block.visible for block in read(text))
    for part in parts:
        assert utf16_length(shown(part)) <= room
        assert part.strip()
    if units(text) > room:
        assert squeezed("".join(map(shown, parts))) == squeezed(whole.replace("\r", ""))
    else:
        assert parts in ((text,), ())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet="`~ab\n", max_size=60), max_size=8), st.integers(min_value=40, max_value=80))
def test_no_cut_leaves_a_fence_open(pieces: list[str], room: int) -> None:
    text = "\n".join(f"```js\n{re.sub('`', '', piece)}\n```" for piece in pieces)
    for part in cut(text, room):
        assert part.split("\n").count("```js") == part.split("\n").count("```")


async def test_an_answer_of_many_kinds_is_taken_by_the_platform_in_full() -> None:
    """The same over the wire, with the platform's real limit."""
    lines = [f"## Part {n}\n- **bold** {SHIP * 60} & `code <{n}>`\n> [link](https://a.b/{n})\n" for n in range(60)]
    code = [f"    print({n!r}, '<&>')  # {SHIP}" for n in range(400)]
    text = "\n".join((*lines, "```python", *code, "```", "x" * 9000, f"*{'long ' * 2000}*"))
    async with telegram() as platform:
        parts = platform.channel.cut(text)
        for n, part in enumerate(parts):
            await platform.send(part, f"k{n}")
        seen = await platform.shown()
    assert len(seen) == len(parts) > 4
    assert max(map(utf16_length, seen)) <= TEXT_UTF16_UNITS
    assert squeezed("".join(seen)) == squeezed(render(text).visible)
