"""Under which names do tools go out and come back? Pure.

A name begins with a letter or an underscore and has letters, digits and `_.:-` (types.py, FunctionDeclaration.name:
at most 128; error bodies of the API say 64, kaitranntt/ccs #25). Other vendors allow a digit or a dash in front, so
clients' tools may have one: such a name goes out with an underscore before it, and so does one that already looks
like that.
"""

import re

from quarterdeck.ports import ProviderFailed

_ALLOWED = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_.:-]")
_MARKED = re.compile(r"_*[0-9.:-]")
_LENGTH = 64


def declared(name: str) -> str:
    """The name of a tool that is offered. Raises ProviderFailed (invalid)."""
    written = _marked(name)
    if not _ALLOWED.fullmatch(written):
        reason = f"the API takes no tool of the name {name[:100]!r}: letters, digits and _.:-, at most {_LENGTH}"
        raise ProviderFailed("invalid", reason, retryable=False)
    return written


def recalled(name: str) -> str:
    """The name of a call that is long done, made acceptable whoever made it."""
    written = _marked(_NOT_ALLOWED.sub("_", name))[:_LENGTH] or "_"
    return written if _ALLOWED.fullmatch(written) else f"_{written}"[:_LENGTH]


def returned(written: str) -> str:
    """Inverse of `declared`."""
    return written[1:] if written.startswith("_") and _MARKED.match(written) else written


def _marked(name: str) -> str:
    return f"_{name}" if _MARKED.match(name) else name
