"""Is a value that a plugin gave what it says it is?"""

import asyncio
from typing import TypeVar

import msgspec

from quarterdeck.base.errors import GiveUp

T = TypeVar("T")

FAULTS = (Exception, SystemExit)
"""What a plugin may raise; a SystemExit would end the process."""


class Nonsense(GiveUp):
    """A plugin broke a promise of its port; the message says which."""

    code = "plugin_nonsense"


def sound(value: object, *kinds: type[T]) -> T:
    """The value with every field checked, if it is of one of these struct types. Raises Nonsense."""
    for kind in kinds:
        if isinstance(value, kind):
            try:
                return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=kind)
            except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
                raise Nonsense(f"its {kind.__name__} is not sound: {error}") from error
    raise Nonsense(f"it gave a {type(value).__name__}, not a {' or '.join(kind.__name__ for kind in kinds)}")


def within(value: float | None, most: float, what: str) -> None:
    """Raises Nonsense unless the number is from 0 to `most`; None is fine."""
    if value is not None and not 0 <= value <= most:
        raise Nonsense(f"its {what} is {value}")


def asked_to_stop() -> bool:
    """Whether a CancelledError comes from outside: a plugin can raise one by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
