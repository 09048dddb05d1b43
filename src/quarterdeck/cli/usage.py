"""How does usage look in a terminal? A table whose first columns are what was asked for, and a line for all; or CSV."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import cast

from quarterdeck.api.control.wire import Row
from quarterdeck.cli import render
from quarterdeck.cli.command import Command
from quarterdeck.cli.remote import asked

SUMS = ("calls", "input", "cached", "output", "cost", "unpriced", "estimated")


def usage(command: Command, given: argparse.Namespace) -> int:
    """Show the sums as a table, as CSV, or as JSON lines."""
    rows = list(asked(command, given))
    if given.csv:
        for row in rows:
            sys.stdout.write(str(row["text"]))
        return 0
    if given.json:
        for row in rows:
            print(json.dumps(row))
        return 0
    group = [name for name in rows[0] if name not in rows[-1]]
    total = rows[-1] | {group[0]: "all together"} if group else rows[-1]
    for line in render.table([_words(row) for row in (*rows[:-1], total)], (*group, *SUMS)):
        print(line)
    if left_out := rows[-1]["left_out"]:
        print(f"... and {left_out} lines more; ask for a shorter time, for less, or with --limit")
    return 0


def _words(row: Row) -> Row:
    sums = cast("Sequence[Row]", row["cost"])
    spent = [f"{one['amount']} {one['currency']}" for one in sums if one["amount"] != "0" or not row["unpriced"]]
    return row | {"cost": " + ".join(spent) or ("no price" if row["unpriced"] else "0")}
