"""`quarterdeck audit verify|export`: the record checked where it is, or taken elsewhere, also beside a gateway."""

import argparse
import json
from pathlib import Path

from quarterdeck.cli import verify_audit
from quarterdeck.cli.command import Command
from quarterdeck.cli.control import CommandFailed
from quarterdeck.cli.export_audit import export_bundle
from quarterdeck.cli.settings import load
from quarterdeck.store.datadir import DataDir
from quarterdeck.store.opening import SQLITE


def check(command: Command, given: argparse.Namespace) -> int:
    """Run the independent verifier over the database; 0 when nothing was changed."""
    data = _data(given)
    words = [str(data.database), "--key", given.key or str(_public(data))]
    for file in given.checkpoint or ():
        words += ["--checkpoint", file]
    return verify_audit.main([*words, "--json"] if given.json else words)


def export(command: Command, given: argparse.Namespace) -> int:
    """Write a bundle."""
    data, folder = _data(given), Path(given.folder)
    try:
        export_bundle(data.database, folder, _public(data).read_bytes())
    except FileExistsError as error:
        raise CommandFailed(f"{folder} exists already; name a new folder") from error
    print(json.dumps({"id": str(folder), "state": "exported", "created_at": None}) if given.json else folder)
    return 0


def _data(given: argparse.Namespace) -> DataDir:
    config = load(given.config).config
    data = DataDir(Path(config.data_dir))
    if config.database != SQLITE:
        raise CommandFailed("the verifier reads a file of SQLite; a record in PostgreSQL cannot be verified here yet")
    if not data.database.exists():
        raise CommandFailed(f"there is no record in {data.root} yet; `quarterdeck up` begins one")
    return data


def _public(data: DataDir) -> Path:
    return data.audit_key.with_name(f"{data.audit_key.name}.pub")
