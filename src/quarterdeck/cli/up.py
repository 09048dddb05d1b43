"""`quarterdeck up`: the gateway, in the foreground."""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from quarterdeck.base.config import load_config
from quarterdeck.wiring import Gateway, build, run


def up(config: str | None) -> int:
    """Run until SIGTERM; the process's exit status."""
    loaded = load_config(config, os.environ, cwd=Path.cwd())
    for note in loaded.notes:
        print(f"quarterdeck: {note}", file=sys.stderr)

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            await run(await build(loaded, os.environ, stack), stack, announce)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
    return 0


def announce(gateway: Gateway, url: str) -> None:
    """Say where it is."""
    print(f"quarterdeck: ready at {url}", file=sys.stderr, flush=True)
