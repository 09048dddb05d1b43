"""Waiting in tests: for a condition, with a deadline. No other file under tests/ may sleep.

`until` and `until_sync` wait for something to become true. `slowly` waits for nothing: it is the delay of a
stand-in whose slowness is what a test is about.
"""

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

T = TypeVar("T")

PAUSE = 0.005
"""Seconds between two looks at a condition, or as many as a look takes: what is waited for has to get on meanwhile."""

PATIENCE = float(os.environ.get("TEST_PATIENCE_S", "30"))
"""Seconds after which nothing is waited for any more; a turn takes some ten of them where others use the machine."""


async def until(condition: Callable[[], T | Awaitable[T]], timeout: float = PATIENCE, what: str = "") -> T:
    """Look at `condition` (a function or coroutine function) until it is true and return what it gave.

    Raises AssertionError that names `what` after `timeout` seconds, also when a look itself does not return.
    An error that the condition raises passes through at once.
    """
    try:
        async with asyncio.timeout(timeout):
            while True:
                begun = time.monotonic()
                value = condition()
                if inspect.isawaitable(value):
                    value = await value
                if value:
                    return cast("T", value)
                await asyncio.sleep(max(PAUSE, time.monotonic() - begun))
    except TimeoutError:
        raise AssertionError(late(condition, timeout, what)) from None


def until_sync(condition: Callable[[], T], timeout: float = PATIENCE, what: str = "") -> T:
    """The same for tests without an event loop, such as those that watch a child process."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(late(condition, timeout, what))
        time.sleep(PAUSE)
    return value


async def slowly(seconds: float) -> None:
    """Make a stand-in slow. Never a way to wait for something: that is `until`."""
    await asyncio.sleep(seconds)


def late(condition: object, timeout: float, what: str) -> str:
    return f"waited {timeout:g} s in vain for {what or getattr(condition, '__qualname__', condition)}"
