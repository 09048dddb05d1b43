"""How large is an installation? The built wheel and its locked dependencies in a fresh environment."""

import asyncio
import sys
from pathlib import Path

from bench.gateway import Failed
from bench.report import ROOT

STEP_SECONDS = 300.0


async def installed_mb(folder: Path) -> float:
    """MB on the disk of an environment with the product and without the demo model, pip itself included."""
    log, environment = folder / "install.log", folder / "environment"
    python = str(environment / "bin" / "python")
    pip = (python, "-m", "pip", "--disable-pip-version-check", "-q", "install")
    wheels = ("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    await _run(log, sys.executable, *wheels)
    await _run(log, sys.executable, "-m", "venv", str(environment))
    await _run(log, *pip, "--require-hashes", "-r", str(ROOT / "requirements" / "run.txt"))
    await _run(log, *pip, "--no-deps", *_wheels(folder))
    return _megabytes(environment)


async def _run(log: Path, *command: str) -> None:
    with log.open("ab") as file:
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        async with asyncio.timeout(STEP_SECONDS):
            status = await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
        raise Failed(f"{' '.join(command[:4])} takes too long; see {log}") from None
    if status != 0:
        raise Failed(f"{' '.join(command[:4])} ended with {status}; see {log}")


def _wheels(folder: Path) -> list[str]:
    return [str(wheel) for wheel in folder.glob("*.whl")]


def _megabytes(folder: Path) -> float:
    return sum(file.lstat().st_blocks * 512 for file in folder.rglob("*")) / 1e6
