"""How does reasoning travel so that only the vendor reads it? As text that nobody else can make.

The client's documentation (openai 3.54.0, types/responses/response_reasoning_item.py): whoever does not let responses
be stored sends the item back with its `encrypted_content`.
"""

import base64
import binascii
import hashlib

HEAD = "gAAAAA"
_SALT = "only the stand-in knows this"


def seal(identity: str, model: str) -> str:
    """The encrypted content of the reasoning item `identity`."""
    plain = f"{identity} {model} {_mark(identity, model)}"
    return HEAD + base64.urlsafe_b64encode(plain.encode()).decode()


def opens(content: str) -> bool:
    """Whether this is content that `seal` made, unchanged."""
    try:
        plain = base64.urlsafe_b64decode(content.removeprefix(HEAD).encode()).decode()
        identity, model, mark = plain.split(" ")
    except (binascii.Error, ValueError):
        return False
    return content.startswith(HEAD) and mark == _mark(identity, model)


def _mark(identity: str, model: str) -> str:
    return hashlib.sha256(f"{_SALT} {identity} {model}".encode()).hexdigest()
