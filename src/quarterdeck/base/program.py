"""How is this program called here? So that a command in a sentence can be typed as it stands."""

import shlex
import shutil
import sys
from pathlib import Path

NAME = "quarterdeck"


def called() -> str:
    """Its name where a shell finds it by that, else the path that was typed, such as `.venv/bin/quarterdeck`."""
    started = Path(sys.argv[0])
    found = shutil.which(NAME)
    if started.name != NAME or (found and Path(found).resolve() == started.resolve()):
        return NAME
    return shlex.quote(sys.argv[0])
