"""Which configuration does a command use?"""

import os
from pathlib import Path

from quarterdeck.base.config import LoadedConfig, load_config


def load(file: str | None) -> LoadedConfig:
    """The configuration that `--config`, the environment or the current folder names. Raises ConfigRefusals."""
    return load_config(file, os.environ, cwd=Path.cwd())
