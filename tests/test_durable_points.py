"""Every commit is a declared operation, and every crash point that is declared exists.

`SqliteStore.commit` reaches `op.<name>.before` and `op.<name>.after` for whatever it is given, so a function that
commits has both by committing at all; what is checked here is that nothing commits in another way.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.base.crash import PLACES
from quarterdeck.store.operations import OPERATIONS

SOURCE = Path(__file__).parents[1] / "src/quarterdeck"


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """Calls of a function or method by its last name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name == getattr(node.func, "attr", getattr(node.func, "id", "")):
            yield node


def first_words(trees: list[ast.AST], name: str) -> set[str]:
    """The literal first arguments of all calls of `name`."""
    found: set[str] = set()
    for tree in trees:
        for call in calls(tree, name):
            if call.args and isinstance(call.args[0], ast.Constant):
                found.add(str(call.args[0].value))
    return found


def writes_past_the_store(tree: ast.AST) -> list[int]:
    """Lines that begin or end a transaction by themselves."""
    found: list[int] = []
    for name in ("execute", "executescript"):
        for call in calls(tree, name):
            text = ast.unparse(call.args[0]) if call.args else ""
            if any(word in text.upper() for word in ("BEGIN", "COMMIT", "INSERT ", "UPDATE ", "DELETE FROM")):
                found.append(call.lineno)
    return found


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.AST]:
    return {str(f.relative_to(SOURCE)): ast.parse(f.read_text()) for f in sorted(SOURCE.rglob("*.py"))}


@pytest.mark.proves("M1")
def test_every_operation_is_declared_and_every_declared_one_is_used(trees: dict[str, ast.AST]) -> None:
    assert first_words(list(trees.values()), "operation") == set(OPERATIONS)


def test_every_place_is_reached_and_every_reached_one_is_declared(trees: dict[str, ast.AST]) -> None:
    assert first_words(list(trees.values()), "reach") == set(PLACES)


def test_nothing_commits_past_the_store(trees: dict[str, ast.AST]) -> None:
    allowed = {"store/sqlite.py", "store/postgresql.py", "store/migrate.py", "store/migrate_postgresql.py"}
    allowed |= {"store/postgresql_record.py"}  # it writes a copy
    allowed |= {"cli/verify_audit.py", "cli/export_audit.py"}  # they read
    found = {name: lines for name, tree in trees.items() if (lines := writes_past_the_store(tree))}
    assert set(found) <= allowed, found


def test_a_commit_of_ones_own_is_noticed() -> None:
    tree = ast.parse("def f(c):\n    c.execute('UPDATE inbox SET state = 1')\n    c.execute('SELECT 1')\n")
    assert writes_past_the_store(tree) == [2]
