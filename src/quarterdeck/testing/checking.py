"""What all contracts share: how a broken promise is told, and permits as the gate would make them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from quarterdeck.base.errors import NotAllowed, QuarterdeckError
from quarterdeck.model.action import ModelCall, Part, ToolRun
from quarterdeck.model.permit import MintingKey, Permit

SECONDS = 10.0
PATIENCE_S = 5.0
"""How long a call may wait for an answer that does not come, once it is set up to give up within 3 s."""
SOON_S = 3.0
"""How soon a cancelled call has to end."""


class Broken(AssertionError):
    """A promise of a port is not kept; the message names it."""


def permit_for(action: ModelCall | Part | ToolRun) -> Permit:
    """A permit as the gate would make it."""
    return Permit(MintingKey(), "int_test", action.digest(), action.route)


def check(kept: bool, promise: str) -> None:
    """Raises Broken unless it is kept."""
    if not kept:
        raise Broken(promise)


def is_a(value: object, *kinds: type) -> bool:
    """Whether a value is of one of these types, whatever its annotation says."""
    return isinstance(value, kinds)


async def until(holds: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Raises Broken unless a condition comes true in time."""
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                value = holds()
                if value if isinstance(value, bool) else await value:
                    return
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise Broken(f"waited {SECONDS:g} s in vain for {what}") from None


async def refused(call: Awaitable[object], what: str) -> None:
    """Raises Broken unless the call raises NotAllowed."""
    try:
        await call
    except NotAllowed:
        return
    raise Broken(f"{what} with a permit that does not fit raises NotAllowed")


async def cancelled_soon(call: Awaitable[Any], begun: Awaitable[object], what: str) -> None:
    """Cancel a call when it has begun. Raises Broken unless that ends it soon, and as a cancellation."""
    ends: list[BaseException | None] = []
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_note_end(call, ends))
        await begun
        early = task.done()
        task.cancel()
        _, late = await asyncio.wait((task,), timeout=SOON_S)
    check(not early, f"{what} is still under way when it is cancelled")
    swallowed = not isinstance(ends[0], asyncio.CancelledError)
    check(not late and not swallowed, f"cancellation ends {what} within {SOON_S:g} s and is not swallowed: {ends[0]!r}")


async def _note_end(call: Awaitable[Any], ends: list[BaseException | None]) -> None:
    try:
        await call
        ends.append(None)
    except (asyncio.CancelledError, QuarterdeckError) as end:
        ends.append(end)
