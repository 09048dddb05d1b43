"""`quarterdeck init`: a model that answers, a commented configuration, and what tells the assistant how to be."""

import argparse
import os
import sys
from pathlib import Path

from quarterdeck.actions.setup import draft
from quarterdeck.actions.setup.starters import STARTERS, Starter, files
from quarterdeck.actions.setup.text import configuration, picked_up
from quarterdeck.base.config import DEFAULT_FILE
from quarterdeck.base.errors import BadInput
from quarterdeck.base.program import called
from quarterdeck.cli.command import Command
from quarterdeck.cli.connecting import USUAL, WAIT_SECONDS, connect
from quarterdeck.cli.settings import load, read
from quarterdeck.cli.wizard.asking import Asker, one_of, typed
from quarterdeck.cli.wizard.link import Teller
from quarterdeck.cli.wizard.source import Course

ASKED = ("provider", "base-url", "key-file", "model", "template", "purpose", "owner", "contact")


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
        chosen += picked_up(os.environ) if chosen else ""
        draft.write_config(configuration(chosen), file, read)
        print(f"wrote  {file}")
    loaded = load(str(file))
    config = loaded.config
    Path(config.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    for assistant in config.assistants.values():
        for path, wrote in draft.write_files(Path(assistant.workspace), files(starter, owner, purpose)):
            print(f"{'wrote' if wrote else 'kept '}  {path}")
    print(f"Next: {called()} up, then {called()} signin or {called()} chat.")
    if interactive and not config.connections and typed("Or a Telegram bot first? [y/N]").lower().startswith("y"):
        return connect(asker, USUAL, loaded, file, os.environ, Teller(), WAIT_SECONDS)
    print(f"A messenger: {called()} connections add telegram.")
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
