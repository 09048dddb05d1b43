"""Chat commands: the shape of one. Their use cases live in `actions/`; wiring hands the table over."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec

from quarterdeck.model.assistant import Assistant
from quarterdeck.model.button import Choice
from quarterdeck.model.inbound import Due
from quarterdeck.store.operations import Statement
from quarterdeck.store.sessions import Session
from quarterdeck.words.sentences import Phrase

CutReason = Literal["stop", "interrupt", "deadline"]


class CommandCall(msgspec.Struct, frozen=True):
    """A command as it was typed, or what a timer is for (`due`).

    `session` is None when nothing was said in this conversation before.
    """

    session_id: str
    session: Session | None
    assistant: Assistant
    inbox_id: str
    identity_id: str
    argument: str
    due: Due | None = None


class CommandEffect(msgspec.Struct, frozen=True):
    """What a command does inside the accepting operation, what it answers, and whether it cuts the running turn.

    What is for nobody to read (a timer's) has no `reply`. `choices` are commands to run next, in rows: where the
    platform has buttons, they stand under the reply, whose text says all there is to know without them.
    """

    reply: Phrase | None
    statements: tuple[Statement, ...] = ()
    cut: CutReason | None = None
    choices: tuple[tuple[Choice, ...], ...] = ()


Command = Callable[[CommandCall], Awaitable[CommandEffect]]
Commands = Mapping[str, Command]


def parse(text: str, commands: Commands) -> tuple[Command, str] | None:
    """The command that `text` is, with its argument; None for what is no known command."""
    if not text.startswith("/"):
        return None
    head, _, argument = text.strip().partition(" ")
    name = head[1:].partition("@")[0].lower()
    command = commands.get(name)
    return (command, argument.strip()) if command else None
