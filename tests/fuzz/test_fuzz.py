"""The pure readers meet every seed, and a fixed number of inputs that are led by coverage. Long runs are by hand."""

import importlib.util
from pathlib import Path

import pytest

from tests.fuzz.__main__ import run
from tests.fuzz.seeds import HOSTILE, SEEDS
from tests.fuzz.targets import TARGETS

RUNS = 500

no_engine = importlib.util.find_spec("atheris") is None


@pytest.mark.parametrize("name", TARGETS)
def test_every_reader_survives_the_seeds(name: str) -> None:
    for data in (*SEEDS[name], *HOSTILE):
        TARGETS[name](data)


@pytest.mark.skipif(no_engine, reason="atheris is not installed: pip install 'quarterdeck[fuzz]'")
def test_every_reader_survives_what_coverage_leads_to(tmp_path: Path) -> None:
    done = run(tmp_path, list(TARGETS), f"-runs={RUNS}", "-seed=1")
    found = [path.read_text(errors="replace")[-2000:] for path in tmp_path.glob("*.log") if done.returncode]
    assert done.returncode == 0, "\n".join(found)
    assert {path.stem for path in tmp_path.glob("*.log")} == set(TARGETS)


def test_every_target_has_seeds() -> None:
    assert set(SEEDS) == set(TARGETS)
