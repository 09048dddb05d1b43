"""Who is next: groups take turns, keys of a group wait in line, and nobody has all the places."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.flow.fairness import OTHERS, Queue

WOKEN = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=100)


def filled(woken: list[tuple[str, int]]) -> Queue:
    queue = Queue()
    for group, n in woken:
        queue.add(f"{group}{n}", group)
    return queue


def served(queue: Queue) -> list[tuple[str, str]]:
    """All keys with their groups, each of which leaves its place before the next has one."""
    found: list[tuple[str, str]] = []
    while (taken := queue.take(1)) is not None:
        queue.leave(taken[1])
        found.append(taken)
    return found


@given(WOKEN)
def test_every_key_has_its_turn_once_in_the_order_of_its_group(woken: list[tuple[str, int]]) -> None:
    order = served(filled(woken))
    for group in "abc":
        line = list(dict.fromkeys(f"{one}{n}" for one, n in woken if one == group))
        assert [key for key, of in order if of == group] == line


@given(WOKEN)
def test_nobody_has_two_turns_while_another_waits(woken: list[tuple[str, int]]) -> None:
    queue = filled(woken)
    left = Counter({group: len({n for one, n in woken if one == group}) for group in "abc"})
    turns: Counter[str] = Counter()
    for _, group in served(queue):
        left[group] -= 1
        turns[group] += 1
        assert all(turns[group] - turns[other] <= 1 for other in "abc" if left[other])
    assert len(queue) == 0


def taken(queue: Queue, group: str, free: int) -> int:
    """How many of so many free places a group gets that has endless work, of which none ends."""
    for n in range(2 * free + 1):
        queue.add(f"{group} {n}", group)
    had = 0
    while queue.take(free - had) is not None:
        had += 1
    assert queue.full(free - had)
    return had


@given(st.integers(0, 2000))
def test_a_group_alone_has_nine_places_in_ten_and_of_few_all(places: int) -> None:
    assert taken(Queue(), "a", places) == (places if places <= OTHERS else -(-places * OTHERS // (OTHERS + 1)))


def test_there_is_a_place_for_the_next_however_many_hang() -> None:
    queue, free = Queue(), 100
    for n, had in enumerate((90, 9, 1)):
        assert taken(queue, "abc"[n], free) == had
        free -= had
        while queue.take(10_000) is not None:  # nobody of them waits any more
            continue
    assert free == 0


def test_a_key_that_waits_keeps_its_place_in_line() -> None:
    queue = filled([("a", 1), ("a", 2), ("a", 1)])
    assert ("a1" in queue, len(queue)) == (True, 2)
    assert served(queue) == [("a1", "a"), ("a2", "a")]
    assert not queue.full(0)
