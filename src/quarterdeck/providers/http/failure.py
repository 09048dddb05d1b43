"""What does an error mean for whoever asked? Pure: what a vendor or our client said in, a ProviderFailed out.

`retry-after-ms` is what OpenAI's own client reads first (openai 3.54.0, _base_client.py).
"""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from quarterdeck.base.secrets import Secret
from quarterdeck.model.turn import Usage
from quarterdeck.net.client import Blocked, MaybeSent, NetError, NotSent, TooLarge
from quarterdeck.ports import FailureKind, ProviderFailed
from quarterdeck.providers.http.wire import Refusal

MAX_REASON = 300
NOTHING_USED = Usage(reported=False)

LASTING: tuple[FailureKind, ...] = ("auth", "credit", "access", "context", "invalid")
"""The same request with the same key fails again."""

STATUS: Mapping[int, FailureKind] = {
    401: "auth",
    402: "credit",
    403: "access",
    408: "server",
    409: "server",
    413: "invalid",
    429: "rate",
    503: "overload",
    529: "overload",
}
_QUOTED = re.compile(r"(?<!\w)(['\"`])(.*?)\1(?!\w)", re.DOTALL)
_IDENTIFIER = re.compile(r"[\w.:/\[\]-]{1,64}")


def refused(refusal: Refusal, kind: FailureKind, code: str, message: str) -> ProviderFailed:
    """The failure that an answer with an error's status is.

    A refused request used nothing. One that the server broke off may have: then the reserved amount is settled.
    """
    spent = not 400 <= refusal.status < 500 or refusal.status in (408, 409)
    lasting = kind in LASTING
    return ProviderFailed(
        kind,
        reason(f"answered {refusal.status}", code, message, refusal.key),
        retryable=not lasting,
        retry_after=None if lasting else retry_after(refusal.headers, refusal.now),
        usage=None if spent else NOTHING_USED,
    )


def kind_of_status(status: int) -> FailureKind:
    """What a status alone says."""
    return STATUS.get(status) or ("server" if status >= 500 else "invalid")


def broken_off(kind: FailureKind, code: str, message: str, key: Secret | None, usage: Usage | None) -> ProviderFailed:
    """The failure that an error inside an answer is."""
    why = reason("broke its answer off", code, message, key)
    return ProviderFailed(kind, why, retryable=kind not in LASTING, usage=usage)


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
    """Seconds that the endpoint asks to wait; None when it does not say so understandably.

    A date is held against the endpoint's own (RFC 9110, 6.6.1), where it says that: ours may be wrong.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name))
        if seconds is not None:
            return seconds * unit
    if (at := _date(headers, "retry-after")) is None:
        return None
    theirs = _date(headers, "date")
    return max(0.0, at - (now if theirs is None else theirs))


def reason(what: str, code: str, message: str, key: Secret | None) -> str:
    """One sentence for a person and the log. It holds no key, and no quotation that may be what somebody wrote."""
    head = f"{what} ({code[:64]})" if code else what
    text = f"{head}: {_QUOTED.sub(_quotation, message)}"
    if key is not None:
        text = text.replace(key.reveal(), "***")
    return " ".join(text.split())[:MAX_REASON].rstrip(": ")


def _date(headers: Mapping[str, str], name: str) -> float | None:
    try:
        return parsedate_to_datetime(headers.get(name, "")).timestamp()
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _quotation(found: re.Match[str]) -> str:
    return found[0] if _IDENTIFIER.fullmatch(found[2]) else f"{found[1]}...{found[1]}"
