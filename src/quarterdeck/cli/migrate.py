"""`quarterdeck migrate`: which schema has the database, and bring it to this version's."""

import argparse
import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

import msgspec

from quarterdeck.api import shown
from quarterdeck.cli.command import Command
from quarterdeck.cli.render import table
from quarterdeck.cli.settings import load
from quarterdeck.store.datadir import DataDir
from quarterdeck.store.migrate import known
from quarterdeck.store.opening import SQLITE, WAIT_S, applied_migrations, migrate
from quarterdeck.store.readers import is_contract


def bring_up(command: Command, given: argparse.Namespace) -> int:
    """Apply what waits, unless only asked to show it; one row for each migration.

    What is `later` is applied when no process of an older version is left, and then only with `--contract`. What is
    `newer` has been applied by a version that this one does not know.
    """
    config = load(given.config).config
    data = DataDir(Path(config.data_dir))
    with ExitStack() as stack:
        if not given.show:
            if config.database == SQLITE:  # a server is locked by the migration itself
                data.hold()
                stack.callback(data.release)
            asyncio.run(migrate(config.database, data, _waiting, contract=given.contract))
        at = asyncio.run(applied_migrations(config.database, data))
    rows: list[dict[str, object]] = [
        {
            "id": f"{number:04d}_{name}",
            "state": "applied" if number in at else "later" if at and is_contract(sql) else "waiting",
            "created_at": shown.moment_or_none(at.get(number)),
        }
        for number, name, sql in known()
    ]
    newer: list[dict[str, object]] = [
        {"id": f"{number:04d}", "state": "newer", "created_at": shown.moment_or_none(at[number])}
        for number in sorted(at.keys() - {number for number, _, _ in known()})
    ]
    rows += newer
    for line in [msgspec.json.encode(row).decode() for row in rows] if given.json else table(rows, command.columns):
        print(line)
    return 0


def _waiting(reason: str) -> None:
    print(f"quarterdeck: {reason}; it is tried again for {WAIT_S:.0f} s", file=sys.stderr, flush=True)
