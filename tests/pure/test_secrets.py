"""Secret references: found where they point, refused when unsafe, never shown."""

import os
import pickle
import sys
from pathlib import Path

import msgspec
import pytest

from quarterdeck.base import secrets
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.secrets import Secret, SecretReader, SecretRef, find_references

VALUE = "s3cr3t-value"


class SetClock:
    """A clock that a test sets."""

    time = 0.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def reader(**environ: str) -> SecretReader:
    return SecretReader(environ, SetClock())


def secret_file(folder: Path, text: str = VALUE, mode: int = 0o600) -> str:
    file = folder / "secret"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def test_a_secret_shows_nothing_but_to_reveal() -> None:
    secret = Secret(VALUE)
    assert secret.reveal() == VALUE
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{secret}", repr([secret])):
        assert VALUE not in shown
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_not_stored() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(VALUE))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret(VALUE))


async def test_from_the_environment() -> None:
    assert (await reader(TOKEN=VALUE).read(SecretRef(env="TOKEN"), "a.b")).reveal() == VALUE


@pytest.mark.parametrize("environ", [{}, {"TOKEN": ""}, {"TOKEN": "\n"}])
async def test_an_unset_variable_refuses_with_its_path(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigRefused) as caught:
        await reader(**environ).read(SecretRef(env="TOKEN"), "connections.tg.token")
    assert caught.value.field == "connections.tg.token"
    assert "TOKEN" in caught.value.reason


async def test_from_a_file_without_its_last_line_break(tmp_path: Path) -> None:
    ref = SecretRef(file=secret_file(tmp_path, VALUE + "\r\n"))
    assert (await reader().read(ref, "a")).reveal() == VALUE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o610])
async def test_a_file_that_others_may_read_refuses(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigRefused, match="chmod 600") as caught:
        await reader().read(SecretRef(file=secret_file(tmp_path, mode=mode)), "a")
    assert VALUE not in str(caught.value)


async def test_a_missing_file_and_a_folder_refuse(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigRefused):
            await reader().read(SecretRef(file=str(path)), "a")


async def test_from_a_command_without_a_shell() -> None:
    ref = SecretRef(command=(sys.executable, "-c", "import sys; print(sys.argv[1])", "$HOME;" + VALUE))
    assert (await reader().read(ref, "a")).reveal() == "$HOME;" + VALUE


@pytest.mark.parametrize(
    "command", [("/no/such/program",), (sys.executable, "-c", "exit(3)"), (sys.executable, "-c", "")]
)
async def test_a_command_that_fails_or_says_nothing_refuses(command: tuple[str, ...]) -> None:
    with pytest.raises(ConfigRefused):
        await reader().read(SecretRef(command=command), "a")


@pytest.mark.parametrize("program", ["import time; time.sleep(60)", "print('x' * 10_000_000)"])
async def test_a_command_that_hangs_or_prints_without_end_is_killed(tmp_path: Path, program: str) -> None:
    pid = tmp_path / "pid"
    note = f"import os; open({str(pid)!r}, 'w').write(str(os.getpid())); "
    hasty = SecretReader({}, SetClock(), command_seconds=3.0)  # enough to begin, on a busy machine too
    with pytest.raises(ConfigRefused, match="longer than 3 s"):
        await hasty.read(SecretRef(command=(sys.executable, "-S", "-c", note + program)), "a")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


async def test_a_rotated_file_is_seen_after_a_minute_or_when_forgotten(tmp_path: Path) -> None:
    clock = SetClock()
    keeper = SecretReader({}, clock)
    ref = SecretRef(file=secret_file(tmp_path, "old"))

    async def value() -> str:
        return (await keeper.read(ref, "a")).reveal()

    assert await value() == "old"
    secret_file(tmp_path, "new")
    assert await value() == "old"
    clock.time = secrets.KEEP_SECONDS
    assert await value() == "new"
    secret_file(tmp_path, "newer")
    keeper.forget(ref)
    assert await value() == "newer"


@pytest.mark.parametrize("parts", [{}, {"env": "A", "file": "/a"}, {"env": ""}, {"command": ()}])
def test_a_reference_is_exactly_one_place(parts: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(parts, SecretRef)


def test_references_are_found_in_tables_of_unknown_type() -> None:
    table = {
        "token": {"env": "A"},
        "deep": {"keys": [{"file": "/f"}, {"command": ["x"]}], "env": {"env": "C"}},
        "other": {"env": 5},
        "plain": "env",
    }
    found = dict(find_references(table, "connections.tg"))
    assert found == {
        "connections.tg.token": SecretRef(env="A"),
        "connections.tg.deep.keys[0]": SecretRef(file="/f"),
        "connections.tg.deep.keys[1]": SecretRef(command=("x",)),
        "connections.tg.deep.env": SecretRef(env="C"),
    }


async def test_the_environment_at_start_is_what_counts() -> None:
    environ = dict(os.environ)
    environ["QD_TEST_SECRET"] = VALUE
    assert (await SecretReader(environ, SetClock()).read(SecretRef(env="QD_TEST_SECRET"), "a")).reveal() == VALUE
