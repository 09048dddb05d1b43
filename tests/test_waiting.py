"""Waiting itself: it returns what the condition gave, and ends in vain after its deadline."""

import asyncio

import pytest

from tests.waiting import until, until_sync


class Counter:
    """Becomes true at the third look."""

    def __init__(self) -> None:
        self.looks = 0

    def look(self) -> int:
        self.looks += 1
        return self.looks if self.looks >= 3 else 0

    async def look_later(self) -> int:
        return self.look()


async def test_until_returns_what_a_function_gave() -> None:
    assert await until(Counter().look) == 3


async def test_until_returns_what_a_coroutine_gave() -> None:
    assert await until(Counter().look_later) == 3


def test_until_sync_returns_what_a_function_gave() -> None:
    assert until_sync(Counter().look) == 3


async def test_until_names_what_it_waited_for() -> None:
    with pytest.raises(AssertionError, match=r"waited 0.02 s in vain for the moon"):
        await until(lambda: False, timeout=0.02, what="the moon")


async def test_until_ends_though_the_look_itself_hangs() -> None:
    with pytest.raises(AssertionError, match="in vain"):
        await until(asyncio.Event().wait, timeout=0.02)


def test_until_sync_names_what_it_waited_for() -> None:
    with pytest.raises(AssertionError, match="in vain for the moon"):
        until_sync(lambda: False, timeout=0.02, what="the moon")


async def test_an_error_of_the_condition_passes_through() -> None:
    def broken() -> bool:
        raise KeyError("here")

    with pytest.raises(KeyError):
        await until(broken)
