"""What a command of the command line is: its name, its arguments, what runs it, and one sentence of help."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "flag", "many"]


@dataclass(frozen=True)
class Argument:
    """`--name` is an option, `name` stands by itself. A `local` one is not sent to the gateway.

    `usual` is what holds without it; a positional one that has it may be left out.
    """

    name: str
    help: str
    kind: Kind = "text"
    usual: str | int | None = None
    required: bool = False
    choices: tuple[str, ...] = ()
    local: bool = False

    @property
    def field(self) -> str:
        """Its name in the parsed arguments, and in a request to the gateway."""
        return self.name.lstrip("-").replace("-", "_")


@dataclass(frozen=True)
class Command:
    """One command. `handler` is `module:function` below `quarterdeck.cli`, imported when it runs.

    `columns` are those of a table for people; a row whose state is not in `good` (if that is given) makes the
    exit status 1. A `wired` one needs the connections' secrets also without a running gateway; what an `acting` one
    does is an effect, for which a process has to say that it lives.
    """

    name: str
    help: str
    handler: str
    arguments: tuple[Argument, ...] = ()
    columns: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    wired: bool = False
    acting: bool = False


CONFIG = Argument("--config", "The configuration file; else QUARTERDECK_CONFIG, else ./quarterdeck.toml.", local=True)
JSON = Argument("--json", "Print JSON, one object per line.", kind="flag", local=True)
EVERYWHERE = (CONFIG, JSON)
