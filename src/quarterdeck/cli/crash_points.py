"""`quarterdeck crash-points`: where tests may kill the process, one JSON object per line."""

import json

from quarterdeck.base.crash import PLACES
from quarterdeck.store.operations import OPERATIONS


def crash_points() -> int:
    """Print every point."""
    points = [*PLACES, *(f"op.{name}.{side}" for name in OPERATIONS for side in ("before", "after"))]
    for point in points:
        print(json.dumps({"point": point}))
    return 0
