"""What processes tell each other: gathered, cut to what one NOTIFY takes, heard by others only."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.flow.doubles import Log

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.errors import Retry
from quarterdeck.flow.commands import CutReason
from quarterdeck.flow.live import Live
from quarterdeck.flow.replicas.news import MOST, Changed, Hearers, News
from quarterdeck.flow.replicas.watching import Watching
from quarterdeck.store.people import room_id
from quarterdeck.store.postgresql_direct import LONGEST
from quarterdeck.store.sessions import NewSession

SAY: tuple[CutReason, ...] = ("stop", "interrupt", "deadline")


class Said:
    """A wire that keeps what is said; `fails` times it does not go through."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fails = 0

    async def __call__(self, text: str) -> None:
        if self.fails:
            self.fails -= 1
            raise Retry("the database is away", 1.0)
        self.texts.append(text)


class Heard:
    """Keeps what a process is told."""

    def __init__(self, news: News) -> None:
        self.all: list[tuple[object, ...]] = []
        add = self.all.append

        def kept(kind: str) -> Callable[..., None]:
            return lambda *what: add((kind, *what))

        kinds = ("lane", "event", "room", "cut", "changed", "missed")
        watching = Watching(Live(), news, SystemClock())
        news.hearers = Hearers(*(kept(kind) for kind in kinds), watches=watching)

    def of(self, kind: str) -> list[tuple[object, ...]]:
        return [what[1:] for what in self.all if what[0] == kind]


def session(n: int) -> str:
    return NewSession("default", "wire", f"room {n}", "somebody").id


async def told(news: News) -> list[str]:
    said = Said()
    await news.tell(said)
    return said.texts


async def test_what_was_said_meanwhile_is_one_message() -> None:
    here, there = News("prc_1", Log()), News("prc_2", Log())
    heard = Heard(there)
    assert not here.wanted.is_set()
    for _ in range(3):  # the same again is told once
        here.lane("ses_1", "wire")
        here.event("ses_1")
        here.event("ses_2")
        here.room("wire", "room_1")
        here.cut("ses_1", "stop", 7)
        here.changed("pauses")
    assert here.wanted.is_set()
    (text,) = await told(here)
    assert not here.wanted.is_set()
    there.hear(text)
    assert heard.all == [
        ("cut", "ses_1", "stop", 7),  # first, so that a lane that is woken does not begin what is to be cut
        ("lane", "ses_1", "wire"),
        ("event", "ses_1"),
        ("event", "ses_2"),
        ("room", "wire", "room_1"),
        ("changed", "pauses"),
    ]
    assert await told(here) == []


async def test_a_message_of_little_is_short() -> None:
    here = News("prc_1", Log())
    here.lane("ses_1", "wire")
    (text,) = await told(here)
    assert json.loads(text) == {"by": "prc_1", "lanes": [["ses_1", "wire"]]}


@pytest.mark.parametrize("count", [1, 25, 26, 500])
async def test_the_longest_of_everything_stays_below_what_a_notify_takes(count: int) -> None:
    """Names of connections have at most 64 characters (base/config_checks.py), positions those of a head."""
    name = "c" * 64
    here, there = News("prc_" + "0" * 26, Log()), News("prc_2", Log())
    heard = Heard(there)
    whats: tuple[Changed, ...] = ("rooms", "pauses")
    for n in range(count):
        here.lane(session(n), name)
        here.event(session(n))
        here.room(name, room_id(name, str(n)))
        here.cut(session(n), SAY[1], 2**53 - n)
    for what in whats:
        here.changed(what)
    texts = await told(here)
    assert max(len(text.encode()) for text in texts) <= LONGEST < 8_000
    assert len(texts) == -(-count // 25)
    for text in texts:
        there.hear(text)
    assert heard.of("lane") == [(session(n), name) for n in range(count)], "all of it, in order"
    assert [len(heard.of(kind)) for kind in ("event", "room", "cut", "changed")] == [count, count, count, 2]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(("lane", "event", "room", "cut")), st.integers(0, 200)), max_size=300))
async def test_whatever_is_gathered_arrives_once(pieces: list[tuple[str, int]]) -> None:
    here, there = News("prc_1", Log()), News("prc_2", Log())
    heard = Heard(there)
    for kind, n in pieces:
        match kind:
            case "lane":
                here.lane(str(n), "wire")
            case "event":
                here.event(str(n))
            case "room":
                here.room("wire", str(n))
            case _:
                here.cut(str(n), SAY[n % 3], n)
    for text in await told(here):
        there.hear(text)
    for kind in ("lane", "event", "room", "cut"):
        assert len(heard.of(kind)) == len(set(heard.of(kind))) == len({n for k, n in pieces if k == kind})


async def test_nobody_hears_itself() -> None:
    """PostgreSQL tells whoever listens, also the one that spoke."""
    here = News("prc_1", Log())
    heard = Heard(here)
    here.lane("ses_1", "wire")
    here.cut("ses_1", "stop", 1)
    for text in await told(here):
        here.hear(text)
    assert heard.all == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "{}",
        '{"by": 1}',
        '{"by": "prc_2", "lanes": "ses_1"}',
        '{"by": "prc_2", "cuts": [["ses_1", "an unknown reason", 1]]}',
        '{"by": "prc_2", "changed": ["prices"]}',
        '{"by": "prc_2", "lanes": ["ses_',
    ],
)
def test_what_cannot_be_understood_is_logged_and_nothing_else(text: str) -> None:
    log = Log()
    here = News("prc_1", log)
    heard = Heard(here)
    here.hear(text)
    assert heard.all == []
    assert len(log.named("news.unknown")) == 1


def test_what_a_newer_version_says_besides_is_left_out() -> None:
    log = Log()
    here = News("prc_1", log)
    heard = Heard(here)
    here.hear('{"by": "prc_2", "weather": ["fine"], "lanes": [["ses_1", "wire"]]}')
    assert (heard.all, log.lines) == ([("lane", "ses_1", "wire")], [])


async def test_what_cannot_be_told_is_lost_and_the_rest_is_not() -> None:
    """It costs time only: the others look at the rows. Nothing is told late and in the wrong order."""
    log = Log()
    here = News("prc_1", log)
    said = Said()
    said.fails = 1
    for n in range(40):
        here.lane(session(n), "wire")
    await here.tell(said)
    assert [json.loads(text)["lanes"] for text in said.texts] == [[[session(n), "wire"] for n in range(25, 40)]]
    assert len(log.named("news.lost")) == 1
    assert await told(here) == []


async def test_what_waits_to_be_told_is_bounded() -> None:
    here = News("prc_1", Log())
    for n in range(MOST + 100):
        here.lane(str(n), "wire")
        here.event(str(n))
    lanes = [one for text in await told(here) for one in json.loads(text).get("lanes", ())]
    assert lanes == [[str(n), "wire"] for n in range(MOST)], "the oldest are told"


async def test_before_anybody_listens_nothing_happens() -> None:
    here = News("prc_1", Log())
    here.hear('{"by": "prc_2", "lanes": [["ses_1", "wire"]]}')
    here.missed()
    heard = Heard(here)
    here.missed()
    assert heard.all == [("missed",)]
