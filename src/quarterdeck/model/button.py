"""Buttons under a message: what people may choose, and what of that goes over a platform's wire."""

import msgspec


class Choice(msgspec.Struct, frozen=True):
    """Something to choose: `label` is what people read, `command` the chat command that choosing it runs."""

    label: str
    command: str


class Button(msgspec.Struct, frozen=True):
    """A choice as a platform is told of it. `value` comes back with a press: a name that only our rows explain."""

    label: str
    value: str


ButtonRows = tuple[tuple[Button, ...], ...]
"""Buttons as they stand: from top to bottom, those of a row beside each other."""


class ButtonBounds(msgspec.Struct, frozen=True):
    """How many buttons a message may have, in all and in one row; `label` in characters, `value` in bytes of UTF-8."""

    most: int
    abreast: int
    label: int
    value: int
