"""How is the process configured? File, then environment, then defaults; refused as a whole when anything is
wrong.

`load_config` is the door. The settings are declared in `settings`, decoded by `decode`, read from the
environment by `config_env`, judged by `config_checks` and documented by `config_docs`.
"""

import hashlib
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import msgspec

from quarterdeck.base.config_checks import Installed, check_config, check_document, config_notes, mountinfo, no_plugins
from quarterdeck.base.config_env import apply_environment, passed_over, pick_up
from quarterdeck.base.database_address import hidden, holds_password
from quarterdeck.base.decode import ConfigRefusals, annotations, decode_settings, decode_struct, is_struct
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.program import called
from quarterdeck.base.secrets import mode_problem
from quarterdeck.base.settings import Config

__all__ = ["ConfigRefusals", "LoadedConfig", "decode_settings", "diff_reload", "load_config"]

DEFAULT_FILE = "quarterdeck.toml"
_PGPASS = "keep it in ~/.pgpass"

_REAL_MODEL = "For a real one set OPENAI_API_KEY (and OPENAI_BASE_URL) or OLLAMA_HOST, or write quarterdeck.toml."

_GUESSED_MODEL = {"scripted": "help", "local": "smollm2-135m"}
"""The model of the default assistant when only a provider of this kind is configured."""


class LoadedConfig(msgspec.Struct, frozen=True):
    """What is in force, and where it comes from.

    `path` is the file (None: there was none). `notes` are sentences for the start-up message. `digest`
    changes exactly when the effective configuration does; references count, the secrets behind them do not.
    `written` are the paths that the file (or what is picked up without one) holds; `variables` are those of the
    environment by the path that they set, in lower case with `_` for `-`. `ollama` are the models that the Ollama
    of OLLAMA_HOST had when it was asked (None: it was not, or did not say).
    """

    config: Config
    path: Path | None
    notes: tuple[str, ...]
    digest: str
    written: frozenset[str] = frozenset()
    variables: Mapping[str, str] = {}
    ollama: tuple[str, ...] | None = None

    def origin(self, path: str) -> str:
        """Where a setting comes from: the name of a variable, "file", "environment" (picked up), or "default"."""
        if (variable := self.variables.get(_plain(path))) is not None:
            return variable
        if path in self.written:
            return "file" if self.path else "environment"
        return "default"


def load_config(
    path: str | Path | None,
    environ: Mapping[str, str],
    *,
    cwd: Path,
    plugins: Installed = no_plugins,
    ollama: tuple[str, ...] | None = None,
) -> LoadedConfig:
    """Read, complete and check the configuration.

    `path` is what the command line names; else QUARTERDECK_CONFIG, else quarterdeck.toml in `cwd`, else none.
    `plugins` gives the names of installed plugins; it is asked only where a name is not built in. `ollama` are the
    models to choose from where only OLLAMA_HOST names a source (None: nobody knows them). Raises
    ConfigRefusals with every problem found; a file that cannot be read or is not TOML is the only problem then.
    """
    file = find_file(path, environ, cwd)
    document, notes = pick_up(environ, ollama) if file is None else (_read_file(file), [])
    written = frozenset(_paths(document, ""))
    problems: list[ConfigRefused] = []
    origins = apply_environment(document, environ, cwd, problems)
    problems += check_document(document)
    notes += passed_over(environ, document, file.name) if file else []
    notes += _complete(document, problems, _wants_demo(document, environ, cwd if file is None else file.parent))
    seen = {problem.field for problem in problems}
    found: list[ConfigRefused] = []
    config = decode_struct(document, Config, "", found)
    problems += [problem for problem in found if problem.field.partition("[")[0] not in seen]
    if config is not None:
        config = _absolute(config, cwd if file is None else file.parent)
        problems += check_config(config, plugins, mountinfo())
    if config is None or problems:
        raise ConfigRefusals([_with_origin(problem, origins) for problem in problems])
    return LoadedConfig(config, file, (*notes, *config_notes(config)), _digest(config), written, origins, ollama)


def diff_reload(old: Config, new: Config) -> tuple[list[str], list[str]]:
    """(paths that a running process can apply, paths that need a restart) among what differs."""
    applicable: list[str] = []
    needs_restart: list[str] = []
    before, after = dict(leaves(old, "", "live")), dict(leaves(new, "", "live"))
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            _, rule = after.get(path) or before[path]
            (needs_restart if rule == "restart" else applicable).append(path)
    return applicable, needs_restart


def leaves(table: msgspec.Struct, path: str, rule: str) -> Iterator[tuple[str, tuple[object, str]]]:
    """(path, (value, reload rule)) of every setting; a field's rule holds for all below it."""
    for field in msgspec.structs.fields(table):
        extras = [meta.extra for meta in annotations(field.type) if meta.extra]
        here = next((str(extra["reload"]) for extra in extras if "reload" in extra), rule)
        place = f"{path}.{field.name}" if path else field.name
        yield from _leaf(getattr(table, field.name), place, here)


def _leaf(value: object, path: str, rule: str) -> Iterator[tuple[str, tuple[object, str]]]:
    if isinstance(value, msgspec.Struct) and is_struct(type(value)):
        yield from leaves(value, path, rule)
    elif isinstance(value, dict) and not path.endswith(".options"):
        for key, item in cast("dict[str, object]", value).items():
            yield from _leaf(item, f"{path}.{key}", rule)
    else:
        yield path, (value, rule)


def find_file(path: str | Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The configuration file that is named, or found in `cwd`; None where there is none."""
    named = path or environ.get("QUARTERDECK_CONFIG")
    if named:
        return (cwd / named).absolute()
    default = cwd / DEFAULT_FILE
    return default.absolute() if default.exists() else None


def _read_file(file: Path) -> dict[str, object]:
    try:
        with file.open("rb") as handle:
            status = os.fstat(handle.fileno())
            document: dict[str, object] = tomllib.load(handle)
    except OSError as exc:
        raise _only(
            ConfigRefused(str(file), f"it cannot be read ({type(exc).__name__})", "Name another file")
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise _only(ConfigRefused(str(file), f"it is not TOML: {exc}", "Correct that place")) from None
    if status.st_mode & stat.S_IWOTH:
        # A reference may be a command, so whoever writes this file runs programs as our user.
        raise _only(ConfigRefused(str(file), "everybody may write to it", f"Run: chmod o-w {file}"))
    if holds_password(str(document.get("database"))) and (wrong := mode_problem(status, str(file), "database")):
        raise _only(ConfigRefused("database", f"it holds a password, and {wrong.reason}", f"{wrong.fix}, or {_PGPASS}"))
    return document


def _only(problem: ConfigRefused) -> ConfigRefusals:
    return ConfigRefusals([problem])


def _wants_demo(document: Mapping[str, object], environ: Mapping[str, str], folder: Path) -> bool:
    """Whether the demo model stands in where no provider is configured: asked for, or fetched before."""
    data_dir = document.get("data_dir", "data")
    fetched = isinstance(data_dir, str) and (folder / data_dir / "models").is_dir()
    return environ.get("QUARTERDECK_DEMO") == "1" or fetched


def _complete(document: dict[str, object], problems: list[ConfigRefused], demo: bool) -> list[str]:
    """Make sure that a provider and a default assistant exist; returns notes on what was added."""
    providers, assistants = document.setdefault("providers", {}), document.setdefault("assistants", {})
    if not isinstance(providers, dict) or not isinstance(assistants, dict):
        return []  # the decoder says so
    notes: list[str] = []
    if not providers and demo:
        providers["demo"] = {"kind": "local"}
        notes.append(f"no provider is configured: the small demo model answers. {_REAL_MODEL}")
    elif not providers:
        providers["scripted"] = {"kind": "scripted"}
        notes.append(
            "no provider is configured: a built-in script answers, not a model."
            f" `{called()} models pull smollm2` fetches a small demo model. {_REAL_MODEL}"
        )
    known = cast("dict[str, object]", assistants)
    if "default" not in known:
        default = _default_assistant(known, cast("dict[str, object]", providers))
        if default is None:
            reason = "there is no assistant, and the provider's models are not known"
            name = next(iter(cast("dict[str, object]", providers)))
            fix = f'Write [assistants.default] with model = "{name}/MODEL"'
            problems.append(ConfigRefused("assistants.default.model", reason, fix))
        else:
            known["default"] = default
    return notes


def _default_assistant(assistants: Mapping[str, object], providers: Mapping[str, object]) -> dict[str, object] | None:
    """Like the first assistant, or one that uses the first provider whose model can be guessed."""
    for assistant in assistants.values():
        if isinstance(assistant, dict):
            table = cast("dict[str, object]", assistant)
            return {key: value for key, value in table.items() if key != "workspace"}
    for name, provider in providers.items():
        kind = cast("dict[str, object]", provider).get("kind") if isinstance(provider, dict) else None
        if kind in _GUESSED_MODEL:
            return {"model": f"{name}/{_GUESSED_MODEL[str(kind)]}"}
    return None


def _absolute(config: Config, folder: Path) -> Config:
    """Relative paths mean the configuration file's folder."""
    data_dir = os.path.normpath(folder / config.data_dir)
    assistants = {
        name: msgspec.structs.replace(
            assistant,
            workspace=os.path.normpath(folder / assistant.workspace)
            if assistant.workspace
            else os.path.join(data_dir, "workspaces", name),
        )
        for name, assistant in config.assistants.items()
    }
    return msgspec.structs.replace(config, data_dir=data_dir, assistants=assistants)


def _with_origin(problem: ConfigRefused, origins: Mapping[str, str]) -> ConfigRefused:
    variable = origins.get(_plain(problem.field))
    if variable is None:
        return problem
    return ConfigRefused(problem.field, f"{problem.reason} (from {variable})", problem.fix)


def _paths(document: Mapping[str, object], path: str) -> Iterator[str]:
    """The paths of all that is written."""
    for key, value in document.items():
        here = f"{path}.{key}" if path else key
        yield here
        if isinstance(value, dict):
            yield from _paths(cast("dict[str, object]", value), here)


def _plain(path: str) -> str:
    return path.lower().replace("-", "_")


def _digest(config: Config) -> str:
    plain = msgspec.structs.replace(config, database=hidden(config.database))
    return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()
