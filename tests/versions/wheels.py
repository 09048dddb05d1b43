"""Two versions to run side by side: the wheel of this tree, and that of a copy into which a future is planted.

The future writes what this version has never heard of: a column, a field in everything that is stored or told, a kind
of journal entry, a kind of event. It also takes something away, later.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from quarterdeck import __version__
from quarterdeck.store.migrate import known
from tests.standins import ROOT

LATER = "99.0.0"
EXPAND = known()[-1][0] + 1
CONTRACT = EXPAND + 1
NAMES = f"{EXPAND:04d}_form", f"{CONTRACT:04d}_form_needed"

_PACKED = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
_MIGRATIONS: Mapping[str, str] = {
    f"{NAMES[0]}.sql": "-- expand\nALTER TABLE steps ADD COLUMN form BIGINT;\n",
    f"{NAMES[1]}.sql": f"""-- contract {EXPAND}
UPDATE steps SET form = 0 WHERE form IS NULL;
-- only postgresql
ALTER TABLE steps ALTER COLUMN form SET NOT NULL;
-- only sqlite
CREATE TRIGGER steps_form BEFORE INSERT ON steps WHEN NEW.form IS NULL
BEGIN SELECT RAISE(ABORT, 'form may not be NULL'); END;
-- both
""",
}
_EVENT = 'events.insert(state.session.id, 0, "turn.mood", {"turn": state.turn_id, "mood": "fine"}, now)'
_STEP = 'journal.insert(state.turn_id, f"n{state.attempt}", NoteStep("fine"), now)'
_NOTE = 'class NoteStep(msgspec.Struct, frozen=True, tag="note"):\n    text: str\n\n\n'
_FIELD = 'mood: str = msgspec.field(default_factory=lambda: "fine")'
_CHANGES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "__init__.py": ((f'"{__version__}"', f'"{LATER}"'),),
    "model/turn.py": (
        ("result: ToolResult\n", "result: ToolResult\n    took_ms: int = 7\n"),
        ('    route: str = ""\n', '    route: str = ""\n    mood: str = "fine"\n'),
        ("Step = ModelStep", f"{_NOTE}Step = NoteStep | ModelStep"),
    ),
    "model/message.py": (
        ("    state: ProviderState | None = None\n", f"    state: ProviderState | None = None\n    {_FIELD}\n"),
        ("    quoted: Quoted | None = None\n", f"    quoted: Quoted | None = None\n    {_FIELD}\n"),
        ('    native_id: str = ""\n    error: str', f'    {_FIELD}\n    native_id: str = ""\n    error: str'),
    ),
    "store/journal.py": (
        ("step, content, created_at)", "step, content, created_at, form)"),
        (":content, :now)", ":content, :now, 1)"),
    ),
    "flow/replicas/news.py": (("grown: list[Part] = []\n", f"grown: list[Part] = []\n    {_FIELD}\n"),),
    "flow/taking.py": (
        ("import ModelStep,", "import NoteStep, ModelStep,"),
        ("fence, 1, steer, now", "fence, 2, steer, now"),
        ("fence, 1, 0, now", "fence, 2, 0, now"),
        ('events.insert(state.session.id, 0, "turn.started"', 'events.insert(state.session.id, 1, "turn.started"'),
        ("            turns.insert(turn),\n", f"            turns.insert(turn),\n            {_EVENT}, {_STEP},\n"),
        (
            "            inbox.take_again(",
            f"            {_EVENT}, {_STEP},\n            inbox.take_again(",
        ),
    ),
}


def build(folder: Path) -> tuple[Path, Path]:
    """This version and a later one, each installed in a folder of its own."""
    copy = folder / "later"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in _PACKED:
        shutil.copy(ROOT / name, copy / name)
    package = copy / "src" / "quarterdeck"
    for name, text in _MIGRATIONS.items():
        (package / "store" / "migrations" / name).write_text(text)
    for name, changes in _CHANGES.items():
        text = (package / name).read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{name}: {old!r} stands there {text.count(old)} times"
            text = text.replace(old, new)
        (package / name).write_text(text)
    return _installed(ROOT, folder / "this"), _installed(copy, folder / "that")


def _installed(tree: Path, folder: Path) -> Path:
    """The wheel of a tree, installed where only PYTHONPATH finds it."""
    _run("-m", "hatchling", "build", "-t", "wheel", "-d", folder / "wheel", cwd=tree)
    pip = ("-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-deps", "--no-index", "--no-compile")
    _run(*pip, "--target", folder / "site", *(folder / "wheel").glob("*.whl"), cwd=folder)
    return folder / "site"


def _run(*words: str | Path, cwd: Path) -> None:
    done = subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
