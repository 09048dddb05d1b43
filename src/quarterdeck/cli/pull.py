"""`quarterdeck models pull`: fetch the local demo model into the data directory."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from quarterdeck.cli.command import Command
from quarterdeck.cli.settings import load
from quarterdeck.providers.local.demo import MODEL_ID
from quarterdeck.providers.local.pull import Progress
from quarterdeck.providers.local.pull import pull as fetch
from quarterdeck.words.book import say
from quarterdeck.words.sentences import phrase

STEP = 5  # per cent between two lines where nobody watches a terminal


def pull(command: Command, given: argparse.Namespace) -> int:
    """Fetch, check and try it; progress goes to stderr."""
    data_dir = Path(load(given.config).config.data_dir)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = asyncio.run(fetch(data_dir, _Progress().show))
    if given.json:
        print(json.dumps({"id": MODEL_ID, "state": status.state, "created_at": None, "lacks": list(status.lacks)}))
    elif status.state == "ready":
        print(f"{MODEL_ID} is ready ({say('en', phrase('demo_model'))})")
    else:
        print(f"{MODEL_ID} is here, but this machine lacks {', '.join(status.lacks)}")
    return 0


class _Progress:
    """A line that grows on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._last = ("", -STEP)

    def show(self, progress: Progress) -> None:
        """Show how far it is."""
        percent = 100 * progress.done // progress.total if progress.total else 0
        phase, shown = self._last
        if phase == progress.phase and percent < min(100, shown + STEP):
            return
        self._last = (progress.phase, percent)
        size = f" {percent} % of {progress.total / 1e6:.0f} MB" if progress.total else ""
        end = "\r" if sys.stderr.isatty() and percent < 100 and progress.total else "\n"
        print(f"quarterdeck: {progress.phase}{size}   ", end=end, file=sys.stderr, flush=True)
