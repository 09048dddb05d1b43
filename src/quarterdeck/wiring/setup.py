"""Wiring of a setup in the browser: what it asks services with, and where its configuration will stand."""

import os
from collections.abc import Mapping
from pathlib import Path

from quarterdeck.actions.configuration import Configuration
from quarterdeck.actions.probes import Probes
from quarterdeck.actions.setup.course import Setup
from quarterdeck.actions.setup.reach import Reach
from quarterdeck.actions.setup.service import Service
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
    environ, folder = dict(os.environ), Path.cwd()

    def services() -> Mapping[str, Service]:
        from quarterdeck.wiring.services import services  # every kind and preset; few gateways are set up here

        return services(environ)

    def read(file: Path) -> LoadedConfig:
        return load_config(file, environ, cwd=folder, plugins=installed)

    reach = Reach(alone(log), environ, clock)
    file = loaded.path or folder / DEFAULT_FILE
    return Setup(services, reach, probes, running, file, read, environ, store, auditor)
