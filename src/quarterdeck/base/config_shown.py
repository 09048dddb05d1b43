"""What is in force, setting by setting, and where does each come from? Secrets are shown as references only."""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import msgspec

from quarterdeck.base.config import LoadedConfig, leaves
from quarterdeck.base.database_address import hidden
from quarterdeck.base.secrets import SecretRef, find_references

TOP = "Top level"


class Setting(msgspec.Struct, frozen=True):
    """One setting: its path, its value as text (empty: nothing is set), whether a change needs a restart.

    `origin` is "file", "default", "environment" (picked up where there is no file), or the name of a variable.
    `secrets` are the references in it, each with its place.
    """

    path: str
    value: str
    origin: str
    restart: bool
    secrets: tuple[tuple[str, SecretRef], ...] = ()

    @property
    def name(self) -> str:
        """The path without its section."""
        return self.path.rpartition(".")[2]

    @property
    def secret(self) -> bool:
        """Whether its value is references and nothing else."""
        return bool(self.secrets) and self.value == "; ".join(text(ref) for _, ref in self.secrets)


class Section(msgspec.Struct, frozen=True):
    """Settings that stand in one table of the file, such as `limits` or `connections.tg`."""

    name: str
    settings: tuple[Setting, ...]


def sections(loaded: LoadedConfig) -> list[Section]:
    """Everything that is in force, in the order of the reference."""
    found: dict[str, list[Setting]] = {}
    for path, (value, rule) in leaves(loaded.config, "", "live"):
        for place, item in _own(path, value):
            section = place.rpartition(".")[0] or TOP
            found.setdefault(section, []).append(
                Setting(place, text(item), loaded.origin(place), rule == "restart", tuple(_secrets(place, item)))
            )
    return [Section(name, tuple(settings)) for name, settings in found.items()]


def text(value: object) -> str:
    """A value as people read it; a password inside of an address is not shown."""
    match value:
        case None | "":
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return hidden(value)
        case SecretRef(env=str(name)):
            return f"env {name}"
        case SecretRef(file=str(path)):
            return f"file {path}"
        case SecretRef(command=tuple(words)):
            return f"command {words[0]}"
        case msgspec.Struct():
            return _pairs(msgspec.structs.asdict(value))
        case dict():
            return _table(cast("dict[str, object]", value))
        case list() | tuple():
            return "; ".join(map(text, cast("Iterable[object]", value)))
        case _:
            return str(value)


def _own(path: str, value: object) -> Iterator[tuple[str, object]]:
    """A kind's own settings stand in the table of their owner."""
    if path.endswith(".options") and isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield f"{path.removesuffix('options')}{key}", item
    else:
        yield path, value


def _table(table: dict[str, object]) -> str:
    for _, ref in find_references(table):
        if len(table) == 1 and next(iter(table)) in SecretRef.__struct_fields__:
            return text(ref)
    return _pairs(table)


def _pairs(table: Mapping[str, object]) -> str:
    return ", ".join(f"{key} = {shown}" for key, item in table.items() if (shown := text(item)))


def _secrets(path: str, value: object) -> Iterator[tuple[str, SecretRef]]:
    match value:
        case SecretRef():
            yield path, value
        case msgspec.Struct():
            for name, item in msgspec.structs.asdict(value).items():
                yield from _secrets(f"{path}.{name}", item)
        case list() | tuple():
            for n, item in enumerate(cast("Iterable[object]", value)):
                yield from _secrets(f"{path}[{n}]", item)
        case dict():
            yield from find_references(cast("dict[str, object]", value), path)
        case _:
            return
