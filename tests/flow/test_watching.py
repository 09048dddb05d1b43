"""An answer that grows in one process, as those see it who watch at another: all of it once, then what is new."""

from collections.abc import Callable

import msgspec

from quarterdeck.base.errors import Retry
from quarterdeck.flow.live import Live, Piece, Watcher
from quarterdeck.flow.replicas.news import Hearers, News
from quarterdeck.flow.replicas.watching import ASK_S, WATCHED_S, Watching
from quarterdeck.store.postgresql_direct import LONGEST
from tests.flow.doubles import Log

SESSION = "ses_00000000000000000000000000"
TURN = "trn_00000000000000000000000000"


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Answer:
    """One that grows; what is not `flushed` waits for the next piece."""

    def __init__(self, live: Live, attempt: int = 1) -> None:
        self._live = live
        self._attempt = attempt
        self._text = ""
        self._fresh = ""
        self._seq = 0

    def grow(self, text: str, *, flushed: bool = True) -> None:
        self._text += text
        if self._live.watched(SESSION):
            self._fresh += text
            if flushed:
                self._flush()

    def grown(self) -> Piece | None:
        self._flush()
        return Piece(TURN, self._attempt, self._seq, self._text, whole=True) if self._text else None

    def _flush(self) -> None:
        if self._fresh:
            self._seq, text, self._fresh = self._seq + 1, self._fresh, ""
            self._live.piece(SESSION, Piece(TURN, self._attempt, self._seq, text))


class Member:
    """A process, as far as it watches; `said` are the messages that it has sent."""

    def __init__(self, name: str, clock: Hand) -> None:
        self.live = Live()
        self.news = News(name, Log())
        self.watching = Watching(self.live, self.news, clock)
        self.live.elsewhere = self.watching
        nothing: Callable[..., None] = lambda *_: None  # noqa: E731  six of them
        self.news.hearers = Hearers(nothing, nothing, nothing, nothing, nothing, nothing, self.watching)
        self.said: list[str] = []


class Members:
    """Two processes that hear each other whenever `talk` is called, unless `deaf`."""

    def __init__(self) -> None:
        self.clock = Hand()
        self.a, self.b = Member("a", self.clock), Member("b", self.clock)
        self.deaf = False

    async def talk(self) -> None:
        for _ in range(3):
            for one in (self.a, self.b):

                async def say(text: str, one: Member = one) -> None:
                    one.said.append(text)
                    if self.deaf:
                        raise Retry("the database is away")
                    for other in (self.a, self.b):
                        other.news.hear(text)

                await one.news.tell(say)


async def seen(watcher: Watcher) -> list[tuple[int, str, bool]]:
    return [(piece.seq, piece.text, piece.whole) for piece in await watcher.next(0)]


async def test_pieces_are_seen_where_somebody_watches() -> None:
    both = Members()
    answer = Answer(both.a.live)
    with both.b.live.watch(SESSION) as watcher:
        await both.talk()
        with both.a.live.grows(SESSION, answer):
            answer.grow("one ")
            await both.talk()
            answer.grow("two ")
            await both.talk()
            assert await seen(watcher) == [(1, "one ", True), (2, "two ", False)]
            answer.grow("three", flushed=False)
        await both.talk()
        assert await seen(watcher) == [(3, "three", False)]
        assert both.b.watching.grown(SESSION) is None
        with both.b.live.watch(SESSION) as late:
            await both.talk()
            assert await seen(late) == []


async def test_nothing_is_told_while_nobody_watches_elsewhere() -> None:
    both = Members()
    answer = Answer(both.a.live)
    with both.a.live.watch(SESSION) as watcher, both.a.live.grows(SESSION, answer):
        await both.talk()
        both.a.said.clear()
        answer.grow("one ")
        await both.talk()
        assert (await seen(watcher), both.a.said) == ([(1, "one ", False)], [])
        with both.b.live.watch(SESSION):
            await both.talk()
            assert both.a.said
        both.b.watching.say()  # nobody watches there any more
        both.clock.time += WATCHED_S
        both.a.said.clear()
        answer.grow("two ")
        await both.talk()
        assert both.a.said == []
    both.a.watching.say()
    assert not both.a.watching._until


async def test_who_still_watches_says_so_again() -> None:
    both = Members()
    answer = Answer(both.a.live)
    with both.b.live.watch(SESSION) as watcher, both.a.live.grows(SESSION, answer):
        for n in range(10):
            both.b.watching.say()
            await both.talk()
            both.clock.time += WATCHED_S / 2
            answer.grow(f"{n} ")
            await both.talk()
        assert "".join(text for _, text, _ in await seen(watcher)) == "0 1 2 3 4 5 6 7 8 9 "


async def test_who_joins_in_the_middle_gets_all_that_has_grown_and_nobody_else_gets_it_twice() -> None:
    both = Members()
    answer = Answer(both.a.live)
    with both.a.live.grows(SESSION, answer):
        answer.grow("one ")
        with both.b.live.watch(SESSION) as first:
            await both.talk()
            assert await seen(first) == [(0, "one ", True)]
            answer.grow("two ")
            await both.talk()
            with both.b.live.watch(SESSION) as second:
                answer.grow("three ")
                await both.talk()
                assert await seen(first) == [(1, "two ", False), (2, "three ", False)]
                assert await seen(second) == [(1, "one two ", True), (2, "three ", False)]
        answer.grow("four ")
        await both.talk()
        with both.b.live.watch(SESSION) as third:
            both.clock.time += ASK_S
            await both.talk()
            answer.grow("five ")
            await both.talk()
            assert "".join(text for _, text, _ in await seen(third)) == "one two three four five "


async def test_what_was_lost_is_asked_for_and_not_shown_twice() -> None:
    both = Members()
    answer = Answer(both.a.live)
    with both.b.live.watch(SESSION) as watcher, both.a.live.grows(SESSION, answer):
        await both.talk()
        answer.grow("one ")
        await both.talk()
        both.deaf = True
        answer.grow("lost ")
        await both.talk()
        both.deaf = False
        both.clock.time += ASK_S
        answer.grow("three ")
        await both.talk()
        pieces = await seen(watcher)
        assert pieces == [(1, "one ", True), (3, "lost three ", False)]


async def test_a_long_text_travels_in_messages_that_are_small_enough() -> None:
    both = Members()
    answer = Answer(both.a.live)
    text = "".join(f'{n} "ü" \0 \n 😀 ' for n in range(3000)) + "\ud800"
    with both.a.live.grows(SESSION, answer), both.b.live.watch(SESSION) as watcher:
        answer.grow(text)
        for n in range(100):
            both.b.news.watched(f"ses_{n:028d}")
            both.a.news.watched(f"ses_{n:028d}")
        await both.talk()
        assert await seen(watcher) == [(0, text.replace("\ud800", "?"), True)]
    assert len(both.a.said) > 5
    assert max(len(said.encode()) for said in both.a.said) <= LONGEST


async def test_pieces_that_wait_are_merged() -> None:
    both = Members()
    answer = Answer(both.a.live)
    with both.a.live.grows(SESSION, answer), both.b.live.watch(SESSION) as watcher:
        await both.talk()
        both.a.said.clear()
        for n in range(50):
            answer.grow(f"{n} ")
        await both.talk()
        assert len(both.a.said) == 1
        assert len(await seen(watcher)) == 1


async def test_all_of_it_is_not_told_more_often_than_once_a_second() -> None:
    both = Members()
    answer = Answer(both.a.live)
    with both.a.live.grows(SESSION, answer):
        answer.grow("x" * 20_000)
        for _ in range(20):
            with both.b.live.watch(SESSION):
                await both.talk()
            both.b.watching.say()
    assert sum(len(said) for said in both.a.said) < 40_000


async def test_another_attempt_begins_anew_and_a_dead_one_is_not_heard() -> None:
    both = Members()
    with both.b.live.watch(SESSION) as watcher:
        await both.talk()
        first, second = Answer(both.a.live, 1), Answer(both.a.live, 2)
        for answer, text in ((first, "lost "), (second, "found ")):
            with both.a.live.grows(SESSION, answer):
                answer.grow(text)
                await both.talk()
                old = both.a.said[-1]
                if answer is second:
                    for said in both.a.said[:-1]:
                        both.b.news.hear(said)
        assert await seen(watcher) == [(1, "lost ", True), (1, "found ", True)]
        assert "found" in old


async def test_pieces_are_told_before_the_events_that_follow_them() -> None:
    both = Members()
    answer = Answer(both.a.live)
    with both.b.live.watch(SESSION), both.a.live.grows(SESSION, answer):
        await both.talk()
        both.a.said.clear()
        both.a.news.event(SESSION)
        answer.grow("one ")
        await both.talk()
    kinds = [sorted(msgspec.json.decode(said, type=dict[str, object])) for said in both.a.said]
    assert kinds == [["by", "grown"], ["by", "events"]]
