"""Does it work? What only the process that holds the database, the keys and the connections can tell."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec

from quarterdeck.actions.configuration import Configuration
from quarterdeck.actions.connections import Connections
from quarterdeck.actions.findings import Findings
from quarterdeck.actions.probes import reach
from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import QuarterdeckError
from quarterdeck.base.secrets import SecretRef
from quarterdeck.flow.directory import Directory
from quarterdeck.model.finding import Finding
from quarterdeck.model.plugin import Plugin
from quarterdeck.ports import Provider, ProviderFailed
from quarterdeck.store import processes
from quarterdeck.store.database import Store
from quarterdeck.store.datadir import DataDir
from quarterdeck.store.opening import SQLITE
from quarterdeck.store.overview import overview
from quarterdeck.store.processes import ROLES
from quarterdeck.store.sqlite import connect

DATABASE_SECONDS = 20.0
AHEAD_SECONDS = 60.0
FIXES = {
    "no_credit": "Top up the account, or name another provider in `fallback`.",
    "no_access": "Ask whoever owns the account for access to this model, or name another one.",
    "unreachable": "Look at the network and at base_url.",
    "failed": "See the reason; the model's service may be having trouble.",
}
"""What is wrong with a provider, in one word -> what to do about it; a refused key depends on where it stands."""


UNHEEDED = (
    "The database has the text in force, for all processes: change that in the console or through the API, or take the"
    " file away."
)


class Check(msgspec.Struct, frozen=True):
    """One thing that has to be right; `fix` is empty when it is."""

    name: str
    state: Literal["OK", "WARN", "FAIL"]
    detail: str
    fix: str


class Doctor:
    """Checks. It writes nothing, so it works where nothing can be written."""

    def __init__(
        self,
        data: DataDir,
        store: Store,
        directory: Directory,
        connections: Connections,
        findings: Findings,
        plugins: Sequence[Plugin],
        configuration: Configuration,
        clock: Clock,
    ) -> None:
        self._data = data
        self._store = store
        self._directory = directory
        self._connections = connections
        self._findings = findings
        self._plugins = plugins
        self._configuration = configuration
        self._clock = clock

    async def checks(self, only: str = "", *, running: bool) -> AsyncIterator[Check]:
        """Database, clock, models and connections; `only` is a connection, or a kind of messenger, and nothing else.

        `running`: a gateway runs here.
        """
        if only:
            async for check in self._wires(only, running):
                yield check
            return
        if self._configuration.current.database == SQLITE:
            problem = await asyncio.to_thread(database_problem, self._data.database)
            yield _check("database", not problem, problem or "whole", "Stop it, and restore the newest backup.")
        else:  # elsewhere, and looked after there; that it answers is shown by the next check
            yield _check("database", True, "a server of its own", "")
            if running:
                yield await self._processes()
        counts, now = await overview(self._store, self._clock.now()), self._clock.now()
        ahead = counts.newest - now
        told = f"behind the newest record by {ahead:.0f} s" if ahead > AHEAD_SECONDS else "goes with the records"
        yield _check("clock", ahead <= AHEAD_SECONDS, told, "Set the machine's clock (NTP).")
        for name in dict.fromkeys(route.partition("/")[0] for route in self._directory.models):
            state, detail = await reachable(name, self._directory.provider(name))
            fix = provider_fix(state, self._configuration.current.providers[name].api_keys)
            yield _check(f"model {name}", state == "ok", f"{state}: {detail}", fix)
        async for check in self._wires("", running):
            yield check
        for file in await self._configuration.unheeded():
            yield Check(f"instructions {file.assistant}/{file.name}", "WARN", f"{file.path} is not in force", UNHEEDED)
        for one in self._plugins:
            yield _check(f"plugin {one.kind}/{one.name}", True, one.source, "")
        if counts.parts_unknown or counts.dead_letters:
            what = f"{counts.parts_unknown} deliveries of unknown fate, {counts.dead_letters} dead letters"
            fix = (
                "See `quarterdeck deliveries list --state unknown` and `quarterdeck inbox list --state dead_lettered`."
            )
            yield Check("waiting for a person", "WARN", what, fix)

    async def _processes(self) -> Check:
        """Of several on one database, each role needs somebody; nobody else would say that it has nobody."""
        living = [one for one in await processes.living(self._store) if one.state == "live"]
        missing = [role for role in ROLES if not any(one.does(role) for one in living)]
        told = f"none of {len(living)} has the role {' or '.join(missing)}" if missing else f"{len(living)}, all roles"
        return _check("processes", not missing, told, f"Start one: `quarterdeck up --role {','.join(missing)}`.")

    async def _wires(self, only: str, running: bool) -> AsyncIterator[Check]:
        """What is wrong with connections, and the one thing to do about it."""
        for rules in self._directory.connections:
            if rules.rows or only not in ("", rules.name, rules.channel):
                continue
            for one in await self._findings.of(rules.name) or [await self._looked(rules.name, running)]:
                about = f"connection {rules.name}{' ' * bool(one.about)}{one.about}"
                yield Check(about, one.state, one.detail, one.fix)

    async def _looked(self, name: str, running: bool) -> Finding:
        """Of a channel that does not explain itself."""
        tried = await self._connections.look(name, running=running)
        if tried.state != "failed":
            return Finding("", "OK", tried.detail)
        return Finding("", "FAIL", tried.detail, "See the reason; `quarterdeck connections list` shows more.")


def provider_fix(state: str, keys: Sequence[SecretRef]) -> str:
    """What to do about a provider whose keys stand there; empty for one that is as it should be."""
    if state != "wrong_key":
        return FIXES.get(state, "")
    places = " or ".join(map(_place, keys)) or "the place where it reads one"
    return f"Put a valid key into {places}, then restart."


def _place(key: SecretRef) -> str:
    if key.env:
        return f"the variable {key.env}"
    return f"the file {key.file}" if key.file else "what the program of api_keys prints"


async def reachable(name: str, provider: Provider) -> tuple[str, str]:
    """(ok, or what is wrong in one word; the reason)."""
    try:
        found = await provider.models()
    except ProviderFailed as error:
        return reach(error), str(error)
    except QuarterdeckError as error:
        return "failed", str(error)
    return "ok", f"{len(found)} models"


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


def _check(name: str, good: bool, detail: str, fix: str) -> Check:
    return Check(name, "OK" if good else "FAIL", detail, "" if good else fix)
