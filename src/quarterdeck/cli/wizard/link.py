"""How does the first person come in? By a link that is opened on a phone; then there is a wait for their answer."""

import json
import sys
import time
from contextlib import ExitStack

import msgspec

from quarterdeck.actions.setup.bot import Found
from quarterdeck.api.control.wire import Row
from quarterdeck.base.config import LoadedConfig
from quarterdeck.base.program import called
from quarterdeck.cli.control import CommandFailed, Line, Open, gateway
from quarterdeck.cli.render import safe, text

LOOK_SECONDS = 0.5
OPEN = ("", "ready", "sending")
"""States of the first thing that is said to somebody, while it is not known whether it arrived."""


class Teller(msgspec.Struct, frozen=True):
    """Says what happens, to people or to a program."""

    as_json: bool = False

    def say(self, text: str) -> None:
        """For people."""
        print(text, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def row(self, row: Row) -> None:
        """For programs."""
        if self.as_json:
            print(json.dumps(row), flush=True)


class Invite:
    """Invites somebody to a connection that has just been added. `config` is the one that has it."""

    def __init__(self, config: LoadedConfig, name: str, bot: Found, teller: Teller) -> None:
        self._config = config
        self._name = name
        self._bot = bot
        self._tell = teller

    def run(self, wait: float) -> int:
        """Show the link and wait so many seconds for the first answer; where no gateway runs, this process gives it."""
        serving = wait > 0
        with ExitStack() as stack:
            opened = stack.enter_context(gateway(self._config, serving=serving, wired=serving, only=self._name))
            running = bool(_one(opened, "status")["url"])
            made = _one(opened, "pairing invite", connection=self._name)
            link = f"https://t.me/{self._bot.username}?start={made['code']}"
            self._show(made, link, running)
            if not serving:
                return 0
            return self._wait(opened, str(made["id"]), wait, running)

    def _show(self, made: Row, link: str, running: bool) -> None:
        tell = self._tell
        tell.row(
            {
                "id": self._name,
                "state": "added",
                "created_at": None,
                "bot": self._bot.username,
                "link": link,
                "expires_at": made["expires_at"],
                "restart": running,
            }
        )
        if running:
            tell.say("\nA gateway runs. Restart it: it takes new connections only when it starts.")
        tell.say(f"\nOpen this on your phone, or scan it, and press Start:\n\n    {link}\n")
        if not tell.as_json and sys.stdout.isatty():
            qr(link)
        tell.say(f"It lets in whoever opens it first, once, until {text(made['expires_at'])}.")

    def _wait(self, opened: Open, invitation: str, seconds: float, running: bool) -> int:
        self._tell.say("Waiting for that ... (Ctrl-C leaves)")
        came = _outcome(opened, invitation, seconds)
        if came is None or came["state"] == "expired":
            name = self._name
            raise CommandFailed(
                f"nobody came within {seconds:.0f} s; the connection stays. `{called()} doctor {name}` says what may "
                f"be in the way, `{called()} pairing invite {name}` makes another code, to be sent as /start CODE"
            )
        who = f"{safe(str(came['name']))} is let in"
        self._tell.row({"id": self._name, "state": came["greeting"], "created_at": came["decided_at"], **_facts(came)})
        if came["greeting"] != "sent":
            raise CommandFailed(f"{who}, but the answer did not arrive: {came['error'] or came['greeting']}")
        self._tell.say(f"{who}. Answered in {came['seconds']:.1f} s.")
        if not running:
            self._tell.say(f"Next: {called()} up.")
        return 0


def qr(link: str) -> None:
    """The link as a code for a phone's camera, in half blocks, where the terminal can show them."""
    if "utf" not in (sys.stdout.encoding or "").lower():
        return
    import segno

    segno.make(link, micro=False).terminal(compact=True, border=2)


def _facts(came: Row) -> Row:
    return {name: came[name] for name in ("identity", "name", "seconds", "error")}


def _outcome(opened: Open, invitation: str, seconds: float) -> Row | None:
    """What came of an invitation as soon as somebody was told something; None when the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            row = _one(opened, "pairing show", id=invitation)
        except (FileNotFoundError, ConnectionRefusedError, CommandFailed):
            row = None  # the gateway is being restarted
        if row is not None and (row["state"] == "expired" or row["greeting"] not in OPEN):
            return row
        time.sleep(LOOK_SECONDS)
    return None


def _one(opened: Open, command: str, **arguments: object) -> Row:
    with opened() as peer:
        return next(Line(peer, command, arguments).rows())
