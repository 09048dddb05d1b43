"""Operations are values; the list of their names is the list of what is committed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import quarterdeck
from quarterdeck.store.operations import OPERATIONS, ExpectationFailed, Receipt, Statement, operation

SOURCE = Path(quarterdeck.__file__).parent


def statement(name: str) -> Statement:
    return Statement(name, "SELECT 1", {})


def test_an_operation_is_its_statements_in_order() -> None:
    a, b, c, d = (statement(name) for name in "abcd")
    assert operation("accept", a, [b, c], (), iter([d])).statements == (a, b, c, d)


def test_a_receipt_gives_the_only_row_of_a_statement() -> None:
    receipt = Receipt("accept", {}, {"one": [(1, "x")], "none": [], "two": [(1,), (2,)]})
    assert receipt.one("one") == (1, "x")
    for name in ("none", "two"):
        with pytest.raises(ExpectationFailed):
            receipt.one(name)


def test_a_failed_expectation_says_where() -> None:
    failed = ExpectationFailed("take", "inbox.take", 0)
    assert str(failed) == "operation take: statement inbox.take touched 0 rows"


def composed() -> Iterator[str]:
    """The first argument of every `operation(...)` in the package."""
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "operation":
                first = node.args[0]
                assert isinstance(first, ast.Constant), (
                    f"{file.name}:{node.lineno}: an operation is named by a constant"
                )
                yield str(first.value)


def test_every_operation_is_declared_and_every_declared_one_exists() -> None:
    assert set(composed()) == set(OPERATIONS)
