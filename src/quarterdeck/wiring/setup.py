"""Wiring of a setup in the browser: what it asks services and bots with, and where its configuration will stand."""

import os
from collections.abc import Mapping
from pathlib import Path

from quarterdeck.actions.configuration import Configuration
from quarterdeck.actions.invitations import Inviting
from quarterdeck.actions.probes import Probes
from quarterdeck.actions.setup.bot import Bots, Found
from quarterdeck.actions.setup.course import Setup
from quarterdeck.actions.setup.draft import Read
from quarterdeck.actions.setup.reach import Reach
from quarterdeck.actions.setup.service import Service
from quarterdeck.actions.setup.trouble import Trouble
from quarterdeck.base.clock import Clock
from quarterdeck.base.config import DEFAULT_FILE, LoadedConfig, load_config
from quarterdeck.base.supervise import EventLog
from quarterdeck.governance.audit import Auditor
from quarterdeck.plugins.find import installed
from quarterdeck.store.database import Store
from quarterdeck.wiring.alone import alone


def setting_up(
    loaded: LoadedConfig,
    running: Configuration,
    probes: Probes,
    store: Store,
    auditor: Auditor,
    clock: Clock,
    log: EventLog,
) -> Setup:
    """The course. Without a configuration file it writes the one that the next start finds in this folder."""
    environ = dict(os.environ)
    file, read = _written(loaded, environ)

    def services() -> Mapping[str, Service]:
        from quarterdeck.wiring.services import services  # every kind and preset; few gateways are set up here

        return services(environ)

    reach = Reach(alone(log), environ, clock)
    return Setup(services, reach, probes, running, file, read, environ, store, auditor)


def adding_bots(
    loaded: LoadedConfig, running: Configuration, inviting: Inviting, store: Store, auditor: Auditor, clock: Clock
) -> Bots:
    """What adds a Telegram bot to the configuration file."""
    environ = dict(os.environ)
    file, read = _written(loaded, environ)

    async def look(token: str, root: str) -> Found | Trouble:
        from quarterdeck.wiring.bots import look  # a messenger's client; few gateways add a bot

        return await look(token, root, environ)

    return Bots(look, running, file, read, environ, inviting, store, auditor, clock)


def _written(loaded: LoadedConfig, environ: Mapping[str, str]) -> tuple[Path, Read]:
    """The configuration file that is or would be, and what reads it as the next start does."""
    folder = Path.cwd()

    def read(file: Path) -> LoadedConfig:
        return load_config(file, environ, cwd=folder, plugins=installed)

    return loaded.path or folder / DEFAULT_FILE, read
