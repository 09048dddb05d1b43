"""Where does a secret come from, and how does it stay unseen?

The configuration never holds a secret, only a reference: `{ env = "NAME" }`, `{ file = "/path" }` or
`{ command = ["program", "argument"] }`. `SecretReader` turns a reference into a `Secret` at the moment of
use; a `Secret` shows nothing when it is printed, formatted or logged and is opened with `reveal()` at the
socket only.
"""

import asyncio
import os
import signal
import stat
from collections.abc import Iterator, Mapping
from typing import Annotated, NoReturn, cast

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import ConfigRefused

KEEP_SECONDS = 60.0
"""How long a value from a file or a command is kept, so that a rotated secret is in use within a minute."""

COMMAND_SECONDS = 10.0
MAX_SECRET_BYTES = 64 * 1024

WRITE_A_REFERENCE = (
    'Write a reference: { env = "NAME" }, { file = "/path/to/secret" } or { command = ["program", "argument"] }'
)


class SecretRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret is to be found; exactly one of the three is given."""

    env: Annotated[str | None, msgspec.Meta(description="Name of an environment variable.")] = None
    file: Annotated[str | None, msgspec.Meta(description="Absolute path of a file that only its owner may read.")] = (
        None
    )
    command: Annotated[
        tuple[str, ...] | None,
        msgspec.Meta(description="Program and arguments that print the secret; no shell is involved."),
    ] = None

    def __post_init__(self) -> None:
        if sum(part is not None for part in (self.env, self.file, self.command)) != 1:
            raise ValueError("exactly one of env, file and command is needed")
        if "" in (self.env, self.file) or self.command == ():
            raise ValueError("the reference is empty")


class Secret:
    """A secret value. Printing shows `Secret(hidden)`; it cannot be pickled; compare with
    `hmac.compare_digest`.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself. Call it where it is put on the wire, and keep the result nowhere."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not to be stored")


class SecretReader:
    """Reads referenced secrets. `environ` is the process's environment as it was at start."""

    def __init__(self, environ: Mapping[str, str], clock: Clock, command_seconds: float = COMMAND_SECONDS) -> None:
        self._environ = environ
        self._command_seconds = command_seconds
        self._clock = clock
        # One entry per reference that the configuration names, so its size is bounded by that file.
        self._kept: dict[SecretRef, tuple[float, Secret]] = {}

    async def read(self, ref: SecretRef, path: str) -> Secret:
        """The secret that `ref` names; `path` is its place in the configuration, for the error.

        Raises ConfigRefused when it does not exist, is empty, is readable by others, or its command fails or
        takes longer than
        `command_seconds`. The error never contains the value.
        """
        if ref.env is not None:
            return Secret(_present(self._environ.get(ref.env), path, f"the environment variable {ref.env}"))
        kept = self._kept.get(ref)
        if kept is not None and self._clock.monotonic() < kept[0]:
            return kept[1]
        secret = Secret(await _fetch(ref, path, self._command_seconds))
        self._kept[ref] = (self._clock.monotonic() + KEEP_SECONDS, secret)
        return secret

    def forget(self, ref: SecretRef) -> None:
        """Read it afresh next time; for a peer that has just called the value invalid."""
        self._kept.pop(ref, None)


async def _fetch(ref: SecretRef, path: str, seconds: float) -> str:
    if ref.file is not None:
        return _present(read_private_file(ref.file, path), path, f"the file {ref.file}")
    command = ref.command or ("",)
    return _present(await _run(command, path, seconds), path, f"the output of {command[0]}")


def read_private_file(file: str, path: str) -> str:
    """The text of a secret file; its mode is checked on the opened file, so that it cannot be swapped
    between.
    """
    try:
        with open(file, "rb") as handle:
            problem = mode_problem(os.fstat(handle.fileno()), file, path)
            if problem is not None:
                raise problem
            return handle.read(MAX_SECRET_BYTES).decode()
    except (OSError, UnicodeDecodeError) as exc:
        reason = f"the secret file {file} cannot be read ({type(exc).__name__})"
        raise ConfigRefused(path, reason, "Create it, owned by the user that runs Quarterdeck, mode 0600") from None


def mode_problem(status: os.stat_result, file: str, path: str) -> ConfigRefused | None:
    """Why a file with this status may not hold a secret, if so."""
    if not stat.S_ISREG(status.st_mode):
        return ConfigRefused(path, f"{file} is not a regular file", "Name the file that holds the secret")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        return ConfigRefused(path, f"others may read {file} (mode {mode:04o})", f"Run: chmod 600 {file}")
    return None


async def _run(command: tuple[str, ...], path: str, seconds: float) -> str:
    fix = "Run it by hand: it must print the secret and exit with 0"
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as exc:
        raise ConfigRefused(path, f"{command[0]} cannot be started ({type(exc).__name__})", fix) from None
    try:
        async with asyncio.timeout(seconds):
            output = await _read_all(process)
            status = await process.wait()
    except TimeoutError:
        raise ConfigRefused(path, f"{command[0]} took longer than {seconds:g} s", fix) from None
    finally:
        if process.returncode is None:
            await _kill(process)
    if status != 0:
        raise ConfigRefused(path, f"{command[0]} exited with {status}", fix)
    return output.decode(errors="replace")


async def _kill(process: asyncio.subprocess.Process) -> None:
    os.killpg(process.pid, signal.SIGKILL)  # it leads its own session, so its children go too
    try:
        async with asyncio.timeout(1):
            await process.communicate()  # asyncio calls a process ended only when its pipe is read to the end
    except TimeoutError:
        return  # a grandchild in a session of its own holds the pipe; the process itself is dead


async def _read_all(process: asyncio.subprocess.Process) -> bytes:
    """What it prints, at most MAX_SECRET_BYTES; a longer output blocks it until its time is over."""
    if process.stdout is None:
        return b""
    try:
        return await process.stdout.readexactly(MAX_SECRET_BYTES)
    except asyncio.IncompleteReadError as end:
        return end.partial


def _present(value: str | None, path: str, where: str) -> str:
    text = (value or "").strip("\r\n")
    if not text:
        raise ConfigRefused(path, f"{where} is not set or empty", "Set it, or point the reference elsewhere")
    return text


def find_references(value: object, path: str = "") -> Iterator[tuple[str, SecretRef]]:
    """Every reference in a table as read, with its path, before anybody knows the table's type."""
    if isinstance(value, dict):
        table = cast("dict[str, object]", value)
        if len(table) == 1 and next(iter(table)) in SecretRef.__struct_fields__:
            try:
                yield path, msgspec.convert(table, SecretRef)
            except msgspec.ValidationError:
                return  # not a reference after all; whoever knows the type says what is wrong
            return
        for key, item in table.items():
            yield from find_references(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from find_references(item, f"{path}[{index}]")
