"""`quarterdeck connections add`: from a bot's token to an answer on the phone."""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from quarterdeck.actions.setup import draft
from quarterdeck.actions.setup.bot import Found, taken
from quarterdeck.actions.setup.trouble import Trouble
from quarterdeck.base.config import LoadedConfig
from quarterdeck.base.decode import decode_settings
from quarterdeck.base.errors import BadInput
from quarterdeck.base.program import called
from quarterdeck.base.secrets import SecretRef, read_private_file
from quarterdeck.channels.telegram.settings import TelegramSettings
from quarterdeck.cli.command import Command
from quarterdeck.cli.control import CommandFailed
from quarterdeck.cli.settings import load, read
from quarterdeck.cli.wizard.asking import Asker
from quarterdeck.cli.wizard.link import Invite, Teller
from quarterdeck.wiring.bots import look

PLACEHOLDER = SecretRef(env="TELEGRAM_BOT_TOKEN")
"""Stands in the table while it is checked, before anybody is asked for a token."""
Token = tuple[SecretRef | None, str]
"""Where the token stands (None: it gets a file), and the token."""


class Wanted(msgspec.Struct, frozen=True):
    """The connection that is to be; what is empty is as usual."""

    name: str
    assistant: str = ""
    api_root: str = ""

    def table(self, token: SecretRef) -> str:
        """It as TOML."""
        return draft.connection(self.name, token, {"assistant": self.assistant, "api_root": self.api_root})


USUAL, WAIT_SECONDS = Wanted("tg"), 600.0


def add(command: Command, given: argparse.Namespace) -> int:
    """Configure a bot whose token Telegram takes, and let in whoever opens its link."""
    config = load(given.config)
    if config.path is None:
        raise BadInput(
            "--config",
            "there is no configuration file yet",
            f"Run `{called()} init`: it finds a model, writes the file and offers to add the bot",
        )
    teller = Teller(as_json=given.json)
    asker = Asker({"token-file": given.token_file, "token-env": given.token_env}, interactive=sys.stdin.isatty())
    wanted = Wanted(given.name, given.assistant, given.api_root)
    return connect(asker, wanted, config, config.path, os.environ, teller, given.wait)


def connect(
    asker: Asker,
    wanted: Wanted,
    config: LoadedConfig,
    file: Path,
    environ: Mapping[str, str],
    teller: Teller,
    wait: float,
) -> int:
    """Ask for a token until Telegram takes it, add the connection to `file`, and wait until somebody has been answered.

    The exit status. Raises CommandFailed with the trouble when nobody can be asked again.
    """
    if wanted.name in config.config.connections:
        fix = f"Give this one another name: {called()} connections add telegram NAME"
        raise BadInput("name", f"there is a connection {wanted.name} already", fix)
    checked = draft.check_table(wanted.table(PLACEHOLDER), file, read).config.connections[wanted.name]
    decode_settings(checked.options, TelegramSettings, f"connections.{wanted.name}")
    found, token = _ask(asker, wanted.api_root, config, environ)
    teller.say(f"bot @{found.username} ({found.first_name})")
    with ExitStack() as undo:
        ref = token[0]
        if ref is None:
            Path(config.config.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
            kept = draft.keep_key(token[1], wanted.name, Path(config.config.data_dir))
            undo.callback(kept.unlink)
            ref = SecretRef(file=str(kept))
            teller.say(f"wrote  {kept}")
        try:
            config = draft.add_table(wanted.table(ref), file, read)
        except draft.ByHand:
            undo.pop_all()  # the lines refer to it
            raise
        undo.pop_all()
    teller.say(f"wrote  [connections.{wanted.name}] in {file}")
    return Invite(config, wanted.name, found, teller).run(wait)


def _ask(asker: Asker, root: str, config: LoadedConfig, environ: Mapping[str, str]) -> tuple[Found, Token]:
    while True:
        token = _token(asker, environ)
        found = asyncio.run(look(token[1], root, environ))
        if isinstance(found, Found):
            trouble = asyncio.run(taken(token[1], config.config, environ))
            if trouble is None:
                return found, token
            found = trouble
        _again(asker, found)


def _again(asker: Asker, trouble: Trouble) -> None:
    """Say what is wrong, and ask again. Raises CommandFailed where nobody is there."""
    if not asker.interactive:
        raise CommandFailed(str(trouble))
    print(f"\n  {trouble}.\n")
    asker.again("token-file")
    asker.again("token-env")


def _token(asker: Asker, environ: Mapping[str, str]) -> Token:
    if file := asker.option("token-file"):
        absolute = str(Path(file).absolute())
        return SecretRef(file=absolute), read_private_file(absolute, "--token-file").strip()
    if name := asker.option("token-env"):
        if not (token := environ.get(name, "").strip()):
            raise BadInput("--token-env", f"the variable {name} is not set or empty", "Set it, or name another one")
        return None, token
    if asker.interactive:
        return None, asker.hidden("Token, from @BotFather (it is not shown)")
    if not (token := sys.stdin.readline().strip()):
        fix = "Give the token on stdin, or by --token-file or --token-env"
        raise BadInput("--token-file", "nobody can be asked here, and nothing comes by stdin", fix)
    return None, token
