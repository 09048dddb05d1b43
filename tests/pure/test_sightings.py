"""What is evidence of a death: a number unchanged for DEAD_S, seen by one that looked all the while."""

import pytest

from quarterdeck.base.standing import BEAT_S, DEAD_S, EFFECTS_S
from quarterdeck.flow.replicas.processes import GAP_S, LOOK_S, Sightings
from quarterdeck.store.processes import Process


def row(name: str, beat: int) -> Process:
    return Process(name, "/home", "host", 1, "1", "worker", "live", beat, 0.0)


def first_death(sightings: Sightings, begun: float, every: float, most: float = 20.0) -> float | None:
    """When `a`, whose number stands at 7, is said to be dead by one that looks every so many seconds."""
    for look in range(int(most / every) + 1):
        now = begun + look * every
        if sightings.look([row("a", 7)], now):
            return now - begun
    return None


def test_the_times_fit_each_other() -> None:
    """Nobody begins anything when others may call it dead, nor may one late heartbeat be enough for that."""
    assert LOOK_S < GAP_S <= BEAT_S < EFFECTS_S < DEAD_S
    assert EFFECTS_S >= 2 * BEAT_S + GAP_S, "one lost heartbeat stops no work"


@pytest.mark.parametrize("every", [0.125, 0.25, 0.5, 1.0])
def test_a_number_that_stands_still_for_four_seconds_is_a_death(every: float) -> None:
    assert first_death(Sightings(), 100.0, every) == DEAD_S == 4.0


@pytest.mark.parametrize("begun", [0.0, -3.0, 1e9])
def test_it_counts_from_the_first_look_whatever_the_clock_says(begun: float) -> None:
    assert first_death(Sightings(), begun, 0.25) == DEAD_S


def test_a_number_that_changes_is_a_life() -> None:
    sightings = Sightings()
    for look in range(400):
        now = look * 0.25
        assert sightings.look([row("a", int(now / 3.75))], now) == []


def test_any_other_number_will_do() -> None:
    """Numbers only rise; a lower one is news, too, and no evidence."""
    sightings = Sightings()
    for look in range(100):
        assert sightings.look([row("a", 9 - look // 15)], look * 0.25) == []


def test_a_gap_in_its_own_looking_takes_the_evidence_away() -> None:
    sightings = Sightings()
    for look in range(16):
        assert sightings.look([row("a", 7)], look * 0.25) == []
    now = 3.75 + GAP_S + 0.125
    assert sightings.look([row("a", 7)], now) == [], "the database was away, perhaps for everybody"
    assert first_death(sightings, now, 0.25) == DEAD_S


def test_whoever_looks_too_rarely_never_has_evidence() -> None:
    assert first_death(Sightings(), 0.0, GAP_S + 0.125) is None


def test_each_has_its_own_time() -> None:
    sightings = Sightings()
    said: dict[str, float] = {}
    for look in range(60):
        now = look * 0.25
        rows = [row("a", 1), row("b", 1 if now >= 2.0 else 0), row("c", look // 2)]
        for one in sightings.look(rows, now):
            said.setdefault(one.id, now)
    assert said == {"a": 4.0, "b": 6.0}


def test_what_is_said_is_what_was_seen_last() -> None:
    """The burial names that number: whoever has raised it since lives."""
    sightings = Sightings()
    found = [one for look in range(17) for one in sightings.look([row("a", 7)], look * 0.25)]
    assert [one.beat for one in found] == [7]


def test_whoever_is_gone_and_comes_back_is_new() -> None:
    sightings = Sightings()
    for look in range(15):
        assert sightings.look([row("a", 7)], look * 0.25) == []
    assert sightings.look([], 3.75) == []
    assert first_death(sightings, 4.0, 0.25) == DEAD_S


def test_it_is_said_again_until_somebody_has_buried_it() -> None:
    sightings = Sightings()
    assert first_death(sightings, 0.0, 0.25) == DEAD_S
    assert [one.id for one in sightings.look([row("a", 7)], 4.25)] == ["a"]
