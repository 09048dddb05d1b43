"""What can people type? Every chat command with its sentence: for /help, and for a messenger's menu of commands."""

from typing import Protocol, runtime_checkable

from quarterdeck.base.supervise import Life
from quarterdeck.model.menu import Entry, Menu
from quarterdeck.words.book import say
from quarterdeck.words.languages import LANGUAGES, first_of, spoken
from quarterdeck.words.sentences import Phrase, phrase

HELP = phrase(
    "help",
    new=phrase("command_new"),
    stop=phrase("command_stop"),
    status=phrase("command_status"),
    model=phrase("command_model"),
    pin=phrase("command_pin"),
    pins=phrase("command_pins"),
    unpin=phrase("command_unpin"),
    help=phrase("command_help"),
)
"""The list; its blanks are the commands, in this order."""


@runtime_checkable
class HasMenu(Protocol):
    """A channel whose platform offers commands while somebody types."""

    async def show_menu(self, menu: Menu, life: Life) -> None:
        """Have the platform offer these, as a service beside the receiving."""
        ...


def menu(*fixed: str) -> Menu:
    """The commands in every language, or in the first one that is `fixed` by the configuration for everybody."""
    one = next((found for wish in fixed if (found := spoken(wish)) is not None), None)
    return {tag: _entries(one or first_of(tag)) for tag in ("", *LANGUAGES)}


def _entries(language: str) -> tuple[Entry, ...]:
    sentences = {name: said for name, said in HELP.values.items() if isinstance(said, Phrase)}
    return tuple(Entry(name, say(first_of(language), said)) for name, said in sentences.items())
