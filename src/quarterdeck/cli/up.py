"""`quarterdeck up`: the gateway, in the foreground."""

import argparse
import asyncio
import os
import sys
from contextlib import AsyncExitStack

import uvloop

from quarterdeck.actions.restart import begin_again
from quarterdeck.base.errors import BadInput
from quarterdeck.cli.command import Command
from quarterdeck.cli.settings import load
from quarterdeck.governance.audit import SYSTEM
from quarterdeck.wiring import Gateway, build, run


def up(command: Command, given: argparse.Namespace) -> int:
    """Run until SIGTERM; the process's exit status. A restart that somebody asked for begins the command again."""
    if given.role != "all":
        raise BadInput("--role", "one process does everything yet", "Leave it out, or say --role all.")
    loaded = load(given.config)
    for note in loaded.notes:
        print(f"quarterdeck: {note}", file=sys.stderr)

    async def serve() -> bool:
        async with AsyncExitStack() as stack:
            gateway = await build(loaded, os.environ, stack)
            await run(gateway, stack, announce)
        return gateway.restart.wanted

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        again = runner.run(serve())
    if again:
        begin_again()
    return 0


async def announce(gateway: Gateway, url: str) -> None:
    """Say where it is. Somebody at a terminal also gets a link that signs them in."""
    lines = [f"quarterdeck: ready at {url}"]
    if sys.stderr.isatty() or os.environ.get("QUARTERDECK_DEMO") == "1":
        code = await gateway.signin.make_code(SYSTEM)
        lines.append(f"quarterdeck: open {url}/signin#{code.code} (works once, within ten minutes)")
    lines.append("quarterdeck: `quarterdeck signin` makes another link, `quarterdeck chat` talks here")
    print("\n".join(lines), file=sys.stderr, flush=True)
