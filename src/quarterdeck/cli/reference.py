"""The reference page of the command line, made from its table."""

from quarterdeck.cli.command import EVERYWHERE, Argument
from quarterdeck.cli.commands import COMMANDS


def reference_markdown() -> str:
    """The page."""
    lines = [
        "# Command line",
        "",
        "Every command works with a running gateway (through `DATA_DIR/control.sock`) and without one (it then opens",
        "the data directory itself), with the same output. Each takes:",
        "",
        *(f"- {_shown(argument)}: {argument.help}" for argument in EVERYWHERE),
        "",
        "Exit status: 0 done, 1 failed, 2 usage, 3 the data directory is locked by another process, 4 the database was",
        "written by a newer version, 78 the configuration is refused. `QUARTERDECK_DEBUG=1` shows tracebacks.",
    ]
    for command in COMMANDS:
        lines += ["", f"## quarterdeck {command.name}", "", command.help]
        if command.arguments:
            lines.append("")
        for argument in command.arguments:
            usual = f" Usually `{argument.usual}`." if argument.usual else ""
            lines.append(f"- {_shown(argument)}: {argument.help}{usual}")
    return "\n".join(lines) + "\n"


def _shown(argument: Argument) -> str:
    value = "|".join(argument.choices) or argument.field.upper()
    if argument.kind == "flag":
        return f"`{argument.name}`"
    if argument.name.startswith("--"):
        return f"`{argument.name} {value}`" + (" (required)" if argument.required else "")
    return f"`{value}`" + ("" if argument.usual is None else " (may be left out)")
