"""What is added to a configuration file that holds a password: does anybody else get to read it on the way?"""

import stat
from pathlib import Path

import pytest

from quarterdeck.actions.setup import draft
from quarterdeck.base.config import LoadedConfig, load_config

TABLE = '[connections.x]\nchannel = "loopback"\n'


@pytest.mark.parametrize(("database", "mode"), [("postgresql://u:pw@h/db", 0o600), ("sqlite", 0o644)])
def test_a_file_and_its_drafts_are_as_open_as_it_was(tmp_path: Path, database: str, mode: int) -> None:
    file, seen = tmp_path / "quarterdeck.toml", list[int]()
    file.write_text(f'database = "{database}"\n[providers.s]\nkind = "scripted"\n')
    file.chmod(mode)

    def read(path: Path) -> LoadedConfig:
        seen.append(stat.S_IMODE(path.stat().st_mode))
        return load_config(path, {}, cwd=tmp_path)

    draft.check_table(TABLE, file, read)
    draft.add_table(TABLE, file, read)
    assert file.read_text().endswith(f"\n\n{TABLE}")
    assert {stat.S_IMODE(file.stat().st_mode), *seen} == {mode}
    assert len(seen) == 2
    assert [one.name for one in tmp_path.iterdir()] == ["quarterdeck.toml"]
