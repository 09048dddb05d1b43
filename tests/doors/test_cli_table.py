"""Is the command table the source of help, usage errors and the reference, and is help there at once?"""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from quarterdeck.actions.setup.text import configuration
from quarterdeck.cli.command import Command
from quarterdeck.cli.commands import COMMANDS
from quarterdeck.cli.parser import parser
from quarterdeck.cli.reference import reference_markdown
from tests.doors.commands import Desk

HELP_CPU = 0.15

NEEDS = {
    "id": "x",
    "code": "x",
    "outcome": "sent",
    "folder": "x",
    "channel": "telegram",
    "connection": "x",
    "words": "x",
    "identity": "x",
    "other": "x",
    "kind": "tool",
    "name": "x",
    "--name": "n",
    "--scope": "chat",
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_help_costs_little() -> None:
    words = [sys.executable, "-m", "quarterdeck", "--help"]
    subprocess.run(words, check=True, capture_output=True, timeout=30)  # writes the bytecode
    costs: list[float] = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = subprocess.run(words, check=True, capture_output=True, text=True, timeout=30)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert all(command.name in said.stdout and command.help in said.stdout for command in COMMANDS)
    assert min(costs) < HELP_CPU


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_parses_what_it_needs_and_says_it(command: Command) -> None:
    words: list[str] = []
    for argument in command.arguments:
        if argument.required or (not argument.name.startswith("--") and argument.usual is None):
            value = NEEDS[argument.name]
            words += [argument.name, value] if argument.name.startswith("--") else [value]
    given = parser(command).parse_args([*words, "--json", "--config", "f.toml"])
    assert given.json
    assert given.config == "f.toml"
    page = parser(command).format_help()
    assert all((argument.choices or (argument.name,))[0] in page for argument in command.arguments)


def test_the_reference_names_every_command_and_argument() -> None:
    page = reference_markdown()
    for command in COMMANDS:
        assert f"## quarterdeck {command.name}\n\n{command.help}" in page
    assert "`--scope SCOPE` (required)" in page
    assert "`sent|failed`" in page


async def test_usage_errors(desk: Desk) -> None:
    for words, told in (
        (("sesions", "list"), "there is no command"),
        (("sessions", "lsit"), "did you mean `quarterdeck sessions list`?"),
        (("sessions",), "sessions show"),
        ((), "usage: quarterdeck"),
        (("sessions", "show"), "the following arguments are required: id"),
        (("sessions", "list", "--limit", "many"), "invalid int value"),
        (("sessions", "list", "--limit", "0"), "limit: expected `int` >= 1"),
        (("deliveries", "settle", "dlv_1", "lost"), "invalid choice"),
        (("token", "create", "--name", "x", "--scope", "everything"), "'everything' is no scope"),
        (("token", "create", "--name", "x", "--scope", "chat", "--expires", "soon"), "is no time"),
        (("init",), "Say --yes"),
        (("chat",), "nothing to say"),
    ):
        said = await desk.run(*words)
        assert said.code == 2, (words, said)
        assert told in said.err, (words, said)
        assert "Traceback" not in said.err
        assert said.out == ""


@pytest.mark.own_database
async def test_one_process_on_sqlite_does_everything(desk: Desk) -> None:
    said = await desk.run("up", "--role", "worker")
    assert (said.code, "Leave it out, or use PostgreSQL" in said.err) == (2, True)


async def test_crash_points(desk: Desk) -> None:
    rows = await desk.rows("crash-points")
    assert {"point": "op.accept.before"} in rows
    assert {"point": "send.after"} in rows


async def test_init_writes_what_can_be_used_and_overwrites_nothing(desk: Desk) -> None:
    desk.config.unlink()
    said = await desk.run("init", "--yes")
    assert said.code == 0, said.err
    assert desk.config.read_text() == configuration()
    soul = desk.data / "workspaces/default/SOUL.md"
    soul.write_text("Mine.")
    desk.write(configuration() + "# mine\n")
    assert (await desk.run("init", "--yes")).code == 0
    assert desk.config.read_text().endswith("# mine\n")
    assert soul.read_text() == "Mine."
    assert desk.data.stat().st_mode & 0o777 == 0o700


async def test_every_default_of_a_new_file_can_be_uncommented(desk: Desk) -> None:
    before, _, _ = configuration().partition("# A source of models.")
    lines = [line.removeprefix("# ") if " = " in line and "..." not in line else line for line in before.splitlines()]
    desk.write("\n".join(lines))
    said = await desk.run("config", "check", "--json")
    assert said.code == 0, said.err
    assert said.row["state"] == "ok"
