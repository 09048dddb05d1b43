"""What is worth another try, and after how long? Only requests that are done once however often they are sent."""

import random

from quarterdeck.base.errors import QuarterdeckError
from quarterdeck.client.failures import TooManyRequests, Unavailable, Unreachable

TRIES = 5
FIRST_SECONDS = 0.25
MOST_SECONDS = 30.0


def pause(error: QuarterdeckError, tries: int, *, repeatable: bool) -> float:
    """Seconds to wait after `tries` tries. Raises `error` when another one would help nobody."""
    if not repeatable or tries >= TRIES or not isinstance(error, (TooManyRequests, Unavailable, Unreachable)):
        raise error
    if isinstance(error, (TooManyRequests, Unavailable)) and error.retry_after is not None:
        if error.retry_after > MOST_SECONDS:
            raise error
        return error.retry_after
    return FIRST_SECONDS * 2 ** (tries - 1) * random.uniform(0.5, 1.0)  # noqa: S311  spread, not secret
