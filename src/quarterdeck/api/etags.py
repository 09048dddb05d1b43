"""Changing only what one has seen: entity tags, and the If-Match that every change of a thing must bring (RFC 9110)."""

import hashlib
from dataclasses import dataclass
from typing import Generic, TypeVar

from quarterdeck.api.call import Call
from quarterdeck.api.problems import NotTheSame, Unguarded

TAGS_LENGTH = 2_000  # of an If-Match

R = TypeVar("R")


@dataclass(frozen=True)
class Tagged(Generic[R]):
    """An answer with the tag of what it shows."""

    value: R
    etag: str


def etag(*parts: str) -> str:
    """The tag of a thing that is these texts, as it stands in headers."""
    joined = "\0".join(f"{len(part)}:{part}" for part in parts)
    return f'"{hashlib.sha256(joined.encode()).hexdigest()[:32]}"'


def check_match(call: Call, current: str) -> None:
    """The request was made about the thing as it is. Raises Unguarded without If-Match, NotTheSame for another tag."""
    wanted = call.header("If-Match", TAGS_LENGTH)
    if not wanted:
        raise Unguarded("a change needs the header If-Match with the ETag of what was read")
    if wanted != "*" and current not in [one.strip() for one in wanted.split(",")]:
        raise NotTheSame(f"it has changed since it was read; its ETag is {current} now")
