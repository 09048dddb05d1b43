"""The address of a PostgreSQL: what is wrong with it, and what of it may be shown?

No part of an address that cannot be read is repeated in a reason: any of them may be a piece of its password.
"""

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

_START: Final = re.compile(r"(postgresql|postgres)://")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(:(?P<port>[0-9]{1,5}))?")
_IN_QUERY: Final = re.compile(r"(?<=[?&])([a-z]*password)=([^&#]*)", re.IGNORECASE)
_ENCODE: Final = (
    "Write it as postgresql://user@host:5432/name, and of a password each of : / ? # [ ] @ encoded, such as %2F for /"
)


def mistake(address: str) -> tuple[str, str] | None:
    """Why this cannot be the address of a database, and what to do; None where it can be."""
    if not _START.match(address):
        return "this is not a known database", 'Write "sqlite" or "postgresql://..."'
    try:
        parts = urlsplit(address)
    except ValueError:
        return "its address cannot be read", _ENCODE
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if "@" in parts.path or parts.fragment or not all(map(_is_host, hosts)):
        return "its address cannot be read: a port is not a number, or a password is not encoded", _ENCODE
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "pgbouncer" and value not in ("true", "false"):
            return "pgbouncer in its address is neither true nor false", "Write ?pgbouncer=true, or leave it out"
    return None


def holds_password(address: str) -> bool:
    """Whether there is a password in it."""
    return hidden(address) != address


def hidden(address: str) -> str:
    """The address without its password."""
    try:
        password = urlsplit(address).password
    except ValueError:
        return address
    shown = address.replace(f":{password}@", ":***@", 1) if password else address
    return _IN_QUERY.sub(r"\1=***", shown) if _START.match(address) else shown


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return found is not None and 0 < int(found["port"] or 1) < 65_536
