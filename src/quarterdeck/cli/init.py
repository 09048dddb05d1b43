"""`quarterdeck init`: a commented configuration, and the files that say how the assistant is to be."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from quarterdeck.base.config import DEFAULT_FILE
from quarterdeck.base.decode import bare, description, is_struct, type_text
from quarterdeck.base.errors import BadInput
from quarterdeck.base.settings import Config
from quarterdeck.cli.command import Command
from quarterdeck.cli.settings import load

EXAMPLES = """\
# A source of models. Keys are references and never stand here:
# { env = "NAME" }, { file = "/path" } or { command = ["program", "argument"] }.
#
# [providers.main]
# kind = "openai-compatible"
# base_url = "https://api.openai.com/v1"
# api_keys = [{ env = "OPENAI_API_KEY" }]
#
# [assistants.default]
# model = "main/gpt-4o-mini"
#
# A messenger. Strangers get a code; `quarterdeck pairing approve CODE` lets them in.
#
# [connections.tg]
# channel = "telegram"
# token = { env = "TELEGRAM_BOT_TOKEN" }
"""

WORKSPACE = {
    "AGENTS.md": "# How to work\n\nAnswer in the language of the question. Say so when you do not know something.\n",
    "SOUL.md": "# Who you are\n\nA helpful assistant: friendly, brief and honest.\n",
    "USER.md": "# Whom you work for\n\nNothing is known yet.\n",
    "MEMORY.md": "# What to remember\n\nNothing yet.\n",
}


def init(command: Command, given: argparse.Namespace) -> int:
    """Write what is not there yet; nothing is overwritten."""
    file = Path(given.config or DEFAULT_FILE).absolute()
    if not given.yes and not _agreed(file):
        return 1
    _write(file, configuration())
    config = load(str(file)).config
    Path(config.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    for assistant in config.assistants.values():
        folder = Path(assistant.workspace)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for document, text in WORKSPACE.items():
            _write(folder / document, text)
    print("Next: quarterdeck up, then quarterdeck signin or quarterdeck chat.")
    return 0


def configuration() -> str:
    """The text of a new file: every setting with its meaning and its default, as a comment."""
    lines = ["# Quarterdeck's configuration. Every line that is commented out shows the default.", ""]
    for field in msgspec.structs.fields(Config):
        kind = bare(field.type)
        if not is_struct(kind):
            if isinstance(field.default, str):
                lines += [*_setting(field), ""]
            continue
        assert isinstance(kind, type)
        assert issubclass(kind, msgspec.Struct)
        lines += [f"# {description(field.type)}", f"[{field.name}]"]
        for inner in msgspec.structs.fields(kind):
            lines += _setting(inner)
        lines.append("")
    return "\n".join(lines) + "\n" + EXAMPLES


def _setting(field: msgspec.structs.FieldInfo) -> Iterator[str]:
    yield f"# {description(field.type)} ({type_text(field.type)})"
    value = "..." if field.default is None else msgspec.json.encode(field.default).decode()
    yield f"# {field.name} = {value}"


def _agreed(file: Path) -> bool:
    if not sys.stdin.isatty():
        raise BadInput("--yes", "nobody can be asked here", "Say --yes to write the files")
    return input(f"Write {file} and the instruction files where there are none? [Y/n] ").strip().lower() in ("", "y")


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        print(f"kept   {file}")
    else:
        print(f"wrote  {file}")
