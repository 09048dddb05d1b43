"""Does it work? What only the process that holds the database, the keys and the connections can tell."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from quarterdeck.actions.probes import reach
from quarterdeck.api.control.connections import doctor_of_connections
from quarterdeck.api.control.lists import reachable
from quarterdeck.api.control.parts import Caller, Chosen, Parts, Rows
from quarterdeck.base.errors import NotFound, QuarterdeckError
from quarterdeck.ports import ProviderFailed
from quarterdeck.store.overview import overview
from quarterdeck.store.sqlite import connect

DATABASE_SECONDS = 20.0
AHEAD_SECONDS = 60.0

FIXES = {
    "wrong_key": "Put a valid key where api_keys says, then restart.",
    "no_credit": "Top up the account, or name another provider in `fallback`.",
    "no_access": "Ask whoever owns the account for access to this model, or name another one.",
    "unreachable": "Look at the network and at base_url.",
    "failed": "See the reason; the model's service may be having trouble.",
}


async def test_models(parts: Parts, caller: Caller, ask: Chosen) -> Rows:
    """One small live call to each model that an assistant uses: it costs what so many tokens cost."""
    routes = [route for route in parts.directory.models if ask.id in ("", route, route.partition("/")[0])]
    if not routes:
        known = ", ".join(parts.directory.models)
        raise NotFound(f"no assistant uses a model or provider {ask.id}; in use: {known}")
    for route in routes:
        try:
            seconds = await parts.probes.ask(route, caller.actor)
            state, detail = "ok", f"answered in {seconds:.1f} s"
        except ProviderFailed as error:
            state, detail = reach(error), str(error)
        except QuarterdeckError as error:
            state, detail = "failed", str(error)
        yield {"id": route, "state": state, "created_at": None, "detail": detail, "fix": FIXES.get(state, "")}


async def _providers(parts: Parts) -> Rows:
    """Whether each provider can be reached with its key; nothing is spent."""
    for name in dict.fromkeys(route.partition("/")[0] for route in parts.directory.models):
        state, detail = await reachable(name, parts.directory.provider(name))
        yield {"id": name, "state": state, "detail": detail, "fix": FIXES.get(state, "")}


async def doctor(parts: Parts, caller: Caller, ask: Chosen) -> Rows:
    """Database, clock, models and connections, as a row for each check; or one connection, or kind of messenger."""
    if ask.id:
        async for row in doctor_of_connections(parts, ask.id):
            yield row
        return
    if parts.data.database.exists():
        problem = await asyncio.to_thread(database_problem, parts.data.database)
        yield _row("database", not problem, problem or "whole", "Stop it, and restore the newest backup.")
    else:  # elsewhere, and looked after there; that it answers is shown by the next check
        yield _row("database", True, "a server of its own", "")
    counts, now = await overview(parts.store, parts.clock.now()), parts.clock.now()
    ahead = counts.newest - now
    told = f"behind the newest record by {ahead:.0f} s" if ahead > AHEAD_SECONDS else "goes with the records"
    yield _row("clock", ahead <= AHEAD_SECONDS, told, "Set the machine's clock (NTP).")
    async for row in _providers(parts):
        yield _row(f"model {row['id']}", row["state"] == "ok", f"{row['state']}: {row['detail']}", str(row["fix"]))
    async for row in doctor_of_connections(parts):
        yield row
    for one in parts.plugins:
        yield _row(f"plugin {one.kind}/{one.name}", True, one.source, "")
    if counts.parts_unknown or counts.dead_letters:
        what = f"{counts.parts_unknown} deliveries of unknown fate, {counts.dead_letters} dead letters"
        fix = "See `quarterdeck deliveries list --state unknown` and `quarterdeck inbox list --state dead_lettered`."
        yield {"id": "waiting for a person", "state": "WARN", "detail": what, "fix": fix}


def database_problem(path: Path) -> str:
    """What SQLite's quick check finds, empty when nothing. A large file is looked at for a bounded time only."""
    with closing(connect(path, read_only=True)) as connection:
        watchdog = threading.Timer(DATABASE_SECONDS, connection.interrupt)
        watchdog.start()
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
        except sqlite3.OperationalError as error:
            return "" if "interrupted" in str(error) else str(error)
        except sqlite3.DatabaseError as error:
            return str(error)
        finally:
            watchdog.cancel()
            watchdog.join()
    return "" if found == ["ok"] else "; ".join(found)


def _row(name: str, good: bool, detail: str, fix: str) -> dict[str, object]:
    return {"id": name, "state": "OK" if good else "FAIL", "detail": detail, "fix": "" if good else fix}
