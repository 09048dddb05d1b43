"""How can a request fail? Each refusal is an exception with the gateway's problem (RFC 9457)."""

from collections.abc import Mapping

import msgspec

from quarterdeck.api.shown import Problem
from quarterdeck.base.errors import QuarterdeckError


class Unreachable(QuarterdeckError):
    """Nobody answered, or not to the end. Whether the request was done is unknown; with a key, ask again."""

    code = "unreachable"


class ApiFailure(QuarterdeckError):
    """The gateway said no. `problem` has the stable code, the field, the reason and the next step."""

    code = "api_failure"

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(f"{problem.detail}. {problem.next_step}")
        self.problem = problem
        self.retry_after = retry_after


class WrongRequest(ApiFailure):
    """A field is wrong: `problem.field` (400, 413, 415, 428)."""


class NotSignedIn(ApiFailure):
    """The token is unknown, expired, revoked or rotated away (401)."""


class NotAllowed(ApiFailure):
    """The token may not (403); `problem.rule` says by which rule."""


class NotFound(ApiFailure):
    """It is not there, or not for this token (404)."""


class Conflict(ApiFailure):
    """The state has moved on, or a key was used for something else (409)."""


class ChangedMeanwhile(ApiFailure):
    """What was to be changed is no longer as it was read (412)."""


class TooManyRequests(ApiFailure):
    """More than this token may ask (429)."""


class Unavailable(ApiFailure):
    """Not now: starting, stopping or overloaded (502, 503)."""


KINDS: Mapping[int, type[ApiFailure]] = {
    400: WrongRequest,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    412: ChangedMeanwhile,
    413: WrongRequest,
    415: WrongRequest,
    428: WrongRequest,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
}


def failure_of(status: int, body: bytes, retry_after: str | None) -> ApiFailure:
    """The exception that an answer means; an answer of somebody else (a proxy) has no problem of ours."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = body[:200].decode("utf-8", "replace").strip()
        problem = Problem("No answer of a gateway", status, "unknown", text or str(status), "Look at the address.")
    seconds = float(retry_after) if retry_after and retry_after.isdigit() else None
    return KINDS.get(status, ApiFailure)(problem, seconds)
