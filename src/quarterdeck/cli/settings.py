"""Which configuration does a command use?"""

import os
from collections.abc import Collection
from pathlib import Path

from quarterdeck.base.config import LoadedConfig, find_file, load_config
from quarterdeck.base.config_env import asks_ollama
from quarterdeck.base.settings import PluginKind


def load(file: str | None) -> LoadedConfig:
    """The configuration that `--config`, the environment or the current folder names. Raises ConfigRefusals."""
    return load_config(file, os.environ, cwd=Path.cwd(), plugins=_installed, ollama=_ollama(file))


def read(file: Path) -> LoadedConfig:
    """The same of a file. Raises ConfigRefusals."""
    return load(str(file))


def _ollama(file: str | None) -> tuple[str, ...] | None:
    """What the Ollama of OLLAMA_HOST has; looked up only where one of its models is to answer."""
    if not asks_ollama(os.environ) or find_file(file, os.environ, Path.cwd()):
        return None
    from quarterdeck.cli.ollama import models

    return models(os.environ)


def _installed(kind: PluginKind) -> Collection[str]:
    """The names of installed plugins; looked up only where the configuration names one."""
    from quarterdeck.plugins.find import installed

    return installed(kind)
