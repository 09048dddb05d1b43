"""`make mutants` plants what it says: one bug at a time, in code that still parses."""

import ast
from pathlib import Path

from tools.mutants import mutants

CODE = """
def late(at: int, limit: int) -> bool:
    if at > limit and not limit == 0:
        raise ValueError
    log(at + 1)
    return at in (1, 2)
"""

PLANTED = {
    ("at > limit", "at >= limit"),
    ("at > limit and (not limit == 0)", "at > limit or not limit == 0"),
    ("not limit == 0", "limit == 0"),
    ("limit == 0", "limit != 0"),
    ("0", "1"),
    ("1", "2"),
    ("2", "3"),
    ("if at > limit and (not limit == 0):", "if not (at > limit and (not limit == 0)):"),
    ("raise ValueError", "pass"),
    ("log(at + 1)", "pass"),
    ("at + 1", "at - 1"),
    ("at in (1, 2)", "at not in (1, 2)"),
    ("return at in (1, 2)", "return None"),
}


def test_every_mutant_differs_in_one_place(tmp_path: Path) -> None:
    path = tmp_path / "late.py"
    path.write_text(CODE)
    found = list(mutants(path))
    assert {(mutant.before, mutant.after) for mutant in found} == PLANTED
    texts = {mutant.text for mutant in found}
    assert len(texts) == len(found)
    assert ast.unparse(ast.parse(CODE)) not in texts
