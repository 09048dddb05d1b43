"""`quarterdeck new`: a small package that brings a channel, a provider or a tool, and works as it is."""

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from quarterdeck import __version__
from quarterdeck.base.errors import BadInput
from quarterdeck.cli.command import Command
from quarterdeck.plugins import API
from quarterdeck.plugins.find import BUILT_IN

SUFFIX = ".tmpl"  # so that no tool takes a template for code


def new(command: Command, given: argparse.Namespace) -> int:
    """Write the package. Raises BadInput for a name that cannot be used and a folder that is there."""
    name: str = given.name
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,40}", name):
        raise BadInput("name", f"{name!r} has other signs than a-z, 0-9, - and _", "Choose another name")
    if name in BUILT_IN[given.kind]:
        raise BadInput("name", f"{name} is built in", "Choose another name")
    folder = Path(given.folder or f"quarterdeck-{name}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("--folder", f"{folder} is there already", "Name a folder that is new or empty")
    written = [_write(folder / path, text) for path, text in package(given.kind, name)]
    if given.json:
        print(json.dumps({"id": name, "state": "written", "created_at": None, "files": written}))
        return 0
    for path in written:
        print(f"wrote  {path}")
    print(f'Next: cd {folder}, pip install -e ".[dev]", pytest. Its README says what to configure.')
    return 0


def package(kind: str, name: str) -> Iterator[tuple[PurePosixPath, str]]:
    """(path, text) of every file of a package."""
    module = f"quarterdeck_{name.replace('-', '_')}"
    values = {
        "@NAME@": name,
        "@MODULE@": module,
        "@DISTRIBUTION@": f"quarterdeck-{name.replace('_', '-')}",
        "@CLASS@": "".join(word.capitalize() for word in re.split("[-_]", name)),
        "@API@": str(API),
        "@VERSION@": __version__,
    }
    for path, text in _files(resources.files("quarterdeck.cli.new") / "templates" / kind, PurePosixPath()):
        yield PurePosixPath(_filled(str(path), values).removesuffix(SUFFIX)), _filled(text, values)


def _files(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    for one in sorted(folder.iterdir(), key=lambda found: found.name):
        if one.is_dir():
            yield from _files(one, path / one.name)
        elif one.name.endswith(SUFFIX):
            yield path / one.name, one.read_text("utf-8")


def _filled(text: str, values: Mapping[str, str]) -> str:
    for blank, value in values.items():
        text = text.replace(blank, value)
    return text


def _write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)
