"""`quarterdeck doctor`: is everything as it has to be, and if not, what is to be done?"""

import argparse
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from quarterdeck.api.control.wire import CONFIG, FAILED, Row
from quarterdeck.api.server import bind
from quarterdeck.base.config import LoadedConfig
from quarterdeck.base.decode import ConfigRefusals
from quarterdeck.base.errors import BadInput, ConfigRefused, QuarterdeckError
from quarterdeck.base.program import called
from quarterdeck.cli.command import Command
from quarterdeck.cli.control import CommandFailed, Line, Open, gateway
from quarterdeck.cli.render import safe
from quarterdeck.cli.settings import load

LITTLE_SPACE, TOO_LITTLE_SPACE = 2_000_000_000, 200_000_000
BUILT = 1_760_000_000.0  # no clock that is right shows less


def doctor(command: Command, given: argparse.Namespace) -> int:
    """Print a line for each check; 78 for a refused configuration, else 1 when a check failed."""
    worst = 0
    for row in _checks(given.config, given.id):
        if row["state"] == "FAIL":
            worst = CONFIG if row["id"] == "configuration" else worst or FAILED
        if given.json:
            print(json.dumps({"created_at": None, **row}), flush=True)
            continue
        print(f"{row['state']:<5} {row['id']}: {safe(str(row['detail']))}", flush=True)
        if row["fix"]:
            print(f"      {row['fix']}", flush=True)
    return worst


def _checks(file: str | None, only: str) -> Iterator[Row]:
    try:
        loaded = load(file)
    except ConfigRefusals as refused:
        for problem in refused.problems:
            yield _row("configuration", "FAIL", f"{problem.field}: {problem.reason}", f"{problem.fix}.")
        return
    known = {name: one.channel for name, one in loaded.config.connections.items()}
    if only and only not in known and only not in known.values():
        raise BadInput("id", f"there is no connection or kind of messenger {only}", f"There are: {', '.join(known)}")
    yield _row("configuration", "OK", str(loaded.path or "no file; defaults and the environment"))
    if not only:
        yield from _machine(loaded)
    try:
        with gateway(loaded, wired=True, acting=True) as opened:
            if not only:
                yield from _running(loaded, opened)
            with opened() as peer:
                yield from Line(peer, "doctor", {"id": only}).rows()
    except CommandFailed as failed:
        yield _row("gateway", "FAIL", str(failed), "Wait for it, or stop that process.")
    except QuarterdeckError as error:
        if isinstance(error, ConfigRefused):
            yield _row("configuration", "FAIL", f"{error.field}: {error.reason}", f"{error.fix}.")
        else:
            yield _row("gateway", "FAIL", str(error), "Put that right.")


def _machine(loaded: LoadedConfig) -> Iterator[Row]:
    yield from _folder(Path(loaded.config.data_dir))
    sane = time.time() > BUILT
    yield _row("date", "OK" if sane else "FAIL", time.strftime("%F %TZ", time.gmtime()), "Set the machine's clock.")


def _running(loaded: LoadedConfig, opened: Open) -> Iterator[Row]:
    with opened() as peer:
        status = next(Line(peer, "status", {}).rows())
    if status["url"] is None:
        yield _row("gateway", "OK", f"none runs; `{called()} up` starts it")
        yield _port(loaded)
    else:
        reasons = status["reasons"]
        detail = f"process {status['pid']} at {status['url']}" + (f", not ready: {reasons}" if reasons else "")
        yield _row("gateway", "WARN" if reasons else "OK", detail, "Wait, then look at its log.")


def _folder(root: Path) -> Iterator[Row]:
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        yield _row("data directory", "FAIL", f"{place} cannot be written", "Change its owner, or data_dir.")
        return
    mode = stat.S_IMODE(root.stat().st_mode) if root.exists() else 0o700
    open_to = "WARN" if mode & 0o077 else "OK"
    yield _row("data directory", open_to, f"{root} (mode {mode:o})", f"Run: chmod 700 {root}")
    free = shutil.disk_usage(place).free
    state = "FAIL" if free < TOO_LITTLE_SPACE else "WARN" if free < LITTLE_SPACE else "OK"
    yield _row("space", state, f"{free / 1e9:.1f} GB free", "Free some, or move data_dir.")


def _port(loaded: LoadedConfig) -> Row:
    server = loaded.config.server
    try:
        bind(server.host, server.port).close()
    except ConfigRefused as refused:
        return _row("port", "FAIL", refused.reason, refused.fix)
    return _row("port", "OK", f"{server.host}:{server.port} is free")


def _row(name: str, state: str, detail: str, fix: str = "") -> Row:
    return {"id": name, "state": state, "detail": detail, "fix": "" if state == "OK" else fix}
