"""Which configuration does a command use?"""

import os
from collections.abc import Collection
from pathlib import Path

from quarterdeck.base.config import LoadedConfig, load_config
from quarterdeck.base.settings import PluginKind


def load(file: str | None) -> LoadedConfig:
    """The configuration that `--config`, the environment or the current folder names. Raises ConfigRefusals."""
    return load_config(file, os.environ, cwd=Path.cwd(), plugins=_installed)


def read(file: Path) -> LoadedConfig:
    """The same of a file. Raises ConfigRefusals."""
    return load(str(file))


def _installed(kind: PluginKind) -> Collection[str]:
    """The names of installed plugins; looked up only where the configuration names one."""
    from quarterdeck.plugins.find import installed

    return installed(kind)
