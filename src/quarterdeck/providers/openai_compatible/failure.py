"""What does an error answer mean for whoever asked? Pure: status, headers and body in, a ProviderFailed out.

The codes are from memory (vendor: "Error codes" guide; llama.cpp: `exceed_context_size_error`), unverified.
`retry-after-ms` is what the vendor's own client reads first (openai 3.54.0, _base_client.py).
"""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

from quarterdeck.base.secrets import Secret
from quarterdeck.model.turn import Usage
from quarterdeck.net.client import Blocked, MaybeSent, NetError, NotSent, TooLarge
from quarterdeck.ports import FailureKind, ProviderFailed
from quarterdeck.providers.openai_compatible.wire import UNREADABLE

MAX_REASON = 300
NOTHING_USED = Usage(reported=False)

_LASTING: tuple[FailureKind, ...] = ("auth", "credit", "context", "invalid")
_KINDS: Mapping[str, FailureKind] = {
    "insufficient_quota": "credit",
    "context_length_exceeded": "context",
    "exceed_context_size_error": "context",
    "rate_limit_exceeded": "rate",
    "invalid_api_key": "auth",
    "overloaded_error": "overload",
}
_STATUS: Mapping[int, FailureKind] = {
    401: "auth",
    402: "credit",
    403: "auth",
    408: "server",
    409: "server",
    429: "rate",
    503: "overload",
    529: "overload",
}
_TOO_LONG = re.compile(r"maximum context length|context (size|window|length)", re.IGNORECASE)
_QUOTED = re.compile(r"(?<!\w)(['\"`])(.*?)\1(?!\w)", re.DOTALL)
_IDENTIFIER = re.compile(r"[\w.:/\[\]-]{1,64}")


class _Error(msgspec.Struct, frozen=True):
    """The vendor's error object."""

    message: str | None = None
    type: str | None = None
    code: str | int | float | None = None


class _Body(msgspec.Struct, frozen=True):
    """An error's body: the object stands under `error`; some endpoints put a text there, or the fields on top."""

    error: _Error | str | None = None
    message: str | None = None
    type: str | None = None
    code: str | int | float | None = None


_body = msgspec.json.Decoder(_Body)
_error = msgspec.json.Decoder(_Error | str)


def refusal(status: int, headers: Mapping[str, str], body: bytes, key: Secret | None, now: float) -> ProviderFailed:
    """The failure that an answer with this status is; `now` is Unix seconds, for a Retry-After that is a date.

    A refused request used nothing. One that the server broke off may have: then the reserved amount is settled.
    """
    said = _said(body)
    kind = _kind(status, said)
    refused = 400 <= status < 500 and status not in (408, 409)
    lasting = kind in _LASTING
    return ProviderFailed(
        kind,
        _reason(f"answered {status}", said, key),
        retryable=not lasting,
        retry_after=None if lasting else retry_after(headers, now),
        usage=NOTHING_USED if refused else None,
    )


def broken_off(error: bytes, key: Secret | None, usage: Usage | None) -> ProviderFailed:
    """The failure that an error object inside an answer is."""
    try:
        found = _error.decode(error)
    except UNREADABLE:
        found = _Error()
    said = found if isinstance(found, _Error) else _Error(found)
    status = 400 if said.type == "invalid_request_error" else 500
    if isinstance(said.code, int) and 400 <= said.code < 600:
        status = said.code
    kind = _kind(status, said)
    reason = _reason("broke its answer off", said, key)
    return ProviderFailed(kind, reason, retryable=kind not in _LASTING, usage=usage)


def unreached(error: NetError, usage: Usage | None) -> ProviderFailed:
    """The failure that our own client reports."""
    match error:
        case Blocked():
            return ProviderFailed("invalid", str(error), retryable=False, usage=NOTHING_USED)
        case TooLarge():
            return ProviderFailed("invalid", str(error), retryable=False, usage=usage)
        case NotSent():
            return ProviderFailed("network", str(error), retryable=True, usage=NOTHING_USED)
        case MaybeSent(timeout=str()):
            return ProviderFailed("timeout", str(error), retryable=True, usage=usage)
        case _:
            kind = "network" if error.status is None else "cut"
            return ProviderFailed(kind, str(error), retryable=True, usage=usage)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the endpoint asks to wait; None when it does not say so understandably."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name))
        if seconds is not None:
            return seconds * unit
    try:
        at = parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, at - now)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _said(body: bytes) -> _Error:
    try:
        found = _body.decode(body)
    except UNREADABLE:
        return _Error()
    if isinstance(found.error, str):
        return _Error(found.error)
    return found.error or _Error(found.message, found.type, found.code)


def _kind(status: int, said: _Error) -> FailureKind:
    for word in (said.code, said.type):
        if isinstance(word, str) and word in _KINDS:
            return _KINDS[word]
    if status in (400, 413) and _TOO_LONG.search(said.message or ""):
        return "context"
    if status in _STATUS:
        return _STATUS[status]
    return "server" if status >= 500 else "invalid"


def _reason(what: str, said: _Error, key: Secret | None) -> str:
    """One sentence for a person and the log. It holds no key, and no quotation that may be what somebody wrote."""
    code = next((str(word) for word in (said.code, said.type) if word is not None), "")
    head = f"{what} ({code[:64]})" if code else what
    text = f"{head}: {_QUOTED.sub(_quotation, said.message or '')}"
    if key is not None:
        text = text.replace(key.reveal(), "***")
    return " ".join(text.split())[:MAX_REASON].rstrip(": ")


def _quotation(found: re.Match[str]) -> str:
    return found[0] if _IDENTIFIER.fullmatch(found[2]) else f"{found[1]}...{found[1]}"
