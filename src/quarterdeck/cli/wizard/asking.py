"""How is a question answered? By its option where one was given, else at the terminal, else by what is usual."""

import getpass
from collections.abc import Callable, Mapping
from typing import TypeVar

from quarterdeck.actions.setup.text import line
from quarterdeck.base.errors import BadInput
from quarterdeck.cli.control import CommandFailed

T = TypeVar("T")


class Asker:
    """`given` are the options of the command, by name; an empty one was not given."""

    def __init__(self, given: Mapping[str, str], *, interactive: bool) -> None:
        self._given = dict(given)
        self.interactive = interactive

    def option(self, name: str) -> str:
        """What the option says, empty for nothing."""
        return self._given.get(name, "")

    def text(self, name: str, question: str, usual: str = "", read: Callable[[str], T] = str) -> T:
        """An answer as `read` reads it; asked again while `read` raises BadInput and somebody can be asked."""
        if not self.interactive or self.option(name):
            return read(line(f"--{name}", self.option(name) or usual))
        while True:
            try:
                return read(line(f"--{name}", typed(f"{question}{f' [{usual}]' if usual else ''}") or usual))
            except BadInput as bad:
                print(f"  {bad.reason}. {bad.fix}")

    def hidden(self, question: str) -> str:
        """An answer that is not shown while it is typed."""
        return typed(question, getpass.getpass)

    def again(self, name: str) -> None:
        """Forget an option that has turned out to be wrong, so that it is asked for."""
        self._given.pop(name, None)


def typed(question: str, ask: Callable[[str], str] = input) -> str:
    """What somebody at the terminal types. Raises CommandFailed when they leave."""
    try:
        return ask(f"{question}: ").strip()
    except EOFError:
        print()
        raise CommandFailed("left before anything was written") from None


def one_of(name: str, known: Mapping[str, str], numbered: tuple[str, ...]) -> Callable[[str], str]:
    """Reads a name in `known`, or a number of `numbered` from 1 on."""

    def read(text: str) -> str:
        if text.isdecimal() and 1 <= int(text) <= len(numbered):
            return numbered[int(text) - 1]
        if text in known:
            return text
        raise BadInput(f"--{name}", f"there is no {text or 'empty one'}", f"Choose of: {', '.join(known)}")

    return read
