"""What somebody sees who joins in while an answer grows."""

from quarterdeck.flow.streaming import Show
from quarterdeck.ports import Delta
from tests.flow.doubles import Held
from tests.flow.world import World


async def test_who_joins_in_gets_what_has_grown_and_then_goes_on(world: World) -> None:
    live, held = world.parts.live, Held()
    world.main.say("one two three", deltas=("one ", "two "), after=held)
    accepted = await world.say("go")
    await held.reached()
    with live.watch(accepted.session_id) as first:
        (whole,) = await first.next(5)
        assert (whole.text, whole.seq, whole.whole) == ("one two ", 0, True)
        answer = live._growing[accepted.session_id]
        assert isinstance(answer, Show)
        answer.delta(Delta("three"))
        with live.watch(accepted.session_id) as second:
            (more,) = await first.next(5)
            (all_of_it,) = await second.next(5)
        assert (more.text, more.seq, more.whole) == ("three", 1, False)
        assert (all_of_it.text, all_of_it.seq, all_of_it.whole) == ("one two three", 1, True)
        assert more.attempt == all_of_it.attempt == whole.attempt
    held.release()
    await world.rest()
    with live.watch(accepted.session_id) as late:
        assert await late.next(0.01) == []


async def test_an_attempt_that_failed_is_not_given_to_who_joins_in(world: World) -> None:
    held = Held()
    world.main.fail("cut", retryable=True, deltas=("lost ",))
    world.main.say("found", deltas=("fou",), after=held)
    accepted = await world.say("go")
    await held.reached()
    with world.parts.live.watch(accepted.session_id) as watcher:
        assert [piece.text for piece in await watcher.next(5)] == ["fou"]
    held.release()
    await world.rest()
