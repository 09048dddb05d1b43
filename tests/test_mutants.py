"""`make mutants` plants what its catalogue says, in copies only, and tells a caught bug from one that survived."""

import json
from pathlib import Path

import msgspec
import pytest
from tools.mutants import CATALOGUE, RESULTS, ROOT, Mutant, Result, main, misfits, read

WANTED = {
    "acknowledge before commit",
    "no dedupe",
    "outcome before effect",
    "permit unchecked",
    "group commit releases early",
    "cursor that skips",
}
CODE = "def late(at: int, limit: int) -> bool:\n    return at > limit\n"
TESTS = "from late import late\n\ndef test_late():\n    assert late(2, 1)\n"
CAUGHT = Mutant(
    "turned round", "What is in time is late.", "src/late.py", "at > limit", "at < limit", "tests/test_it.py"
)
CAUGHT_TOO = msgspec.structs.replace(CAUGHT, name="turned round elsewhere")
SURVIVOR = msgspec.structs.replace(CAUGHT, name="off by one", after="at >= limit")
UNREADABLE = msgspec.structs.replace(CAUGHT, name="gone", before="def late", after="def early")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of one function and its one test, without a catalogue."""
    for folder in ("src", "tests", "tools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "src/late.py").write_text(CODE)
    (tmp_path / "tests/test_it.py").write_text(TESTS)
    return tmp_path


def plant(tree: Path, *mutants: Mutant) -> None:
    (tree / CATALOGUE).write_text("\n".join(table(mutant) for mutant in mutants))


def table(mutant: Mutant) -> str:
    """A bug in TOML, whose strings are written as those of JSON."""
    lines = (f"{key} = {json.dumps(text)}" for key, text in msgspec.structs.asdict(mutant).items())
    return "\n".join(["[[mutant]]", *lines])


def result(tree: Path) -> Result:
    (file,) = (tree / RESULTS).iterdir()
    found = msgspec.json.decode(file.read_bytes(), type=Result)
    assert file.name == f"mutants-{found.commit}.json"
    return found


def test_the_catalogue_fits_this_tree() -> None:
    mutants = read(ROOT / CATALOGUE)
    assert list(misfits(mutants, ROOT)) == []
    assert len(mutants) >= 30
    assert {mutant.name for mutant in mutants} >= WANTED


def test_a_caught_bug_is_told_with_its_test(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tree, CAUGHT)
    assert main([], tree) == 0
    assert "tests/test_it.py::test_late" in capsys.readouterr().out
    found = result(tree)
    assert (found.commit, found.mutants, found.caught, found.survived) == ("none", 1, 1, [])
    assert (tree / "src/late.py").read_text() == CODE


def test_a_bug_that_nobody_notices_fails_the_run(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tree, CAUGHT, CAUGHT_TOO, SURVIVOR)  # the last is planted where another was taken out
    assert main([], tree) == 1
    assert f"NOBODY: {SURVIVOR.what}" in capsys.readouterr().out
    found = result(tree)
    assert (found.mutants, found.caught, found.survived) == (3, 2, [SURVIVOR.name])


def test_a_test_that_cannot_be_run_has_caught_nothing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tree, UNREADABLE)
    assert main([], tree) == 1
    assert "ImportError" in capsys.readouterr().out
    assert result(tree).survived == [UNREADABLE.name]


def test_some_can_be_chosen_and_then_no_result_is_kept(tree: Path) -> None:
    plant(tree, CAUGHT, SURVIVOR)
    assert main([CAUGHT.name], tree) == 0
    assert not (tree / RESULTS).exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"before": "at < limit"}, "`before` is 0 times"),
        ({"before": "limit"}, "`before` is 2 times"),
        ({"file": "src/gone.py"}, "`before` is 0 times"),
        ({"after": "at > limit"}, "changes nothing"),
        ({"after": "at >"}, "no Python"),
        ({"test": "tests/test_gone.py::test_late"}, "there is no tests/test_gone.py"),
        ({"name": SURVIVOR.name}, "there are 2 of this name"),
    ],
)
def test_a_catalogue_that_does_not_fit_fails_the_run(
    tree: Path, changes: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(tree, msgspec.structs.replace(CAUGHT, **changes), SURVIVOR)
    assert main([], tree) == 2
    assert said in capsys.readouterr().out


def test_an_unknown_name_fails_the_run(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tree, CAUGHT)
    assert main(["turned"], tree) == 2
    assert "turned: there is no such bug" in capsys.readouterr().out


def test_a_test_that_is_red_without_a_bug_fails_the_run(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "src/late.py").write_text(CODE.replace("at > limit", "at > limit is False"))
    plant(tree, msgspec.structs.replace(CAUGHT, before="is False", after=""))
    assert main([], tree) == 2
    assert "no bug is planted yet" in capsys.readouterr().out
