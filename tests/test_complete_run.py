"""With REQUIRE_SERVICES=1 a run that leaves something out fails; without, it passes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")

SIDE_BY_SIDE = ("-p", "xdist", "-n", "2", "--dist", "loadfile")
WHOLE = "def test_whole(): pass\n"
LEFT_OUT = {
    "skipped_test": "import pytest\n@pytest.mark.skip(reason='no chromium')\ndef test_a(): pass\n",
    "skip_inside": "import pytest\ndef test_a(): pytest.skip('no chromium')\n",
    "skipped_file": "import pytest\npytest.skip('no chromium', allow_module_level=True)\n",
    "missing_library": "import pytest\npytest.importorskip('no_such_library', reason='no chromium')\n",
    "expected_failure": "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_a(): assert 0\n",
    "file_without_test": "def tset_a(): pass\n",
}


def run(folder: Path, files: dict[str, str], required: str, *more: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", folder, *more, folder],
        cwd=folder,
        env={
            **os.environ,
            "REQUIRE_SERVICES": required,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(CONFTEST.parents[1]),
        },
        capture_output=True,
        text=True,
        timeout=110,
    )


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_complete_run_may_leave_nothing_out(name: str, tmp_path: Path) -> None:
    done = run(tmp_path, {"whole": WHOLE, name: LEFT_OUT[name]}, required="1")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert f"test_{name}.py" in done.stdout.partition("left out, although")[2]


def test_nor_may_one_whose_tests_run_side_by_side(tmp_path: Path) -> None:
    done = run(tmp_path, {"whole": WHOLE, **LEFT_OUT}, "1", *SIDE_BY_SIDE)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    named = done.stdout.partition("left out, although")[2]
    assert [name for name in LEFT_OUT if f"test_{name}.py" not in named] == []


def test_side_by_side_says_what_is_proven(tmp_path: Path) -> None:
    marked = "import pytest\n@pytest.mark.proves('S0', 'tool.x')\ndef test_a(): pass\n"
    folder = tmp_path / "tests"
    folder.mkdir()
    done = run(folder, {"marked": marked}, "1", *SIDE_BY_SIDE, "--rootdir", str(tmp_path))
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    proofs = json.loads((tmp_path / "test-results/proofs.json").read_text())["features"]
    passed = {"tests/test_marked.py::test_a": "passed"}
    assert proofs == {"S0": passed, "tool.x": passed}


def test_any_other_run_may(tmp_path: Path) -> None:
    done = run(tmp_path, {"whole": WHOLE, **LEFT_OUT}, required="")
    assert done.returncode == pytest.ExitCode.OK, done.stdout


def test_a_complete_run_passes(tmp_path: Path) -> None:
    done = run(tmp_path, {"whole": WHOLE}, required="1")
    assert done.returncode == pytest.ExitCode.OK, done.stdout


def test_a_run_without_any_test_fails(tmp_path: Path) -> None:
    assert run(tmp_path, {}, required="1").returncode == pytest.ExitCode.NO_TESTS_COLLECTED
