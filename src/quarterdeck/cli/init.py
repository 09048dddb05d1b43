"""`quarterdeck init`: a model that answers, a commented configuration, and what tells the assistant how to be."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from quarterdeck.base.config import DEFAULT_FILE
from quarterdeck.base.decode import bare, description, is_struct, type_text
from quarterdeck.base.errors import BadInput
from quarterdeck.base.settings import Config
from quarterdeck.cli.command import Command
from quarterdeck.cli.commands import COMMANDS
from quarterdeck.cli.settings import load
from quarterdeck.cli.wizard import draft
from quarterdeck.cli.wizard.asking import Asker, one_of
from quarterdeck.cli.wizard.source import Course
from quarterdeck.cli.wizard.starters import STARTERS, Starter, files

ASKED = ("provider", "base-url", "key-file", "model", "template", "purpose", "owner", "contact")

EXAMPLE = """\
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
"""

MESSENGER = """
# A messenger. Strangers get a code; `quarterdeck pairing approve CODE` lets them in.
#
# [connections.tg]
# channel = "telegram"
# token = { env = "TELEGRAM_BOT_TOKEN" }
"""


def init(command: Command, given: argparse.Namespace) -> int:
    """Write what is not there yet; nothing is overwritten. With --yes alone no question is asked and no model named."""
    file = Path(given.config or DEFAULT_FILE).absolute()
    interactive = sys.stdin.isatty() and not given.yes
    if not interactive and not given.yes:
        raise BadInput("--yes", "nobody can be asked here", "Say --yes to write the files")
    if file.exists() and given.provider:
        raise draft.taken(file)
    asker = Asker({name: getattr(given, name.replace("-", "_")) for name in ASKED}, interactive=interactive)
    if file.exists():
        print(f"kept   {file}")
        starter, owner, purpose = STARTERS["blank"], "", ""
    else:
        starter, purpose = _starter(asker)
        owner = asker.text("owner", "Who is responsible for it? People are told so at first contact")
        contact = asker.text("contact", "How can they be reached") if owner else ""
        source = Course(asker, os.environ, file, configuration).find() if interactive or given.provider else None
        chosen = draft.tables(source.name, source.provider, source.assistant(owner, contact)) if source else ""
        draft.write_config(configuration(chosen), file)
    config = load(str(file)).config
    Path(config.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    for assistant in config.assistants.values():
        draft.write_files(Path(assistant.workspace), files(starter, owner, purpose))
    print("Next: quarterdeck up, then quarterdeck signin or quarterdeck chat.")
    print(f"A messenger: {_messenger()}.")
    return 0


def _starter(asker: Asker) -> tuple[Starter, str]:
    names = tuple(STARTERS)
    if asker.interactive and not asker.option("template"):
        print("\nWhich assistant?\n")
        for number, name in enumerate(names, 1):
            print(f"  {number}  {name:<9} {STARTERS[name].title}")
        print()
    titles = {name: one.title for name, one in STARTERS.items()}
    starter = STARTERS[asker.text("template", "Number or name", "blank", one_of("template", titles, names))]
    return starter, asker.text("purpose", "What is it for", starter.purpose)


def _messenger() -> str:
    if any(command.name == "connections add" for command in COMMANDS):
        return "quarterdeck connections add telegram"
    return "the lines on [connections.tg] in the file, and docs/howto/telegram.md"


def configuration(chosen: str = "") -> str:
    """The text of a new file: every setting with its meaning and its default, as a comment, and `chosen` tables."""
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
    return "\n".join(lines) + "\n" + (chosen or EXAMPLE) + MESSENGER


def _setting(field: msgspec.structs.FieldInfo) -> Iterator[str]:
    yield f"# {description(field.type)} ({type_text(field.type)})"
    value = "..." if field.default is None else msgspec.json.encode(field.default).decode()
    yield f"# {field.name} = {value}"
