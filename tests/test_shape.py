"""The shape of this repository: what a reader can rely on in every file. The rules are in shape_rules.py."""

import tomllib
from collections.abc import Iterable

import grimp
import pytest

from quarterdeck.base.settings import BUILT_IN_KINDS
from tests.providers.subjects import SUBJECTS
from tests.shape_rules import SOURCE_RULES, TEST_RULES, TEXT_RULES, Rule, cycles, unplaced
from tests.shape_source import PACKAGE, ROOT, Source, tracked

SOURCES = tuple(tracked())


def findings(rule: Rule, sources: Iterable[Source]) -> str:
    return "\n".join(finding for source in sources for finding in rule(source))


def python_below(folder: str) -> list[Source]:
    found = [source for source in SOURCES if source.path.startswith(folder) and source.path.endswith(".py")]
    assert found, f"no Python file below {folder}"
    return found


@pytest.mark.parametrize("rule", SOURCE_RULES, ids=lambda rule: rule.__name__)
def test_source(rule: Rule) -> None:
    found = findings(rule, python_below(PACKAGE))
    assert not found, found


@pytest.mark.parametrize("rule", TEST_RULES, ids=lambda rule: rule.__name__)
def test_tests(rule: Rule) -> None:
    found = findings(rule, python_below("tests/"))
    assert not found, found


@pytest.mark.parametrize("rule", TEXT_RULES, ids=lambda rule: rule.__name__)
def test_text(rule: Rule) -> None:
    found = findings(rule, SOURCES)
    assert not found, found


def test_no_import_cycles() -> None:
    graph = grimp.build_graph("quarterdeck", cache_dir=None)
    found = cycles({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    assert not found, found


def test_every_top_level_package_has_its_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    packages = {source.path.removeprefix(PACKAGE).split("/")[0] for source in python_below(PACKAGE)}
    missing = unplaced(layers, {name.removesuffix(".py") for name in packages} - {"__init__"})
    assert not missing, f"without a layer in pyproject.toml: {missing}"


def test_every_kind_of_provider_is_held_to_the_contract() -> None:
    assert set(SUBJECTS) == set(BUILT_IN_KINDS), "tests/providers/subjects.py gives every kind its stand-in"
