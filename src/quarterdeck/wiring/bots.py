"""Whose token is this? A bot's, as the Bot API says; asked by the terminal, and by the pages of a running gateway."""

import asyncio
import re
from collections.abc import Mapping

from quarterdeck.actions.setup.bot import Found
from quarterdeck.actions.setup.trouble import DIRECT, Trouble, proxy_variable
from quarterdeck.base.clock import SystemClock
from quarterdeck.base.errors import Retry
from quarterdeck.base.secrets import Secret
from quarterdeck.channels.telegram.calls import REFUSED_TOKEN, Calls
from quarterdeck.net.client import Client

ROOT = "https://api.telegram.org"
LOOK_SECONDS = 20.0
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]{8,}")
"""The bot's id, a colon and a secret of 35 letters today (api, "Authorizing your bot", has no rule but an example)."""


async def look(token: str, root: str, environ: Mapping[str, str]) -> Found | Trouble:
    """Ask the Bot API server `root` (empty: Telegram's own) with the client that the gateway has (getMe)."""
    root = root or ROOT
    if not _TOKEN.fullmatch(token):
        fix = "Copy the whole line that @BotFather gave, such as 110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
        return Trouble("wrong_shape", "this is no bot's token: a number, a colon and a secret", fix)
    try:
        async with Client() as client, asyncio.timeout(LOOK_SECONDS):
            me = await Calls(root, Secret(token), client, SystemClock()).me()
            return Found(me.username, me.first_name)
    except TimeoutError:
        reason = f"no answer within {LOOK_SECONDS:.0f} s"
    except Retry as failed:
        reason = str(failed)
    if reason == REFUSED_TOKEN:
        fix = "Copy it once more, or ask @BotFather for a new one (/token)"
        return Trouble("wrong_token", "Telegram refuses this token", fix)
    if proxy := proxy_variable(environ):
        fix = f"{DIRECT}: let this machine reach {root}, or name another Bot API server"
        return Trouble("proxy", f"{root} cannot be reached ({reason}), and {proxy} names a proxy", fix)
    return Trouble("no_network", reason, f"Look at the network; `curl -I {root}` should answer")
