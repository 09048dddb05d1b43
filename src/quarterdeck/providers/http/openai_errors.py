"""What does an error in OpenAI's format mean? Pure: status, headers and body in, a ProviderFailed out.

Codes: openai 3.54.0, types/responses/response_error.py, for answers that failed; error bodies quoted in public issue
threads (openai/codex #8145: `invalid_encrypted_content`); the rest is from memory ("Error codes" guide; llama.cpp:
`exceed_context_size_error`), unverified.
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
    "insufficient_quota": "credit",
    "context_length_exceeded": "context",
    "exceed_context_size_error": "context",
    "rate_limit_exceeded": "rate",
    "invalid_api_key": "auth",
    "model_not_found": "access",
    "overloaded_error": "overload",
    "server_is_overloaded": "overload",
    "slow_down": "overload",
    "invalid_prompt": "invalid",
    "invalid_encrypted_content": "invalid",
    "bio_policy": "invalid",
    "misalignment_policy_violation": "invalid",
}
_TOO_LONG = re.compile(
    r"max(imum)? (context|prompt|input) length|context (size|window|length)|(prompt|input) is too long", re.IGNORECASE
)


class _Error(msgspec.Struct, frozen=True):
    """The vendor's error object."""

    message: str | None = None
    type: str | None = None
    code: str | int | float | None = None

    @property
    def name(self) -> str:
        """What the vendor calls it."""
        return next((str(word) for word in (self.code, self.type) if word is not None), "")


class _Body(msgspec.Struct, frozen=True):
    """An error's body: the object stands under `error`; some endpoints put a text there, or the fields on top."""

    error: _Error | str | None = None
    message: str | None = None
    type: str | None = None
    code: str | int | float | None = None


_body = msgspec.json.Decoder(_Body)
_error = msgspec.json.Decoder(_Error | str)


def refusal(answer: Refusal) -> ProviderFailed:
    """The failure that an answer with an error's status is."""
    said = _said(answer.body)
    return failure.refused(answer, _kind(answer.status, said), said.name, said.message or "")


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
    return failure.broken_off(_kind(status, said), said.name, said.message or "", key, usage)


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
        if isinstance(word, str) and (word in _KINDS or "image" in word):
            return _KINDS.get(word, "invalid")
    if status in (400, 413) and _TOO_LONG.search(said.message or ""):
        return "context"
    return failure.kind_of_status(status)
