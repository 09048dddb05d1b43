"""Commands that the gateway carries out: send the arguments, show the rows."""

import argparse
import json
import sys
from collections.abc import Iterator

from quarterdeck.api.control.wire import FAILED, Row
from quarterdeck.cli import render
from quarterdeck.cli.command import Command
from quarterdeck.cli.control import Line, gateway
from quarterdeck.cli.settings import load


def listed(command: Command, given: argparse.Namespace) -> int:
    """Show the rows as a table, or as JSON lines while they come."""
    rows: list[Row] = []
    for row in asked(command, given):
        if given.json:
            print(json.dumps(row), flush=True)
        rows.append(row)
    if not given.json and rows:
        for line in render.table(rows, command.columns):
            print(line)
    if not rows:
        print("quarterdeck: nothing to show", file=sys.stderr)
    bad = command.good and any(row["state"] not in command.good for row in rows)
    return FAILED if bad else 0


def shown(command: Command, given: argparse.Namespace) -> int:
    """Show one thing in full."""
    for row in asked(command, given):
        print(json.dumps(row) if given.json else "\n".join(render.record(row)))
    return 0


def asked(command: Command, given: argparse.Namespace) -> Iterator[Row]:
    """What the gateway answers."""
    arguments = {
        argument.field: getattr(given, argument.field)
        for argument in command.arguments
        if not argument.local and getattr(given, argument.field) is not None
    }
    with gateway(load(given.config), wired=command.wired, acting=command.acting) as opened, opened() as peer:
        yield from Line(peer, command.name, arguments).rows()
