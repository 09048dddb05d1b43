"""How does a refusal look? The vendor's error object, its status names and its details.

Status names and their HTTP codes: googleapis/googleapis, google/rpc/code.proto. The shape `{"error": {code,
message, status, details}}`: google-genai 3.6.1, errors.py, and error bodies quoted in issue threads: a wrong key
with reason API_KEY_INVALID, and 429 with QuotaFailure and RetryInfo (google-gemini/gemini-cli #8437,
googleapis/python-genai #2044).
"""

import msgspec

HTTP = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
TYPE = "type.googleapis.com/google.rpc."
SERVICE = "generativelanguage.googleapis.com"
_SAYS = {
    "FAILED_PRECONDITION": "User location is not supported for the API use.",
    "PERMISSION_DENIED": "The caller does not have permission",
    "RESOURCE_EXHAUSTED": "You exceeded your current quota, please check your plan and billing details.",
    "INTERNAL": "An internal error has occurred. Please retry or report it.",
    "UNAVAILABLE": "This model is currently experiencing high demand. Please try again later.",
    "DEADLINE_EXCEEDED": "The request timed out. Please try again.",
}

Detail = dict[str, object]


class Refused(Exception):
    """The request is answered with the HTTP code of `status` and the vendor's error object."""

    def __init__(
        self,
        message: str,
        status: str = "INVALID_ARGUMENT",
        *,
        code: int | None = None,
        details: tuple[Detail, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or HTTP[status]
        self.details = details

    @property
    def error(self) -> dict[str, object]:
        """The error object."""
        error: dict[str, object] = {"code": self.code, "message": str(self), "status": self.status}
        return {"error": {**error, "details": list(self.details)} if self.details else error}

    @property
    def body(self) -> bytes:
        """It as the vendor writes it: over several lines."""
        return msgspec.json.format(msgspec.json.encode(self.error), indent=2)


def violation(path: str, says: str) -> Refused:
    """A JSON body that does not fit the message type; `path` in the vendor's writing."""
    message = f"Invalid JSON payload received. {says}"
    fields: list[object] = [{"field": path, "description": message}]
    return Refused(message, details=({"@type": f"{TYPE}BadRequest", "fieldViolations": fields},))


def broken_rule(path: str, says: str) -> Refused:
    """A rule of the vendor's validator; `path` within GenerateContentRequest."""
    return Refused(f"* GenerateContentRequest.{path}: {says}\n")


def bad_key() -> Refused:
    """A key that does not exist; the same status as a malformed request, told apart by the reason in the details."""
    info: Detail = {
        "@type": f"{TYPE}ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": SERVICE},
    }
    return Refused("API key not valid. Please pass a valid API key.", details=(info,))


def no_key() -> Refused:
    """No key at all."""
    message = (
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
        "form of API consumer identity to call this API."
    )
    return Refused(message, "PERMISSION_DENIED")


def quota(seconds: float | None, per: str = "Minute") -> Refused:
    """A rate limit; RetryInfo names the wait. A limit per day is told only by the name of the quota."""
    violated = {
        "quotaMetric": f"{SERVICE}/generate_content_free_tier_requests",
        "quotaId": f"GenerateRequestsPer{per}PerProjectPerModel-FreeTier",
    }
    details: list[Detail] = [{"@type": f"{TYPE}QuotaFailure", "violations": [violated]}]
    if seconds is not None:
        details.append({"@type": f"{TYPE}RetryInfo", "retryDelay": f"{seconds:g}s"})
    return Refused(_SAYS["RESOURCE_EXHAUSTED"], "RESOURCE_EXHAUSTED", details=tuple(details))


def asked_for(name: str, seconds: float | None = None) -> Refused:
    """The refusal that a directive names: a status, API_KEY_INVALID or PER_DAY. Raises KeyError for another name."""
    if name == "API_KEY_INVALID":
        return bad_key()
    if name in ("RESOURCE_EXHAUSTED", "PER_DAY"):
        return quota(seconds, "Day" if name == "PER_DAY" else "Minute")
    return Refused(_SAYS.get(name, f"stand-in: asked to answer {name}."), name, code=HTTP[name])


def by_code(code: int, seconds: float | None) -> Refused:
    """The refusal with this HTTP code."""
    name = next((name for name, known in HTTP.items() if known == code), None)
    if name is None:
        return Refused(f"stand-in: asked to answer {code}.", "UNKNOWN", code=code)
    return asked_for(name, seconds)
