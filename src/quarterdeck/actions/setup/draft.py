"""What is written, and where? Nothing that is there is lost: a file is made, or gets a table at its end."""

import os
import re
import stat
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import msgspec

from quarterdeck.base.config import LoadedConfig
from quarterdeck.base.errors import BadInput
from quarterdeck.base.secrets import SecretRef
from quarterdeck.base.settings import ProviderConfig

KEYS = "secrets"
"""The folder of keys below DATA_DIR; nobody else may look into it. (`keys` holds those of the record.)"""


Read = Callable[[Path], LoadedConfig]
"""Reads a configuration file as a start does. Raises ConfigRefusals."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")  # a key of TOML that needs no quotes


class ByHand(BadInput):
    """The configuration file cannot be replaced; a person can put the lines into it."""


class Assistant(msgspec.Struct, frozen=True):
    """The first assistant's table, as far as it was asked for."""

    model: str
    owner: str = ""
    contact: str = ""


def tables(name: str, one: ProviderConfig, assistant: Assistant) -> str:
    """The tables of a provider and its assistant, as TOML."""
    lines = [f"[providers.{name}]", f"kind = {_text(one.kind)}"]
    lines += [f"{key} = {_text(str(value))}" for key, value in one.options.items()]
    if one.base_url:
        lines.append(f"base_url = {_text(one.base_url)}")
    if one.api_keys:
        lines.append(f"api_keys = [{', '.join(map(_reference, one.api_keys))}]")
    lines += ["", "[assistants.default]"]
    lines += [f"{key} = {_text(value)}" for key, value in msgspec.structs.asdict(assistant).items() if value]
    return "\n".join(lines) + "\n"


def connection(name: str, token: SecretRef, more: Mapping[str, str]) -> str:
    """The table of a Telegram connection, as TOML; of `more` what is empty is left out."""
    key = name if _BARE.fullmatch(name) else _text(name)
    lines = [f"[connections.{key}]", 'channel = "telegram"', f"token = {_reference(token)}"]
    lines += [f"{option} = {_text(value)}" for option, value in more.items() if value]
    return "\n".join(lines) + "\n"


@contextmanager
def loaded(text: str, beside: Path, read: Read) -> Generator[tuple[LoadedConfig, Path]]:
    """The configuration that `text` makes in the folder of the file `beside`, and the draft that holds it."""
    draft = beside.with_name(f".{beside.name}.{os.getpid()}")
    mode = stat.S_IMODE(beside.stat().st_mode) if beside.exists() else 0o666
    with _new(draft, mode) as handle:
        handle.write(text)
    try:
        yield read(draft), draft
    finally:
        draft.unlink()


def write_config(text: str, file: Path, read: Read) -> None:
    """Make the configuration file: whole, and only where there is none. Raises BadInput, ConfigRefusals."""
    with loaded(text, file, read) as (_, draft):
        try:
            os.link(draft, file)
        except FileExistsError:
            raise taken(file) from None


def check_table(table: str, file: Path, read: Read) -> LoadedConfig:
    """The configuration with this table at its end. Raises ConfigRefusals where it would be refused."""
    with loaded(_longer(_text_of(file), table), file, read) as (config, _):
        return config


def add_table(table: str, file: Path, read: Read) -> LoadedConfig:
    """Put a table at the end of the configuration file, where the whole is accepted; what stands there stays so.

    Raises ConfigRefusals for what would be refused, BadInput where the file has changed, ByHand where it cannot be
    replaced.
    """
    old = _text_of(file)
    new = _longer(old, table)
    try:
        with loaded(new, file, read) as (config, _):
            _replace(file, old, new)
    except OSError as error:  # a file that is mounted by itself, for example, or a folder that is somebody else's
        fix = f"Add these lines to it by hand:\n{table}"
        raise ByHand(str(file), f"it cannot be replaced ({error.strerror})", fix) from error
    return msgspec.structs.replace(config, path=file)


def _replace(file: Path, old: str, new: str) -> None:
    """Whoever reads the file meanwhile finds the old text or the new one. Mode and owner stay; so does a link."""
    target = file.resolve()
    status, made = target.stat(), target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with _new(made, stat.S_IMODE(status.st_mode)) as handle:
            handle.write(new)
            handle.flush()
            os.fchmod(handle.fileno(), stat.S_IMODE(status.st_mode))
            if os.geteuid() == 0:
                os.fchown(handle.fileno(), status.st_uid, status.st_gid)
            os.fsync(handle.fileno())
        if _text_of(target) != old:
            raise BadInput(str(file), "somebody else has just changed it", "Look at it, and try again")
        os.replace(made, target)
    finally:
        made.unlink(missing_ok=True)


def _new(file: Path, mode: int) -> TextIO:
    """A file that is not there yet, which never has a wider mode than this: what it holds may be a secret."""
    return open(file, "x", encoding="utf-8", newline="", opener=lambda path, flags: os.open(path, flags, mode))


def _text_of(file: Path) -> str:
    return file.read_bytes().decode()  # its line ends stay as they are


def _longer(text: str, table: str) -> str:
    ended = text if text.endswith("\n") or not text else f"{text}\n"
    return f"{ended}\n{table}"


def taken(file: Path) -> BadInput:
    """There is a configuration already."""
    return BadInput(str(file), "it is there already, and is kept", "Edit it, or name another file with --config")


def key_file(name: str, data_dir: Path) -> Path:
    """Where the next key of a provider goes. An older file is kept."""
    first, number = data_dir / KEYS / name, 1
    while (file := first if number == 1 else first.with_name(f"{name}-{number}")).exists():
        number += 1
    return file


def keep_key(key: str, name: str, data_dir: Path) -> Path:
    """Write a key into a file of its own that only we may read; the path."""
    (data_dir / KEYS).mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        file = key_file(name, data_dir)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue  # somebody was faster
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(key + "\n")
        return file


def write_files(folder: Path, files: Mapping[str, str]) -> list[tuple[Path, bool]]:
    """Write what is not there yet; each file, and whether it was written (False: one was there, and is kept)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [(folder / name, _write_new(folder / name, text)) for name, text in files.items()]


def _write_new(file: Path, text: str) -> bool:
    try:
        with file.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        return False
    return True


def _reference(one: SecretRef) -> str:
    name, value = ("env", one.env) if one.env else ("file", one.file or "")
    return f"{{ {name} = {_text(value or '')} }}"


def _text(value: str) -> str:
    """A basic string of TOML; printable text is written as in JSON."""
    return msgspec.json.encode(value).decode()
