"""`quarterdeck audit verify|export`: the record checked where it is, or taken elsewhere, also beside a gateway."""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from quarterdeck.base.program import called
from quarterdeck.cli import verify_audit
from quarterdeck.cli.command import Command
from quarterdeck.cli.control import CommandFailed
from quarterdeck.cli.export_audit import export_bundle
from quarterdeck.cli.settings import load
from quarterdeck.store.datadir import DataDir
from quarterdeck.store.opening import SQLITE, copy_record


def check(command: Command, given: argparse.Namespace) -> int:
    """Run the independent verifier over the database; 0 when nothing was changed."""
    with _record(given) as (database, public):
        words = [str(database), "--key", given.key or str(_held(public))]
        for file in given.checkpoint or ():
            words += ["--checkpoint", file]
        return verify_audit.main([*words, "--json"] if given.json else words)


def export(command: Command, given: argparse.Namespace) -> int:
    """Write a bundle."""
    folder = Path(given.folder)
    with _record(given) as (database, public):
        try:
            export_bundle(database, folder, _held(public).read_bytes())
        except FileExistsError as error:
            raise CommandFailed(f"{folder} exists already; name a new folder") from error
    print(json.dumps({"id": str(folder), "state": "exported", "created_at": None}) if given.json else folder)
    return 0


@contextmanager
def _record(given: argparse.Namespace) -> Generator[tuple[Path, Path]]:
    """The record as a file of SQLite, and the file of its public key; what had to be copied is gone at the end."""
    config = load(given.config).config
    data = DataDir(Path(config.data_dir))
    public = data.audit_key.with_name(f"{data.audit_key.name}.pub")
    if config.database == SQLITE:
        if not data.database.exists():
            raise _none(str(data.root))
        yield data.database, public
        return
    with tempfile.TemporaryDirectory(prefix="quarterdeck-audit-") as folder:  # nobody else may read it
        copy = Path(folder) / "record.db"
        if not asyncio.run(copy_record(config.database, copy)):
            raise _none("the database")
        yield copy, public


def _held(public: Path) -> Path:
    """The public key of this data directory; another one on the same database may be where a gateway has run."""
    if not public.exists():
        raise CommandFailed(f"{public} is not here yet; `{called()} up` writes it, from audit.key where that is set")
    return public


def _none(where: str) -> CommandFailed:
    return CommandFailed(f"there is no record in {where} yet; `{called()} up` begins one")
