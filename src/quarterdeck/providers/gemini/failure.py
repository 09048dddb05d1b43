"""What does an error of this API mean? Pure: status, headers and body in, a ProviderFailed out.

Status names: googleapis/googleapis, google/rpc/code.proto. What they stand for here: ai.google.dev/gemini-api/docs/
troubleshooting. Reasons in the details: google/api/error_reason.proto. A wrong key is told by its reason alone, its
status is that of a malformed request. A limit per day, or of 0, does not pass by waiting (google-gemini/gemini-cli
#8437).
"""

import re
from collections.abc import Mapping

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.base.secrets import Secret
from quarterdeck.model.turn import Usage
from quarterdeck.ports import FailureKind, ProviderFailed
from quarterdeck.providers.http import failure
from quarterdeck.providers.http.wire import Refusal

_REASONS: Mapping[str, FailureKind] = {
    "API_KEY_INVALID": "auth",
    "API_KEY_SERVICE_BLOCKED": "auth",
    "API_KEY_HTTP_REFERRER_BLOCKED": "auth",
    "API_KEY_IP_ADDRESS_BLOCKED": "auth",
    "ACCESS_TOKEN_EXPIRED": "auth",
    "CONSUMER_INVALID": "auth",
    "CONSUMER_SUSPENDED": "auth",
    "SERVICE_DISABLED": "auth",
    "BILLING_DISABLED": "credit",
}
_STATUS: Mapping[str, FailureKind] = {
    "UNAUTHENTICATED": "auth",
    "PERMISSION_DENIED": "access",
    "NOT_FOUND": "access",
    "FAILED_PRECONDITION": "credit",  # no free use in this country, or billing is off
    "RESOURCE_EXHAUSTED": "rate",
    "UNAVAILABLE": "overload",
    "DEADLINE_EXCEEDED": "timeout",
    "CANCELLED": "server",
    "ABORTED": "server",
    "INTERNAL": "server",
    "UNKNOWN": "server",
}
_TOO_LONG = re.compile(r"input token count|payload size exceeds", re.IGNORECASE)
_BAD_KEY = re.compile(r"unregistered callers|reported as leaked|API key (not valid|expired)", re.IGNORECASE)
_NOTHING_LEFT = re.compile(r"limit: 0\b")
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


class _Violation(msgspec.Struct, frozen=True, rename="camel"):
    quota_id: str = ""


class _Detail(msgspec.Struct, frozen=True, rename="camel"):
    """ErrorInfo, QuotaFailure and RetryInfo in one: each fills its own fields."""

    reason: str = ""
    retry_delay: str = ""
    violations: tuple[_Violation, ...] = ()


class Error(msgspec.Struct, frozen=True):
    """The vendor's error object. The details are read one by one: any may have another shape."""

    code: int = 0
    message: str = ""
    status: str = ""
    details: tuple[msgspec.Raw, ...] = ()


class _Body(msgspec.Struct, frozen=True):
    error: Error


_body = msgspec.json.Decoder(_Body | list[_Body])
_error = msgspec.json.Decoder(Error)
_detail = msgspec.json.Decoder(_Detail)


def refusal(answer: Refusal) -> ProviderFailed:
    """The failure that an answer with an error's status is."""
    said = in_body(answer.body) or Error()
    details = _details(said)
    delay = next((one.retry_delay for one in details if one.retry_delay), "")
    if (found := _SECONDS.fullmatch(delay)) and failure.retry_after(answer.headers, answer.now) is None:
        answer = msgspec.structs.replace(answer, headers={"retry-after": found[1]})
    return failure.refused(answer, _kind(answer.status, said, details), said.status, said.message)


def broken_off(said: Error, key: Secret | None, usage: Usage | None) -> ProviderFailed:
    """The failure that an error object inside an answer is."""
    status = said.code if 400 <= said.code < 600 else 500
    return failure.broken_off(_kind(status, said, _details(said)), said.status, said.message, key, usage)


def in_body(body: bytes) -> Error | None:
    """The error object of a body; streams that are lists put it into one."""
    try:
        found = _body.decode(body)
    except UNREADABLE:
        return None
    first = found if isinstance(found, _Body) else next(iter(found), None)
    return None if first is None else first.error


def in_event(error: bytes) -> Error:
    """The error object of an event."""
    try:
        return _error.decode(error)
    except UNREADABLE:
        return Error()


def _details(said: Error) -> list[_Detail]:
    found: list[_Detail] = []
    for raw in said.details:
        try:
            found.append(_detail.decode(raw))
        except UNREADABLE:
            continue  # a detail of a kind that says nothing to us
    return found


def _kind(status: int, said: Error, details: list[_Detail]) -> FailureKind:
    for one in details:
        if one.reason in _REASONS:
            return _REASONS[one.reason]
    if _BAD_KEY.search(said.message):
        return "auth"
    if status in (400, 413) and _TOO_LONG.search(said.message):
        return "context"
    kind = _STATUS.get(said.status) or failure.kind_of_status(status)
    daily = any("PerDay" in violated.quota_id for one in details for violated in one.violations)
    return "credit" if kind == "rate" and (daily or _NOTHING_LEFT.search(said.message)) else kind
