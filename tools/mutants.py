"""Do the tests notice a bug?

    tools/mutants.py [NAME ...]

Plants the bugs of tests/mutants.toml (all, or those that are named), one at a time, in copies of this tree, and
runs for each the test that has to turn red. Before that all of these tests are green in a copy without a bug.
A run of all writes docs/reference/results/mutants-<commit>.json. Exits 1 if a bug survived, 2 if the catalogue
does not fit the tree (a `before` that is not there exactly once, say) or a test is red without a bug.
"""

import argparse
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import cache_from_source
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("src", "tests", "tools", "pyproject.toml")
CATALOGUE = "tests/mutants.toml"
RESULTS = "docs/reference/results"
PLUGINS = ("-p", "pytest_asyncio.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider")  # all others cost seconds
AT_ONCE = 2
TEST_SECONDS = 40
"""After which a test is red by itself (pytest-timeout)."""
SECONDS = 90
"""After which a run of one mutant's test is given up: nobody has noticed in good time."""
GREEN_SECONDS = 600
NOTHING_FAILED, SOMETHING_FAILED = 0, 1  # pytest's exit status; every other one means that no test gave a verdict


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bug: `what` people would see, `before` becomes `after` in `file`, and the node id of the `test` that tells."""

    name: str
    what: str
    file: str
    before: str
    after: str
    test: str


class Result(msgspec.Struct, frozen=True):
    """What a run of all bugs came to; `survived` are names."""

    at: str
    commit: str
    mutants: int
    caught: int
    survived: list[str]


@dataclass(frozen=True)
class Verdict:
    """`caught_by` is the test that turned red; empty when the bug survived, with what was printed if none was run."""

    mutant: Mutant
    caught_by: str
    seconds: float
    printed: str = ""


@dataclass(frozen=True)
class Ran:
    """How a run of tests ended: pytest's exit status, the node ids that are red, and what was printed."""

    status: int
    red: list[str]
    output: str


def read(catalogue: Path) -> list[Mutant]:
    """All bugs. Raises msgspec.ValidationError for a table that is no bug."""
    return msgspec.convert(tomllib.loads(catalogue.read_text(encoding="utf-8"))["mutant"], list[Mutant])


def misfits(mutants: Sequence[Mutant], root: Path) -> Iterator[str]:
    """Why the catalogue does not fit the tree, as sentences."""
    for name, count in Counter(mutant.name for mutant in mutants).items():
        if count > 1:
            yield f"{name}: there are {count} of this name"
    for mutant in mutants:
        path = root / mutant.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if (found := text.count(mutant.before)) != 1:
            yield f"{mutant.name}: `before` is {found} times in {mutant.file}, not once"
        elif mutant.after == mutant.before:
            yield f"{mutant.name}: `after` changes nothing"
        elif path.suffix == ".py" and (error := broken(text.replace(mutant.before, mutant.after))):
            yield f"{mutant.name}: {mutant.file} is no Python with `after`: {error}"
        if not (root / mutant.test.partition("::")[0]).is_file():
            yield f"{mutant.name}: there is no {mutant.test}"


def broken(text: str) -> str:
    """Why a text is no Python; empty when it is."""
    try:
        compile(text, "mutant", "exec")
    except SyntaxError as error:
        return str(error)
    return ""


def copy_tree(source: Path, place: Path) -> None:
    """Copy what the tests need. Compiled files go along: the copies keep the times that these rest on."""
    for name in COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, place / name)
        else:
            shutil.copy2(source / name, place / name)


def run_tests(place: Path, tests: Sequence[str], seconds: float, *, compiled: bool = False) -> Ran:
    """Run tests in a copy, on its own source. `compiled` leaves compiled files for further runs."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--tb=short",
        "-rfE",
        f"--timeout={TEST_SECONDS}",
        *PLUGINS,
        *tests,
    ]
    environment = {**os.environ, "PYTHONPATH": str(place / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment["TEST_PATIENCE_S"] = "10"  # most bugs make a test wait in vain
    if not compiled:
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    process = subprocess.Popen(
        command, cwd=place, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with whatever the tests started
        output, _ = process.communicate()
        return Ran(-1, [], f"{output}\nnot at an end after {seconds:g} s")
    red = re.findall(r"^(?:FAILED|ERROR) (\S+?::.+?)(?: - .*)?$", output, re.MULTILINE)
    return Ran(process.returncode, red, output)


def judge(mutant: Mutant, place: Path) -> Verdict:
    """Plant a bug in a copy, run its test, take it out again. A test that gave no verdict has caught nothing."""
    path, started = place / mutant.file, time.monotonic()
    kept = path.read_bytes()
    path.write_bytes(kept.replace(mutant.before.encode(), mutant.after.encode()))
    if path.suffix == ".py":  # a compiled file knows its source by size and second only
        Path(cache_from_source(str(path))).unlink(missing_ok=True)
    try:
        ran = run_tests(place, [mutant.test], SECONDS)
    finally:
        path.write_bytes(kept)
    caught_by = ran.red[0] if ran.status == SOMETHING_FAILED and ran.red else ""
    printed = "" if ran.status in (NOTHING_FAILED, SOMETHING_FAILED) else ran.output
    return Verdict(mutant, caught_by, time.monotonic() - started, printed)


def judge_all(mutants: Sequence[Mutant], first: Path, at_once: int) -> Iterator[Verdict]:
    """Judge bugs in `first`, an unchanged copy, and further copies of it; verdicts as they come."""
    places: queue.SimpleQueue[Path] = queue.SimpleQueue()
    places.put(first)
    for number in range(1, at_once):
        place = first.with_name(f"{first.name}-{number}")
        place.mkdir()
        copy_tree(first, place)
        places.put(place)

    def one(mutant: Mutant) -> Verdict:
        place = places.get()
        try:
            return judge(mutant, place)
        finally:
            places.put(place)

    with ThreadPoolExecutor(at_once) as pool:
        tasks = [pool.submit(one, mutant) for mutant in mutants]
        try:
            yield from (task.result() for task in as_completed(tasks))
        finally:
            pool.shutdown(cancel_futures=True)


def commit(root: Path) -> str:
    """The commit that is tested; `-changed` when source or tests differ from it, `none` outside of a repository."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    changed = git("status", "--porcelain", "--", "src", "tests")
    return (git("rev-parse", "HEAD") or "none") + ("-changed" if changed else "")


def write(result: Result, folder: Path) -> Path:
    """Write the result of a whole run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"mutants-{result.commit}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    return path


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which bugs; all without a name")
    names: list[str] = parser.parse_args(arguments).names
    catalogue = read(root / CATALOGUE)
    chosen = [mutant for mutant in catalogue if mutant.name in names] if names else catalogue
    wrong = [*misfits(catalogue, root), *(f"{n}: there is no such bug" for n in {*names} - {m.name for m in catalogue})]
    if wrong:
        print("\n".join(wrong))
        return 2
    tested = commit(root)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        place = Path(folder) / "copy"
        place.mkdir()
        copy_tree(root, place)
        green = run_tests(place, sorted({mutant.test for mutant in chosen}), GREEN_SECONDS, compiled=True)
        if green.status != NOTHING_FAILED:
            print(f"{green.output}\nnot green, and no bug is planted yet")
            return 2
        verdicts: list[Verdict] = []
        width = max(len(mutant.name) for mutant in chosen)
        print(f"{'planted':{width}}  {'seconds':>7}  caught by", flush=True)
        for verdict in judge_all(chosen, place, AT_ONCE):
            verdicts.append(verdict)
            told = verdict.caught_by or f"NOBODY: {verdict.mutant.what}"
            print(f"{verdict.mutant.name:{width}}  {verdict.seconds:7.1f}  {told}", flush=True)
            if verdict.printed:
                print(f"{verdict.mutant.test} gave no verdict:\n{verdict.printed}", flush=True)
    survived = sorted(verdict.mutant.name for verdict in verdicts if not verdict.caught_by)
    print(f"{len(verdicts)} bugs planted, {len(verdicts) - len(survived)} caught")
    if not names:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        result = Result(at, tested, len(verdicts), len(verdicts) - len(survived), survived)
        print(write(result, root / RESULTS).relative_to(root))
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
