"""What does the environment say? Overrides named QUARTERDECK_..., and what is picked up when there is no
file.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, cast, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from quarterdeck.base.decode import bare, suggestion
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.settings import Config

PREFIX = "QUARTERDECK_"
NOT_SETTINGS = (
    "QUARTERDECK_CONFIG",
    "QUARTERDECK_TESTING",
    "QUARTERDECK_DEMO",
    "QUARTERDECK_CRASH_AT",
    "QUARTERDECK_CRASH_TRACE",
)

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-4o-mini"
ANTHROPIC_MODEL = "claude-haiku-4-5"
"""Only first guesses for a start without any file; whether an account may use them is unverified."""

GEMINI_MODEL = "gemini-flash-latest"
"""The vendor's own name for its newest small model."""

OLLAMA_MODEL = "llama3.2"
OLLAMA_PORT = 11434

_SERVICE_LINKS = ("QUARTERDECK_SERVICE_", "QUARTERDECK_PORT")

_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")

Table = dict[str, object]


def apply_environment(
    document: Table, environ: Mapping[str, str], cwd: Path, problems: list[ConfigRefused]
) -> dict[str, str]:
    """Write every QUARTERDECK_<SECTION>__<KEY> into `document`. Returns path -> variable, to say where it is
    from.

    A value is taken as text where the setting is text, else read as a TOML value. Names under [providers],
    [assistants], [connections] and [tools] are matched without regard to case, "-" being written "_".
    """
    origins: dict[str, str] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        keys = variable.removeprefix(PREFIX).lower().split("__")
        raw = environ[variable]
        if keys == ["data_dir"]:
            raw = str(cwd / raw)
        place = _place(document, keys)
        if isinstance(place, str):
            reason = "this variable names no setting"
            problems.append(ConfigRefused(variable, reason, _env_fix(variable, place)))
            continue
        table, key, kind = place
        try:
            table[key] = _value(raw, kind)
        except tomllib.TOMLDecodeError:
            reason = "its value is not a TOML value"
            fix = 'Write as in the file: 5, true, ["a"], { env = "X" }'
            problems.append(ConfigRefused(variable, reason, fix))
        origins[".".join(keys)] = variable
    return origins


def _place(document: Table, keys: list[str]) -> tuple[Table, str, object] | str:
    """(table, key, type) that `keys` lead to, or a hint why they lead nowhere."""
    table, kind = document, cast("object", Config)
    for depth, key in enumerate(keys):
        kind, name, hint = _step(table, kind, key)
        if kind is None:
            return hint
        if depth == len(keys) - 1:
            return table, name, kind
        inner = table.setdefault(name, {})
        if not isinstance(inner, dict):
            return f"{name} is not a table"
        table = cast("Table", inner)
    return ""


def _step(table: Table, kind: object, key: str) -> tuple[object, str, str]:
    """(type, name, hint) of `key` in a table of this kind; type None when there is no such key."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = {field.name: bare(field.type) for field in msgspec.structs.fields(kind)}
        if key in fields and key != "options":
            return fields[key], key, ""
        if "options" in fields:
            return object, key, ""
        return None, key, suggestion(key, fields)
    if get_origin(kind) is dict:
        name = next((name for name in table if name.lower().replace("-", "_") == key), key)
        return bare(get_args(kind)[1]), name, ""
    if kind is object:
        return object, key, ""
    return None, key, "It is not a table"


def _value(raw: str, kind: object) -> object:
    """`raw` as the type wants it. Where the type is not known here, TOML if it is TOML, else text."""
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    if kind is str or choices:
        return raw
    try:
        return tomllib.loads(f"value = {raw}")["value"] if "\n" not in raw else raw
    except tomllib.TOMLDecodeError:
        if kind is object:
            return raw
        raise


def _env_fix(variable: str, hint: str) -> str:
    if variable.startswith(_SERVICE_LINKS):
        return "Kubernetes sets it for a service named quarterdeck: set enableServiceLinks: false in the pod"
    hint = hint if hint.endswith("?") else f"{hint}."
    return f"{hint} Write QUARTERDECK_<SECTION>__<KEY>, or unset it".lstrip(". ")


def pick_up(environ: Mapping[str, str], ollama: Sequence[str] | None = None) -> tuple[Table, list[str]]:
    """(document, notes) for a start without a file, from the variables that other programs use too.

    `ollama` are the models that the Ollama of OLLAMA_HOST has, None where nobody knows.
    """
    providers: Table = {}
    notes: list[str] = []
    model = ""
    if environ.get("OPENAI_API_KEY") or environ.get("OPENAI_BASE_URL"):
        providers["openai"] = _openai(environ)
        model = f"openai/{OPENAI_MODEL}"
        notes.append(f"provider openai picked up from {_named(environ, 'OPENAI_API_KEY', 'OPENAI_BASE_URL')}")
    if environ.get("ANTHROPIC_API_KEY"):
        providers["anthropic"] = {"kind": "anthropic", "api_keys": [{"env": "ANTHROPIC_API_KEY"}]}
        model = model or f"anthropic/{ANTHROPIC_MODEL}"
        notes.append("provider anthropic picked up from ANTHROPIC_API_KEY")
    if environ.get("GEMINI_API_KEY"):
        providers["gemini"] = {"kind": "gemini", "api_keys": [{"env": "GEMINI_API_KEY"}]}
        model = model or f"gemini/{GEMINI_MODEL}"
        notes.append("provider gemini picked up from GEMINI_API_KEY")
    if environ.get("OLLAMA_HOST"):
        providers["ollama"] = {"kind": "openai-compatible", "base_url": ollama_url(environ["OLLAMA_HOST"])}
        notes.append("provider ollama picked up from OLLAMA_HOST")
        if not model:
            model = f"ollama/{_of_ollama(ollama)}"
            notes += _about_ollama(ollama)
    document: Table = {"providers": providers}
    if model:
        document["assistants"] = {"default": {"model": model}}
        notes.append(f"model {model}; change it with QUARTERDECK_ASSISTANTS__DEFAULT__MODEL")
    if environ.get("TELEGRAM_BOT_TOKEN"):
        document["connections"] = {"tg": {"channel": "telegram", "token": {"env": "TELEGRAM_BOT_TOKEN"}}}
        notes.append("connection tg (telegram) picked up from TELEGRAM_BOT_TOKEN")
    return document, notes


def asks_ollama(environ: Mapping[str, str]) -> bool:
    """Whether a start without a file answers with a model of Ollama, which somebody has to look up."""
    others = (*_KEYS, "OPENAI_BASE_URL", f"{PREFIX}ASSISTANTS__DEFAULT__MODEL")
    return bool(environ.get("OLLAMA_HOST")) and not any(environ.get(name) for name in others)


def passed_over(environ: Mapping[str, str], document: Table, file: str) -> list[str]:
    """A note on the variables that a start without a file would have picked up, where nothing that is configured names
    them.
    """
    named = set(_texts(document))
    left = [name for name in (*_KEYS, "TELEGRAM_BOT_TOKEN") if environ.get(name) and name not in named]
    if (address := environ.get("OPENAI_BASE_URL")) and address not in named:
        left.append("OPENAI_BASE_URL")
    if (host := environ.get("OLLAMA_HOST")) and ollama_url(host) not in named:
        left.append("OLLAMA_HOST")
    if not left:
        return []
    are, them = ("is", "it") if len(left) == 1 else ("are", "them")
    return [f"{' and '.join(left)} {are} set, but {file} is in force and does not name {them}"]


def _texts(value: object) -> Iterator[str]:
    """All texts in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in cast("Table", value).values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _texts(inner)


def _of_ollama(has: Sequence[str] | None) -> str:
    """The usual model where it is installed or nobody knows, else the first that is."""
    usual = [name for name in has or () if name.partition(":")[0] == OLLAMA_MODEL]
    return next(iter(usual or has or ()), OLLAMA_MODEL)


def _about_ollama(has: Sequence[str] | None) -> list[str]:
    if has is None:
        return [f"Ollama did not say which models it has; {OLLAMA_MODEL} is a guess"]
    if not has:
        return [f"Ollama has no model yet; `ollama pull {OLLAMA_MODEL}` fetches one"]
    return []


def _openai(environ: Mapping[str, str]) -> Table:
    keys: list[object] = [{"env": "OPENAI_API_KEY"}] if environ.get("OPENAI_API_KEY") else []
    elsewhere = environ.get("OPENAI_BASE_URL")
    kind = "openai-compatible" if elsewhere else "openai"
    return {"kind": kind, "base_url": elsewhere or OPENAI_URL, "api_keys": keys}


def ollama_url(host: str) -> str:
    """OLLAMA_HOST is a host, host:port or address; the server's wildcard means this machine for a client."""
    parts = urlsplit(host if "://" in host else f"http://{host}")
    name = parts.hostname or ""
    if not name.strip("0.:"):  # empty, 0.0.0.0 or ::
        name = "127.0.0.1"
    shown = f"[{name}]" if ":" in name else name
    port = parts.port or (OLLAMA_PORT if "://" not in host else None)
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}/v1"


def _named(environ: Mapping[str, str], *names: str) -> str:
    return " and ".join(name for name in names if environ.get(name))
