"""What does an error mean for whoever asked? Pure: status, headers and body in, a ProviderFailed out.

Types: anthropic 2.14.0, types/shared/error_type.py; their statuses and the meaning of `details.error_code`: the
vendor's page "Claude API errors". That an empty account, a spending limit and a conversation that is too long are told
apart from other wrong requests by their message only: error bodies quoted in public repositories.
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

_KINDS: Mapping[str, FailureKind] = {
    "authentication_error": "auth",
    "billing_error": "credit",
    "permission_error": "access",
    "not_found_error": "access",
    "request_too_large": "context",
    "rate_limit_error": "rate",
    "overloaded_error": "overload",
    "timeout_error": "timeout",
    "conflict_error": "server",
    "api_error": "server",
}
_SPENT = re.compile(r"credit balance|spend limit|usage limits", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"prompt is too long|exceeds? (the )?context (limit|window)|too many (total )?tokens", re.IGNORECASE
)


class _Details(msgspec.Struct, frozen=True):
    error_code: str | None = None


class _Error(msgspec.Struct, frozen=True):
    """The vendor's error object."""

    type: str | None = None
    message: str | None = None
    details: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def code(self) -> str:
        """The stable code that names the cause, else the type."""
        try:
            return _details.decode(self.details).error_code or self.type or ""
        except UNREADABLE:
            return self.type or ""


class _Body(msgspec.Struct, frozen=True):
    error: _Error | None = None


_details = msgspec.json.Decoder(_Details)
_body = msgspec.json.Decoder(_Body)
_error = msgspec.json.Decoder(_Error)


def refusal(answer: Refusal) -> ProviderFailed:
    """The failure that an answer with an error's status is."""
    try:
        said = _body.decode(answer.body).error or _Error()
    except UNREADABLE:
        said = _Error()
    kind = _kind(said) or failure.kind_of_status(answer.status)
    return failure.refused(answer, kind, said.code, said.message or "")


def broken_off(error: bytes, key: Secret | None, usage: Usage | None) -> ProviderFailed:
    """The failure that an error inside an answer is."""
    try:
        said = _error.decode(error)
    except UNREADABLE:
        said = _Error()
    return failure.broken_off(_kind(said) or "server", said.code, said.message or "", key, usage)


def _kind(said: _Error) -> FailureKind | None:
    message = said.message or ""
    if said.code.endswith("spend_limit_reached"):
        return "credit"
    if said.type == "invalid_request_error":
        return "credit" if _SPENT.search(message) else "context" if _TOO_LONG.search(message) else "invalid"
    return _KINDS.get(said.type or "")
