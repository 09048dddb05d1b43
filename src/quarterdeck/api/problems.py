"""From an error to an answer: status, code, reason and next step. The only place that knows both.

Doors under `/v1/` answer in OpenAI's shape, all others as `application/problem+json` (RFC 9457).
"""

import math
from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from quarterdeck.actions.embeddings import EmbeddingFailed
from quarterdeck.api.shown import Problem
from quarterdeck.base.errors import (
    BadInput,
    Conflict,
    GiveUp,
    NotAllowed,
    NotFound,
    QuarterdeckError,
    Refused,
    Retry,
    Stopping,
    StoreFailed,
)

RETRY_SECONDS = 2.0  # where an error says "again later" without a time


class NotSignedIn(Refused):
    """No proof of who is asking, or one that is worth nothing."""

    code = "not_signed_in"


class TooLarge(Refused):
    """The body has more bytes than this route takes; the rest of it is not read."""

    code = "too_large"


class WrongMedia(Refused):
    """The body is not of the type that this route takes."""

    code = "wrong_media"


class WrongHost(Refused):
    """The request was made to a name that is not ours."""

    code = "wrong_host"


class TooMany(Refused):
    """More than is let in at a time; the same request may succeed after `retry_after` seconds."""

    code = "too_many"

    def __init__(
        self, message: str, retry_after: float | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.headers = headers or {}


class KeyReused(Conflict):
    """An idempotency key was sent with another request before."""

    code = "key_reused"


class NotTheSame(Refused):
    """What is to be changed is no longer as it was read."""

    code = "not_the_same"


class Unguarded(Refused):
    """A change that does not say what it was made about."""

    code = "unguarded"


class AnswerFailed(QuarterdeckError):
    """The assistant could not answer; the text is what people are told."""

    code = "answer_failed"


STATUS: Mapping[type[Exception], int] = {
    NotSignedIn: 401,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    NotTheSame: 412,
    TooLarge: 413,
    WrongMedia: 415,
    WrongHost: 421,
    Unguarded: 428,
    TooMany: 429,
    BadInput: 400,
    Refused: 400,
    AnswerFailed: 502,
    EmbeddingFailed: 502,
    Retry: 503,
    Stopping: 503,
    StoreFailed: 503,
    GiveUp: 500,
}
TITLES: Mapping[int, str] = {
    400: "The request is wrong",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "The state has moved on",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Wrong type of content",
    421: "Wrong host",
    428: "Say what you have seen",
    429: "Too many requests",
    502: "No answer",
    503: "Not now",
}
NEXT_STEPS: Mapping[int, str] = {
    401: "Send `Authorization: Bearer qd_...` (`quarterdeck token create` makes one), or sign in with a browser.",
    404: "Check the address and the id.",
    405: "See /api/v1/openapi.json for what this address takes.",
    409: "Read it again, then decide.",
    412: "Read it again, and send the change with its new ETag.",
    413: "Send less at once.",
    415: "Send `Content-Type: application/json`.",
    421: "Use the configured address; server.public_url adds a name.",
    428: "Read it, and send its ETag as `If-Match`.",
    429: "Wait for the seconds that Retry-After says.",
    502: "Send it again later.",
    503: "Try again after the seconds that Retry-After says.",
}
NEXT_STEPS_OF_CODES: Mapping[str, str] = {
    KeyReused.code: "Take a new key for another request.",
}


class OpenAIProblem(msgspec.Struct, frozen=True):
    """The inner part of OpenAI's error object."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(msgspec.Struct, frozen=True):
    """OpenAI's error object (https://platform.openai.com/docs/api-reference/streaming, `error`)."""

    error: OpenAIProblem


def status_of(error: Exception) -> int:
    """The HTTP status of an error: that of the nearest class that has one."""
    if isinstance(error, HTTPException):
        return error.status_code
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def problem_of(error: Exception) -> Problem:
    """An error as what a client is told. An error that nobody raised on purpose tells nothing of the inside."""
    status = status_of(error)
    title = TITLES.get(status, "Failed")
    step = NEXT_STEPS.get(status, "If it happens again, look at the log of the gateway.")
    match error:
        case BadInput():
            return Problem(title, status, error.code, f"{error.field}: {error.reason}", error.fix, field=error.field)
        case NotAllowed():
            return Problem(title, status, error.code, error.reason, error.fix, rule=error.rule)
        case QuarterdeckError() if status != 500:
            return Problem(title, status, error.code, str(error), NEXT_STEPS_OF_CODES.get(error.code, step))
        case HTTPException():
            code = {404: "not_found", 405: "not_possible"}.get(status, "refused")
            return Problem(title, status, code, error.detail, step)
        case _:
            return Problem(title, status, "internal", "something went wrong inside", step)


def openai_error_of(error: Exception) -> OpenAIError:
    """The same in OpenAI's words; clients look at status, `type` and `code`."""
    problem = problem_of(error)
    kind, code = {
        401: ("invalid_request_error", "invalid_api_key"),
        403: ("permission_error", "insufficient_permissions"),
        429: ("rate_limit_error", "rate_limit_exceeded"),
    }.get(problem.status, ("server_error" if problem.status >= 500 else "invalid_request_error", problem.code))
    param = problem.field if isinstance(problem.field, str) else None
    if problem.status == 404 and param is None and isinstance(error, NotFound) and error.code == NotFound.code:
        param, code = "model", "model_not_found"
    return OpenAIError(OpenAIProblem(f"{problem.detail}. {problem.next_step}", kind, param, code))


def answer(request: Request, error: Exception) -> Response:
    """The answer to a request that failed with `error`."""
    problem = problem_of(error)
    headers = {"cache-control": "no-store"}
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    if problem.status in (429, 503):
        seconds = error.retry_after if isinstance(error, (Retry, TooMany)) else None
        headers["retry-after"] = str(math.ceil(RETRY_SECONDS if seconds is None else seconds))
    if isinstance(error, (HTTPException, TooMany)) and error.headers:
        headers.update({name.lower(): text for name, text in error.headers.items()})
    if request.url.path.startswith("/v1/"):
        return Response(msgspec.json.encode(openai_error_of(error)), problem.status, headers, "application/json")
    return Response(msgspec.json.encode(problem), problem.status, headers, "application/problem+json")
