"""Writing a conversation into a file, or to stdout, while it comes."""

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from quarterdeck.api.control.wire import Row
from quarterdeck.base.errors import BadInput
from quarterdeck.cli.command import Command
from quarterdeck.cli.remote import asked


def export(command: Command, given: argparse.Namespace) -> int:
    """Export one session. A file that is there already is left alone, one that cannot be completed is removed."""
    rows = asked(command, given)
    pieces = chain([next(rows)], rows)  # there may be no such session: that is said before a file is made
    if given.output:
        _write(Path(given.output), pieces)
    else:
        for row in pieces:
            sys.stdout.write(str(row["text"]))
    return 0


def _write(file: Path, pieces: Iterator[Row]) -> None:
    try:
        out = file.open("x", encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput("--output", f"{file} cannot be written: {error.strerror}", "Name another file.") from error
    try:
        with out:
            for row in pieces:
                out.write(str(row["text"]))
    except BaseException:
        file.unlink(missing_ok=True)
        raise
