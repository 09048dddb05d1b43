"""`quarterdeck up`: the gateway, in the foreground."""

import argparse
import asyncio
import os
import sys
from contextlib import AsyncExitStack

import uvloop

from quarterdeck.actions.restart import begin_again
from quarterdeck.base.errors import BadInput
from quarterdeck.base.program import called
from quarterdeck.cli.command import Command
from quarterdeck.cli.settings import load
from quarterdeck.governance.audit import SYSTEM
from quarterdeck.store.opening import SQLITE
from quarterdeck.store.processes import ROLES
from quarterdeck.wiring import Gateway, build
from quarterdeck.wiring.running import run


def up(command: Command, given: argparse.Namespace) -> int:
    """Run until SIGTERM; the process's exit status. A restart that somebody asked for begins the command again."""
    loaded = load(given.config)
    roles = roles_of(given.role, loaded.config.database)
    for note in loaded.notes:
        print(f"quarterdeck: {note}", file=sys.stderr)

    async def serve() -> bool:
        async with AsyncExitStack() as stack:
            gateway = await build(loaded, os.environ, stack, roles=roles)
            await run(gateway, stack, announce, leaving)
        return gateway.restart.wanted

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        again = runner.run(serve())
    if again:
        begin_again()
    return 0


def roles_of(said: str, database: str) -> tuple[str, ...]:
    """What this process is to do. Raises BadInput."""
    named = tuple(dict.fromkeys(ROLES if said == "all" else said.split(",")))
    if unknown := [one for one in named if one not in ROLES]:
        raise BadInput("--role", f"there is no role {unknown[0]!r}", f"Say some of {', '.join(ROLES)}, or all.")
    if database == SQLITE and set(named) != set(ROLES):
        raise BadInput("--role", "on SQLite one process does everything", "Leave it out, or use PostgreSQL.")
    return named


async def announce(gateway: Gateway, url: str) -> None:
    """Say where it is. Somebody at a terminal also gets a link that signs them in."""
    lines = [f"quarterdeck: ready at {url}"]
    if _fetches(gateway):
        lines.append("quarterdeck: the demo model is being fetched; who writes before it is there is answered then")
    if sys.stderr.isatty() or os.environ.get("QUARTERDECK_DEMO") == "1":
        code = await gateway.signin.make_code(SYSTEM)
        lines.append(f"quarterdeck: open {url}/signin#{code.code} (works once, within ten minutes)")
    lines.append(f"quarterdeck: `{called()} signin` makes another link, `{called()} chat` talks here")
    print("\n".join(lines), file=sys.stderr, flush=True)


def leaving(gateway: Gateway) -> None:
    """Say what happens now, to somebody at a terminal."""
    what = "restarts" if gateway.restart.wanted else "ends"
    if sys.stderr.isatty():
        print(f"quarterdeck: it {what} when what runs is finished; Ctrl-C once more ends it at once", file=sys.stderr)


def _fetches(gateway: Gateway) -> bool:
    """Whether a demo model is to answer that is not here yet."""
    if all(one.kind != "local" for one in gateway.loaded.config.providers.values()):
        return False
    from quarterdeck.providers.local.shelf import status

    return status(gateway.data.root).state != "ready"
