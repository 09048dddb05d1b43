"""What did a look at a connection find? A line for people, and the one thing to do about it."""

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """`about` is a word or two, empty for the connection as a whole; `fix` is empty where all is well."""

    about: str
    state: Literal["OK", "WARN", "FAIL"]
    detail: str
    fix: str = ""


class Group(msgspec.Struct, frozen=True):
    """A group in which the bot is to answer, by the platform's id; `hears_all`: also what is not said to it."""

    native_id: str
    hears_all: bool = False
