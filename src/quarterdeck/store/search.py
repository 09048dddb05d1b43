"""Search: which messages hold these words, newest first, and how far the index has read.

The index knows words without case and diacritics; `search_sql` has its two dialects. It is filled behind the fact:
`cursor` says up to where, `unread` gives what comes next, `add` indexes it and moves the cursor in one operation, so
that a kill neither loses a message nor has one twice.
"""

from collections.abc import Iterable, Sequence

import msgspec

from quarterdeck.base.errors import BadInput
from quarterdeck.store import lexemes, search_sql
from quarterdeck.store.database import SETTLED, Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.tenancy import TENANT

MOST_WORDS = 16
PREFIX_FROM = 2  # characters of the last word from which it may be the beginning of a longer one
WITH_MESSAGES = frozenset(("turn.ended", "message.copied"))
"""Kinds of events that messages are written with, at the same position of their session."""


class Cursor(msgspec.Struct, frozen=True):
    """Events before `event_id` are read, and of that one the messages up to `part`."""

    event_id: int
    part: int


START = Cursor(0, -1)
WHOLE = 2**62  # a part behind every message of an event


class Passed(msgspec.Struct, frozen=True):
    """An event as far as the index reads it."""

    id: int
    session_id: str
    seq: int
    kind: str
    created_at: float


class Unread(msgspec.Struct, frozen=True):
    """A message that came with an event."""

    part: int
    content: bytes
    created_at: float


class Entry(msgspec.Struct, frozen=True):
    """What is indexed of a message."""

    session_id: str
    position: int
    part: int
    role: str
    text: str
    created_at: float


class Found(msgspec.Struct, frozen=True):
    """A message that holds the words. `id` is its place in the index: newest first, and the cursor to go on behind."""

    id: int
    session_id: str
    position: int
    part: int
    role: str
    snippet: str
    created_at: float
    assistant: str
    connection: str
    title: str


def add(entries: Sequence[Entry], old: Cursor, new: Cursor) -> list[Statement]:
    """Index messages and move the cursor, if nobody else has moved it."""
    return [
        Statement(
            "search.move",
            "INSERT INTO search_cursor (tenant, event_id, part) VALUES (:tenant, :event, :part)"
            " ON CONFLICT (tenant) DO UPDATE SET event_id = excluded.event_id, part = excluded.part"
            " WHERE search_cursor.event_id = :old_event AND search_cursor.part = :old_part",
            {
                "tenant": TENANT,
                "event": new.event_id,
                "part": new.part,
                "old_event": old.event_id,
                "old_part": old.part,
            },
            expect=1,
        ),
        *(_insert(entry) for entry in entries),
    ]


def _insert(entry: Entry) -> Statement:
    return Statement(
        "search.insert",
        search_sql.INSERT,
        {
            "tenant": TENANT,
            "text": entry.text,
            "word": _word(entry.session_id),
            "vector": lexemes.vector(entry.text),
            "session": entry.session_id,
            "position": entry.position,
            "part": entry.part,
            "role": entry.role,
            "created": entry.created_at,
        },
        expect=1,
    )


def merge(pages: int) -> Statement:
    """Put small pieces of the index together, about `pages` pages of them, where the database does not do that."""
    return Statement("search.merge", search_sql.MERGE, {"pages": pages})


async def cursor(store: Store) -> Cursor:
    """How far the index has read."""
    rows = await store.fetch(
        f"SELECT {columns(Cursor)} FROM search_cursor WHERE tenant = :tenant",
        {"tenant": TENANT},
    )
    return value(Cursor, rows[0]) if rows else START


async def passed(store: Store, event_id: int, limit: int) -> list[Passed]:
    """Events from `event_id` on, in commit order; `+` keeps SQLite from an index by tenant."""
    rows = await store.fetch(
        f"SELECT {columns(Passed)} FROM events WHERE +tenant = :tenant AND id >= :event AND id < :settled"
        " ORDER BY id LIMIT :limit",
        {"tenant": TENANT, "event": event_id, "settled": SETTLED, "limit": limit},
    )
    return values(Passed, rows)


async def unread(store: Store, event: Passed, after: int, limit: int) -> list[Unread]:
    """The messages that were written with an event, behind part `after`."""
    rows = await store.fetch(
        f"SELECT {columns(Unread)} FROM messages WHERE tenant = :tenant AND session_id = :session"
        " AND position = :position AND part > :after ORDER BY part LIMIT :limit",
        {"tenant": TENANT, "session": event.session_id, "position": event.seq, "after": after, "limit": limit},
    )
    return values(Unread, rows)


async def find(store: Store, said: str, session_id: str, before: int, limit: int) -> list[Found]:
    """Messages that hold all words of `said`, newest first, behind index place `before` (0: from the newest).

    Raises BadInput when there is no word in it.
    """
    words = typed(said)
    rows = await store.scan(
        search_sql.FIND,
        {
            "tenant": TENANT,
            "match": match(words, session_id),
            "query": lexemes.query(words, PREFIX_FROM),
            "session": session_id,
            "before": before,
            "limit": limit,
        },
    )
    return [msgspec.structs.replace(one, snippet=lexemes.excerpt(one.snippet, words)) for one in values(Found, rows)]


def typed(said: str) -> list[str]:
    """The words that a person typed. Raises BadInput when there is none, or too many."""
    words = [word for word in _clean(said).split() if any(letter.isalnum() for letter in word)]
    if not words:
        raise BadInput("q", "has no word to look for", "Write at least one word or number.")
    if len(words) > MOST_WORDS:
        raise BadInput("q", f"has more than {MOST_WORDS} words", "Leave some out.")
    return words


def match(words: Sequence[str], session_id: str) -> str:
    """Words as a query of FTS5: each quoted, so that nothing in it is an operator; the last one may be a beginning."""
    quoted = [_quote(word) for word in words]
    if len(words[-1]) >= PREFIX_FROM:
        quoted[-1] += "*"
    within = [f"session : {_quote(_word(session_id))}"] if session_id else []
    return " AND ".join((*within, f"text : ({_all(quoted)})"))


def _all(words: Iterable[str]) -> str:
    return " AND ".join(words)


def _quote(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _clean(said: str) -> str:
    """Without control characters and halves of characters, which no tokenizer and no database takes."""
    shown = "".join(letter if letter.isprintable() else " " for letter in said)
    return shown.encode("utf-8", "replace").decode()


def _word(session_id: str) -> str:
    """A session as one word of the index. What is no id of ours is a word that no session has."""
    return "".join(letter for letter in session_id.partition("_")[2] if letter.isalnum()) or "none"
