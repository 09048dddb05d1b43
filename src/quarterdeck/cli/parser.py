"""From words to a command that runs: help, usage errors, and the handler's import."""

import argparse
import difflib
import importlib
import sys
from collections.abc import Callable, Sequence

from quarterdeck import __version__
from quarterdeck.base.program import called
from quarterdeck.cli.command import EVERYWHERE, Argument, Command
from quarterdeck.cli.commands import COMMANDS

USAGE = 2

Handler = Callable[[Command, argparse.Namespace], int]


def run(words: Sequence[str]) -> int:
    """Run the command that `words` name; its exit status."""
    if words[:1] in (["--version"], ["-V"]):
        print(f"quarterdeck {__version__}")
        return 0
    if words[:1] in (["--help"], ["-h"], ["help"]):
        print(overview(COMMANDS))
        return 0
    command = find(words)
    if command is None:
        return _unknown(words)
    rest = words[len(command.name.split()) :]
    given = parser(command).parse_args(rest)
    module, _, function = command.handler.partition(":")
    handler: Handler = getattr(importlib.import_module(f"quarterdeck.cli.{module}"), function)
    return handler(command, given)


def find(words: Sequence[str]) -> Command | None:
    """The command that the first one or two words name."""
    named = {command.name: command for command in COMMANDS}
    return named.get(" ".join(words[:2])) or named.get(" ".join(words[:1]))


def parser(command: Command) -> argparse.ArgumentParser:
    """The parser of one command's arguments."""
    made = argparse.ArgumentParser(prog=f"quarterdeck {command.name}", description=command.help, allow_abbrev=False)
    for argument in (*command.arguments, *EVERYWHERE):
        _add(made, argument)
    return made


def overview(commands: Sequence[Command]) -> str:
    """All commands with their sentence."""
    width = max(len(command.name) for command in commands)
    lines = [f"  {command.name:<{width}}  {command.help}" for command in commands]
    return "\n".join(
        (
            "usage: quarterdeck COMMAND [arguments] [--config FILE] [--json]",
            "",
            *lines,
            "",
            "`quarterdeck COMMAND --help` says more. The commands work with and without a running gateway.",
            "Exit status: 0 done, 1 failed, 2 usage, 3 locked by another process, 4 newer database, 78 configuration.",
        )
    )


def _add(made: argparse.ArgumentParser, argument: Argument) -> None:
    option, usual = argument.name.startswith("--"), argument.usual
    told = argument.help + (f" Usually {usual}." if usual else "")
    if argument.kind == "flag":
        made.add_argument(argument.name, action="store_true", help=told)
    elif argument.kind == "many":
        made.add_argument(argument.name, action="append", default=None, help=told, required=argument.required)
    elif option:
        kind = int if argument.kind == "number" else str
        choices = argument.choices or None
        made.add_argument(
            argument.name, type=kind, default=usual, help=told, required=argument.required, choices=choices
        )
    else:
        many = None if usual is None else "?"
        made.add_argument(argument.name, nargs=many, default=usual, help=told, choices=argument.choices or None)


def _unknown(words: Sequence[str]) -> int:
    group = [command for command in COMMANDS if words and command.name.startswith(f"{words[0]} ")]
    if group and words[1:2] in (["--help"], ["-h"]):
        print(overview(group))
        return 0
    if (group and len(words) == 1) or not words:
        print(overview(group or COMMANDS), file=sys.stderr)
        return USAGE
    said = " ".join(words[:2] if group else words[:1])
    near = difflib.get_close_matches(said, [command.name for command in COMMANDS], n=1)
    hint = f"did you mean `{called()} {near[0]}`?" if near else f"`{called()} --help` lists what there is."
    print(f"quarterdeck: there is no command {said!r}; {hint}", file=sys.stderr)
    return USAGE
