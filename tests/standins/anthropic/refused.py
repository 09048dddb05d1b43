"""How does the vendor say no?

Status and type of an error: the vendor's page "Claude API errors" (platform.claude.com/docs/en/api/errors), and
anthropic 2.14.0, types/shared/error_type.py. Wordings of messages in this package were taken from error bodies
quoted in public repositories; "unverified" marks one from memory.
"""

from collections.abc import Mapping

KINDS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
STATUSES = {kind: status for status, kind in KINDS.items()}


class Refused(Exception):
    """The request is answered with `status` and the vendor's error object."""

    def __init__(self, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        kind = KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
        self.error = {"type": kind, "message": message}
