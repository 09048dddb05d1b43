"""The address of a PostgreSQL: typing errors are refused before anybody connects, and no password is shown."""

from pathlib import Path

import pytest

from quarterdeck.base.config import LoadedConfig, load_config
from quarterdeck.base.config_shown import sections
from quarterdeck.base.decode import ConfigRefusals

SECRET = "hunter2"


def load(folder: Path, address: str) -> LoadedConfig:
    return load_config(None, {"QUARTERDECK_DATABASE": address, "OPENAI_API_KEY": "k"}, cwd=folder)


@pytest.mark.parametrize(
    "address",
    [
        "postgres//qd:hunter2@db.example/qd",
        "postgresql:/qd:hunter2@db.example/qd",
        "postgresql+asyncpg://qd:hunter2@db.example/qd",
        "postgresql://qd:hunter2@db.example:5432x/qd",
        "postgresql://qd:hunter2@db.example:0/qd",
        "postgresql://qd:hunter2@db.example:65536/qd",
        "postgresql://qd:hunter2@one.example:5432,two.example:x/qd",
        "postgresql://qd:hunter2/@db.example/qd",
        "postgresql://qd:12/hunter2@db.example/qd",
        "postgresql://qd:12#hunter2@db.example/qd",
        "postgresql://qd:hunter2[@db.example/qd",
        "postgresql://qd:hunter2@db.example/qd?pgbouncer=yes",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_and_nothing_of_it_is_repeated(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigRefusals) as caught:
        load(tmp_path, address)
    (problem,) = caught.value.problems
    assert problem.field == "database"
    assert SECRET not in str(problem)
    assert "12" not in str(problem)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://qd@db.example/qd",
        "postgres://db.example",
        "postgresql://qd:a%2Fb%40c@[::1]:5432/qd?sslmode=verify-full",
        "postgresql://qd@one.example:5432,two.example:5433/qd?target_session_attrs=read-write",
        "postgresql:///qd?host=/var/run/postgresql&user=qd@tenant",
        "postgresql://qd@db.example/qd?pgbouncer=true",
        "postgresql://qd@db.example/qd?pgbouncer=false",
    ],
)
def test_any_other_is_taken_as_it_stands(tmp_path: Path, address: str) -> None:
    assert load(tmp_path, address).config.database == address


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://qd:hunter2@db.example/qd", "postgresql://qd:***@db.example/qd"),
        ("postgresql://qd@db.example/qd?password=hunter2", "postgresql://qd@db.example/qd?password=***"),
        (
            "postgresql://qd@db.example/qd?sslmode=require&sslpassword=hunter2&user=qd",
            "postgresql://qd@db.example/qd?sslmode=require&sslpassword=***&user=qd",
        ),
    ],
)
def test_a_password_is_told_of_wherever_it_stands_and_never_shown(tmp_path: Path, address: str, shown: str) -> None:
    loaded = load(tmp_path, address)
    assert [note for note in loaded.notes if note.startswith("database: the address holds a password")]
    values = {one.path: one.value for section in sections(loaded) for one in section.settings}
    assert values["database"] == shown
    assert SECRET not in "".join(values.values())
    assert load(tmp_path, address.replace(SECRET, "changed")).digest == loaded.digest
