"""Do the tests notice a bug?

    tools/mutants.py [--count N] [--seed N] [FILE OR FOLDER ...] [-- PYTEST ARGUMENTS]

Plants one small bug at a time into a copy of the repository (a comparison turned round, a condition negated,
a number off by one, a statement left out ...), runs tests there, and lists the bugs that no test noticed.
Without arguments: a sample from the pure parts against tests/pure. Exits 1 if a bug survived, 2 if the tests
fail before one is planted.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PURE = ("src/quarterdeck/model", "src/quarterdeck/governance/policy.py", "src/quarterdeck/flow/context.py")
SECONDS = 120
"""A mutant that runs longer has been noticed: it hangs."""

TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True)
class Mutant:
    path: Path
    line: int
    before: str
    after: str
    text: str


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of `node`."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=right) if type(op) in TURNED:
            yield ast.Compare(left, [TURNED[type(op)]()], right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            yield ast.BinOp(left, ast.Sub() if isinstance(op, ast.Add) else ast.Add(), right)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.If(test=test, body=body, orelse=orelse):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Return(value=ast.expr()):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case _:
            return


def places(tree: ast.Module) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Where a child hangs: its parent, the field, and the index if the field is a list."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                yield parent, field, None
            elif isinstance(value, list):
                yield from ((parent, field, index) for index in range(len(value)))


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of one file."""
    original = ast.parse(path.read_text(encoding="utf-8"))
    for number, (parent, field, index) in enumerate(places(original)):
        child = hanging(parent, field, index)
        for changed in variants(child):
            tree = copy.deepcopy(original)
            twin_parent, _, _ = next(place for at, place in enumerate(places(tree)) if at == number)
            hang(twin_parent, field, index, changed)
            text = ast.unparse(ast.fix_missing_locations(tree))
            yield Mutant(path, getattr(child, "lineno", 0), first_line(child), first_line(changed), text)


def hanging(parent: ast.AST, field: str, index: int | None) -> ast.AST:
    value = getattr(parent, field)
    return value if index is None else value[index]


def hang(parent: ast.AST, field: str, index: int | None, child: ast.AST) -> None:
    if index is None:
        setattr(parent, field, child)
    else:
        getattr(parent, field)[index] = child


def first_line(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).splitlines()[0]


def files(arguments: list[str]) -> list[Path]:
    paths = [ROOT / argument for argument in arguments]
    found = [path for path in paths if path.is_file()]
    return sorted([*found, *(file for path in paths if path.is_dir() for file in path.rglob("*.py"))])


def noticed(place: Path, tests: list[str]) -> bool:
    """Whether the tests fail in `place`."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(place / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def survivors(planted: list[Mutant], place: Path, tests: list[str]) -> Iterator[Mutant]:
    for mutant in planted:
        target = place / mutant.path.relative_to(ROOT)
        kept = target.read_text(encoding="utf-8")
        target.write_text(mutant.text, encoding="utf-8")
        if not noticed(place, tests):
            yield mutant
        target.write_text(kept, encoding="utf-8")


def main() -> int:
    given = [*sys.argv[1:], "--"]
    own, tests = given[: given.index("--")], given[given.index("--") + 1 : -1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50, help="how many bugs to plant")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("paths", nargs="*", default=list(PURE))
    options = parser.parse_args(own)
    everything = [mutant for path in files(options.paths) for mutant in mutants(path)]
    chosen = random.Random(options.seed).sample(everything, min(options.count, len(everything)))
    arguments = tests or ["tests/pure"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", place)
        if noticed(place, arguments):
            print("the tests fail before a bug is planted")
            return 2
        alive = 0
        for mutant in survivors(chosen, place, arguments):
            alive += 1
            where = mutant.path.relative_to(ROOT)
            print(f"{where}:{mutant.line}: nobody noticed  {mutant.before}  ->  {mutant.after}", flush=True)
    print(f"{len(chosen)} bugs planted of {len(everything)} possible, {alive} not noticed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
