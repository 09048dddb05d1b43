"""`quarterdeck crash-points`: where tests may kill the process."""

import argparse
import json

from quarterdeck.base.crash import PLACES
from quarterdeck.cli.command import Command
from quarterdeck.store.operations import OPERATIONS


def crash_points(command: Command, given: argparse.Namespace) -> int:
    """Print every point."""
    points = [*PLACES, *(f"op.{name}.{side}" for name in OPERATIONS for side in ("before", "after"))]
    for point in points:
        print(json.dumps({"point": point}) if given.json else point)
    return 0
