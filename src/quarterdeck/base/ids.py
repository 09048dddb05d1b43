"""How is a thing named? `ses_018f3c...`: what it is, when it was made, and chance.

An id is a short prefix, an underscore and 28 hexadecimal digits: 48 bits of milliseconds since 1970, then 64
bits. Ids of one source sort as text in the order in which they were made, also within one millisecond and
when the wall clock goes back; ids of several processes sort by time and collide only by chance in 64 bits per
millisecond. They are names and not secrets: whoever knows one can guess its neighbours.
"""

import os
import random
from collections.abc import Callable

from quarterdeck.base.clock import Clock

_STEP_BITS = 24
"""A following id within one millisecond adds at most 2**24, so that the 64 bits rarely run over."""

_TAIL = 1 << 64


class IdSource:
    """Makes ids; build one per process and pass it on as `new_id`. To be used from one thread."""

    def __init__(self, clock: Clock, random_bytes: Callable[[int], bytes] | None = None) -> None:
        self._clock = clock
        self._random_bytes = random_bytes or random.Random(os.urandom(32)).randbytes  # noqa: S311  names, not secrets
        self._last = 0

    def __call__(self, prefix: str) -> str:
        """A new id. `prefix` is two to eight lower-case letters that name the kind of thing."""
        if not (2 <= len(prefix) <= 8 and prefix.isascii() and prefix.isalpha() and prefix.islower()):
            raise ValueError(f"an id prefix is two to eight lower-case letters, not {prefix!r}")
        floor = int(self._clock.now() * 1000) * _TAIL
        if self._last >= floor:
            step = int.from_bytes(self._random_bytes(_STEP_BITS // 8), "big")
            self._last += 1 + step
        else:
            # The highest bit stays free, so that steps within this millisecond do not reach into the next.
            self._last = floor + (int.from_bytes(self._random_bytes(8), "big") >> 1)
        return f"{prefix}_{self._last:028x}"
