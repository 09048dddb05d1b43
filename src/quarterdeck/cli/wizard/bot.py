"""Whose token is this? A bot's, as Telegram says; and is it one that another connection has already?"""

import asyncio
import re
from collections.abc import Mapping

import msgspec

from quarterdeck.actions.setup.trouble import DIRECT, Trouble, proxy_variable
from quarterdeck.base.clock import SystemClock
from quarterdeck.base.errors import ConfigRefused, Retry
from quarterdeck.base.secrets import Secret, SecretReader, SecretRef
from quarterdeck.base.settings import Config
from quarterdeck.channels.telegram.calls import REFUSED_TOKEN, Calls
from quarterdeck.channels.telegram.wire import Bot
from quarterdeck.net.client import Client

LOOK_SECONDS = 20.0
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]{8,}")
"""The bot's id, a colon and a secret of 35 letters today (api, "Authorizing your bot", has no rule but an example)."""


def look(token: str, root: str, environ: Mapping[str, str]) -> Bot | Trouble:
    """Ask Telegram (getMe) with the client that the gateway has; nothing changes there."""
    if not _TOKEN.fullmatch(token):
        fix = "Copy the whole line that @BotFather gave, such as 110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
        return Trouble("wrong_shape", "this is no bot's token: a number, a colon and a secret", fix)
    try:
        return asyncio.run(_me(token, root))
    except TimeoutError:
        reason = f"no answer within {LOOK_SECONDS:.0f} s"
    except Retry as failed:
        reason = str(failed)
    if reason == REFUSED_TOKEN:
        fix = "Copy it once more, or ask @BotFather for a new one (/token)"
        return Trouble("wrong_token", "Telegram refuses this token", fix)
    if proxy := proxy_variable(environ):
        fix = f"{DIRECT}: let this machine reach {root}, or name another Bot API server with --api-root"
        return Trouble("proxy", f"{root} cannot be reached ({reason}), and {proxy} names a proxy", fix)
    return Trouble("no_network", reason, f"Look at the network; `curl -I {root}` should answer")


async def _me(token: str, root: str) -> Bot:
    async with Client() as client, asyncio.timeout(LOOK_SECONDS):
        return await Calls(root, Secret(token), client, SystemClock()).me()


def taken(token: str, config: Config, environ: Mapping[str, str]) -> Trouble | None:
    """Whether a connection has this bot already; one whose token cannot be read here is passed over."""
    other = asyncio.run(_other(token.partition(":")[0], config, environ))
    if not other:
        return None
    fix = "One process receives for a bot: ask @BotFather for another bot, or use that connection"
    return Trouble("taken", f"the connection {other} has this bot already", fix)


async def _other(bot: str, config: Config, environ: Mapping[str, str]) -> str:
    secrets = SecretReader(environ, SystemClock())
    for name, one in config.connections.items():
        if one.channel != "telegram":
            continue
        try:
            ref = msgspec.convert(one.options.get("token"), SecretRef)
            token = await secrets.read(ref, f"connections.{name}.token")
        except (msgspec.ValidationError, ConfigRefused):
            continue  # whoever starts the gateway is told
        if token.reveal().partition(":")[0] == bot:
            return name
    return ""
