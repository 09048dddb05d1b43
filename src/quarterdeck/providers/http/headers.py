"""Which headers may a configuration add to requests, and which carries the key? Pure."""

import re
from collections.abc import Mapping

from quarterdeck.base.secrets import Secret

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VALUE = re.compile(r"[\x20-\x7e]*")
_CREDENTIALS = ("authorization", "proxy-authorization", "cookie", "api-key", "x-api-key", "x-goog-api-key")
_OURS = ("accept", "connection", "content-length", "content-type", "host", "transfer-encoding")


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises ValueError with a sentence for a header that is none, holds a secret, or is ours to set."""
    for name, value in headers.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise ValueError(f"headers: {name!r} is not a header")
        if name.lower() in _CREDENTIALS:
            raise ValueError(f"headers: {name} holds a secret; use api_keys")
        if name.lower() in _OURS:
            raise ValueError(f"headers: {name} is set by Quarterdeck")


def check_key_header(name: str) -> None:
    """Raises ValueError with a sentence for a name that cannot carry a key. Empty is fine: a bearer token."""
    if name and (not _NAME.fullmatch(name) or name.lower() in _OURS):
        raise ValueError(f"key_header: {name!r} cannot carry a key")


def key_headers(name: str, key: Secret | None) -> Mapping[str, str]:
    """The header that carries the key: `name`, or a bearer token where that is empty."""
    if key is None:
        return {}
    return {name: key.reveal()} if name else {"Authorization": f"Bearer {key.reveal()}"}
