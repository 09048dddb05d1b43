"""Every rule of shape can fail: planted offences that it must find, neighbours that it must leave alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import shape_rules as rules
from tests.shape_source import ROOT, Source

SRC = "src/quarterdeck/store/inbox.py"
TEST = "tests/flow/test_lanes.py"

OFFENCES: list[tuple[rules.Rule, str, str]] = [
    (rules.file_length, SRC, "x = 1\n" * 401),
    (rules.file_length, TEST, "x = 1\n" * 601),
    (rules.function_length, SRC, "def f():\n" + "    x = 1\n" * 60),
    (rules.function_length, SRC, "class A:\n    async def f(self):\n" + "        x = 1\n" * 60),
    (rules.complexity_excused, SRC, "def f(): ...  # noqa: C901\n"),
    (rules.complexity_excused, SRC, "# ruff: noqa\n"),
    (rules.broad_catch, SRC, "try: f()\nexcept Exception: pass"),
    (rules.broad_catch, SRC, "try: f()\nexcept BaseException as error: log(error)"),
    (rules.broad_catch, SRC, "try: f()\nexcept: pass"),
    (rules.broad_catch, SRC, "try: f()\nexcept (OSError, Exception): pass"),
    (rules.broad_catch, SRC, "try: f()\nexcept builtins.Exception: pass"),
    (rules.broad_catch, SRC, "try: f()\nexcept* Exception: pass"),
    (rules.broad_catch, SRC, "with suppress(Exception): f()"),
    (rules.broad_catch, SRC, "with contextlib.suppress(KeyError, Exception): f()"),
    (rules.broad_catch, SRC, "for x in y:\n try: f()\n except Exception:\n  if x: continue\n  raise"),
    (rules.broad_catch, SRC, "def g():\n try: f()\n except Exception:\n  if x: return\n  raise"),
    (rules.module_state, SRC, "seen = {}"),
    (rules.module_state, SRC, "seen: dict[str, int] = {}"),
    (rules.module_state, SRC, "seen = [x for x in y]"),
    (rules.module_state, SRC, "seen = set()"),
    (rules.module_state, SRC, "seen = collections.defaultdict(list)"),
    (rules.module_state, SRC, "waiting = asyncio.Queue()"),
    (rules.module_state, SRC, "if True:\n    seen = []"),
    (rules.module_state, SRC, "try:\n    import x\nexcept ImportError:\n    seen = []"),
    (rules.module_state, SRC, "CACHE = {}\ndef f(key): CACHE[key] = 1"),
    (rules.module_state, SRC, "CACHE = []\ndef f(value): CACHE.append(value)"),
    (rules.module_state, SRC, "COUNT = 0\ndef f():\n    global COUNT\n    COUNT = 1"),
    (rules.loose_task, SRC, "asyncio.create_task(f())"),
    (rules.loose_task, SRC, "asyncio.ensure_future(f())"),
    (rules.loose_task, SRC, "asyncio.get_running_loop().create_task(f())"),
    (rules.loose_task, SRC, "self.loop.create_task(f())"),
    (rules.loose_task, SRC, "from asyncio import create_task"),
    (rules.impure, "src/quarterdeck/model/turn.py", "import asyncio"),
    (rules.impure, "src/quarterdeck/model/turn.py", "import asyncio.events"),
    (rules.impure, "src/quarterdeck/governance/policy.py", "from sqlite3 import connect"),
    (rules.impure, "src/quarterdeck/flow/context.py", "from quarterdeck.base import clock"),
    (rules.impure, "src/quarterdeck/flow/context.py", "from quarterdeck.net.client import Client"),
    (rules.impure, "src/quarterdeck/model/turn.py", "at = datetime.now(UTC)"),
    (rules.impure, "src/quarterdeck/model/turn.py", "at = datetime.datetime.now(UTC)"),
    (rules.impure, "src/quarterdeck/model/turn.py", "text = open('x').read()"),
    (rules.composed_sql, SRC, "f'SELECT id FROM {table}'"),
    (rules.composed_sql, SRC, "f'SELECT {COLUMNS} FROM inbox WHERE id = {row.id}'"),
    (rules.composed_sql, SRC, "f'INSERT INTO inbox VALUES ({value})'"),
    (rules.composed_sql, SRC, "'DELETE FROM inbox WHERE id = %s' % id"),
    (rules.composed_sql, SRC, "'UPDATE inbox SET state = ' + state"),
    (rules.composed_sql, SRC, "'SELECT id FROM {}'.format(table)"),
    (rules.composed_sql, SRC, "def f(order):\n    return f'SELECT id FROM inbox ORDER BY {order}'"),
    (rules.composed_sql, SRC, "def f(x):\n    order = 'id'\n    order = x\n    return f'SELECT id {order}'"),
    (rules.composed_sql, SRC, "def f(x):\n    order = 'id'\n    order += x\n    return f'SELECT id {order}'"),
    (rules.composed_sql, SRC, "def f(x):\n    for order in x:\n        yield f'SELECT id {order}'"),
    (rules.composed_sql, SRC, "def f(x):\n    names = ', '.join(x)\n    return f'SELECT {names} FROM inbox'"),
    (rules.composed_sql, SRC, "def f(x):\n    return f'SELECT {columns(x)} FROM inbox'"),
    (rules.postponed_annotations, SRC, "from __future__ import annotations"),
    (rules.patching, TEST, "from unittest import mock"),
    (rules.patching, TEST, "import unittest.mock as um"),
    (rules.patching, TEST, "from unittest.mock import AsyncMock"),
    (rules.patching, TEST, "def test_x(mocker): ..."),
    (rules.patching, TEST, "async def test_x(mocker): ..."),
    (rules.patching, TEST, "monkeypatch.setattr('quarterdeck.store.inbox.accept', f)"),
    (rules.patching, TEST, "self.monkeypatch.delattr('a.b')"),
    (rules.patching, TEST, "mock.patch('a.b')"),
    (rules.sleeping, TEST, "time.sleep(1)"),
    (rules.sleeping, TEST, "async def f(): await asyncio.sleep(0)"),
    (rules.sleeping, TEST, "from asyncio import sleep"),
    (rules.sleeping, TEST, "from time import monotonic, sleep"),
    (rules.sleeping, TEST, "page.wait_for_timeout(100)"),
    (rules.knows_product, "tests/standins/telegram/server.py", "from quarterdeck.model import turn"),
    (rules.knows_product, "tests/checkers/order.py", "import quarterdeck"),
    (rules.machine_path, "README.md", f"see {ROOT}/x"),
    (rules.machine_path, "README.md", "see /" + "home/alice/x"),
    (rules.lock_address, "requirements/run.txt", "--index-url https://packages.example/simple"),
    (rules.lock_address, "requirements/run.txt", "-f wheels"),
    (rules.lock_address, "requirements/run.txt", "a @ https://packages.example/a.whl"),
]

NEIGHBOURS: list[tuple[rules.Rule, str, str]] = [
    (rules.file_length, SRC, "x = 1\n" * 400),
    (rules.file_length, TEST, "x = 1\n" * 600),
    (rules.function_length, SRC, "def f():\n" + "    x = 1\n" * 59),
    (rules.complexity_excused, SRC, "f()  # noqa: S608"),
    (rules.broad_catch, SRC, "try: f()\nexcept OSError: pass"),
    (rules.broad_catch, SRC, "try: f()\nexcept BaseException:\n  roll_back()\n  raise"),
    (rules.broad_catch, "src/quarterdeck/base/supervise.py", "try: f()\nexcept Exception: pass"),
    (rules.module_state, SRC, "KINDS = {'a': 1}\nNAMES: list[str] = []\n__all__ = ['x']"),
    (rules.module_state, SRC, "def f():\n    seen = {}\n    seen['a'] = 1"),
    (rules.module_state, SRC, "kind = 'a'\nlog = get_logger()\nids = frozenset({1})"),
    (rules.loose_task, SRC, "tasks.create_task(f())"),
    (rules.loose_task, "src/quarterdeck/base/supervise.py", "asyncio.create_task(f())"),
    (rules.impure, SRC, "import asyncio"),
    (rules.impure, "src/quarterdeck/model/turn.py", "from datetime import UTC, datetime\nimport hashlib"),
    (rules.composed_sql, SRC, "f'SELECT {COLUMNS} FROM inbox WHERE {base.OPEN}'"),
    (rules.composed_sql, SRC, "f'SELECT {columns(InboxRow)} FROM inbox'"),
    (rules.composed_sql, SRC, "def f(x):\n    o = ' FOR UPDATE' if x else ''\n    return f'SELECT id{o}'"),
    (
        rules.composed_sql,
        SRC,
        "marks = ', '.join(f':{n}' for n in Row.__struct_fields__)\nf'VALUES ({marks})'",
    ),
    (rules.composed_sql, SRC, "tuple(f'SELECT id FROM {t}' for t in ('inbox', 'outbox'))"),
    (rules.composed_sql, SRC, "'SELECT ' + COLUMNS\nf'{count} rows selected from {table}'"),
    (rules.patching, TEST, "monkeypatch.setenv('A_B', 'c.d')\nmonkeypatch.setattr(thing, 'name', 1)"),
    (rules.sleeping, "tests/waiting.py", "time.sleep(1)"),
    (rules.sleeping, TEST, "await until(lambda: True)"),
    (rules.knows_product, "tests/standins/telegram/server.py", "from tests.standins import ledger"),
    (rules.knows_product, TEST, "import quarterdeck"),
    (rules.machine_path, "README.md", "/home/you/x and /usr/bin"),
    (rules.lock_address, "requirements/run.txt", "a==1 \\\n    --hash=sha256:00\n    # via b"),
    (rules.lock_address, "README.md", "https://example.com"),
]


def name(case: object) -> str | None:
    return getattr(case, "__name__", "")


@pytest.mark.parametrize(("rule", "path", "text"), OFFENCES, ids=name)
def test_finds_the_offence(rule: rules.Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), NEIGHBOURS, ids=name)
def test_leaves_the_neighbour_alone(rule: rules.Rule, path: str, text: str) -> None:
    assert not list(rule(Source(path, text)))


def test_every_rule_is_tried() -> None:
    assert {rule for rule, _, _ in OFFENCES} == {*rules.SOURCE_RULES, *rules.TEST_RULES, *rules.TEXT_RULES}


def test_a_broad_catch_is_allowed_only_where_the_pattern_points() -> None:
    patterns = {"channels/*/adapter.py": "why"}
    assert rules.allowed("channels/telegram/adapter.py", patterns)
    assert not rules.allowed("channels/telegram/wire.py", patterns)
    assert not rules.allowed("channels/a/b/adapter.py", patterns)


def test_finds_import_cycles() -> None:
    assert rules.cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [("a", "b", "c")]
    assert rules.cycles({"a": {"a"}}) == [("a",)]
    assert rules.cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_finds_a_package_without_a_layer() -> None:
    assert rules.unplaced(["(cli) | (testing)", "base"], {"cli", "base", "new"}) == {"new"}


def test_ruff_refuses_a_function_that_is_too_complex() -> None:
    branches = "".join(f"    if x == {n}:\n        return {n}\n" for n in range(10))
    text = f"def f(x: int) -> int:\n{branches}    return 10\n"
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--stdin-filename", SRC, "-"]
    said = subprocess.run(ruff, input=text, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert said.returncode == 1
    assert "C901" in said.stdout


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"base/ids.py": ""}, ""),
        ({"base/ids.py": "import quarterdeck.store"}, "Layers"),
        ({"surprise/__init__.py": ""}, "surprise"),
        ({"channels/a/__init__.py": "import quarterdeck.flow"}, "Channels, providers and tools"),
        (
            {"tools/a.py": "import quarterdeck.ports", "ports.py": "import quarterdeck.store"},
            "Channels, providers",
        ),
        ({"channels/a/__init__.py": "import quarterdeck.providers"}, "Layers"),
        (
            {"channels/a/__init__.py": "from quarterdeck.channels import b", "channels/b.py": ""},
            "One channel",
        ),
        ({"providers/a.py": "from quarterdeck.providers import b", "providers/b.py": ""}, "One provider"),
        ({"tools/a.py": "from quarterdeck.tools import b", "tools/b.py": ""}, "One tool"),
    ],
)
def test_import_linter_refuses_what_the_layers_forbid(files: dict[str, str], complaint: str, tmp_path: Path) -> None:
    package = tmp_path / "src/quarterdeck"
    packages = ("", "base", "store", "governance", "flow", "actions", "channels", "providers", "tools", "client")
    everything = {f"{folder}/__init__.py".lstrip("/"): "" for folder in packages} | files
    for path, text in everything.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(text)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    said = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    broken = "\n".join(line for line in said.stdout.splitlines() if "KEPT" not in line)
    assert (said.returncode == 0) == (complaint == ""), said.stdout
    assert complaint in broken, said.stdout
