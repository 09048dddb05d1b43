"""Targets under atheris, one after the other, each in a child of its own: libFuzzer ends the process that it runs in.

    python -m tests.fuzz.engine FOLDER TARGET,TARGET libFuzzer-options...

Ends with the number of targets in which something was found. What libFuzzer says of each is in FOLDER/TARGET.log.
"""

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.seeds import HOSTILE, SEEDS

engine: Any = importlib.import_module("atheris")  # an extra, which has no types


def main() -> None:
    """What is imported here is instrumented once, for all children."""
    folder, names, *options = sys.argv[1:]
    quiet = contextlib.redirect_stderr(io.StringIO())  # it says a line for every module
    with quiet, engine.instrument_imports(include=["quarterdeck"], enable_loader_override=False):
        from tests.fuzz.targets import TARGETS
    bad = 0
    for name in names.split(","):
        if (child := os.fork()) == 0:
            fuzz(name, TARGETS[name], Path(folder), options)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        bad += code != 0
        print(f"{name}: {'nothing' if code == 0 else 'FOUND SOMETHING'}, see {folder}/{name}.log", flush=True)
    sys.exit(bad)


def fuzz(name: str, target: Callable[[bytes], None], folder: Path, options: list[str]) -> None:
    """Write the seeds and never return."""
    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate((*SEEDS[name], *HOSTILE)):
        (corpus / f"seed{number}").write_bytes(seed)
    log = os.open(folder / f"{name}.log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    engine.Setup([name, str(corpus), f"-artifact_prefix={folder}/{name}-", *options], target)
    engine.Fuzz()


if __name__ == "__main__":
    main()
