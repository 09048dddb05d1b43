"""Which words has a text, for PostgreSQL's index? The same that unicode61 of SQLite has: letters and digits, without
case and diacritics (sqlite.org/fts5.html, 4.3.1).
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

LONGEST = 200  # characters of a lexeme; PostgreSQL takes 2 KB (postgresql.org/docs/15/textsearch-limitations.html)
SHOWN = 24  # words of an excerpt, as many as FTS5 is asked for
_WORD: Final = re.compile(r"[^\W_]+")


def of(text: str) -> list[str]:
    """The lexemes of a text, in its order."""
    return [found[0][:LONGEST] for found in _WORD.finditer(_folded(text))]


def vector(text: str) -> str:
    """A text as a literal of tsvector: `'word':1 'next':2`. Lexemes have no character that would need quoting."""
    return " ".join(f"'{word}':{place}" for place, word in enumerate(of(text), 1))


def query(words: Sequence[str], prefix_from: int) -> str:
    """All of these words, as a literal of tsquery; the last may be a beginning when it has `prefix_from` characters."""
    phrases = ["<->".join(f"'{one}'" for one in of(word)) for word in words]
    if len(words[-1]) >= prefix_from:
        phrases[-1] += ":*"
    return " & ".join(f"({phrase})" for phrase in phrases)


def excerpt(text: str, words: Sequence[str]) -> str:
    """A text, or where it is long some words around the first that is found. What was cut already stays as it is."""
    places = list(_WORD.finditer(text))
    if len(places) <= SHOWN:
        return text
    wanted = tuple(one for word in words for one in of(word))
    hit = next((n for n, place in enumerate(places) if _folded(place[0]).startswith(wanted)), 0)
    first = max(0, min(hit - SHOWN // 3, len(places) - SHOWN))
    last = min(first + SHOWN, len(places)) - 1
    before, behind = "…" if first else "", "…" if last < len(places) - 1 else ""
    return before + text[places[first].start() : places[last].end()] + behind


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return "".join(one for one in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(one))
