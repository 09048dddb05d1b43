"""Connecting a Telegram bot: its token, a restart, and a link for a phone; the use case keeps how far it has come."""

import msgspec

from quarterdeck.actions.restart import Restart
from quarterdeck.actions.setup.bot import Bots
from quarterdeck.base.errors import NotFound
from quarterdeck.web.console.visit import Done, Page, Visit

START = "/setup/bot"
OPEN = ("", "ready", "sending")
"""States of the first thing that is said to somebody, while it is not known whether it arrived."""
BORDER = 4  # modules around the code (ISO/IEC 18004 wants four)


class Token(msgspec.Struct, frozen=True):
    """A token as it was pasted, and another Bot API server than Telegram's own."""

    token: str = ""
    address: str = ""

    def __repr__(self) -> str:
        return f"Token(address={self.address!r})"


class Code(msgspec.Struct, frozen=True):
    """What a phone's camera reads: a square of so many modules, and its dark ones as an SVG path."""

    side: int
    path: str


class BotsPage:
    """One page for the token, one for each connection."""

    def __init__(self, bots: Bots, restart: Restart) -> None:
        self._bots = bots
        self._restart = restart

    async def start(self, visit: Visit) -> Page:
        """GET /setup/bot: which bot?"""
        return self._page("bot", {"possible": await self._bots.possible(), "file": self._bots.file})

    async def add(self, visit: Visit) -> Done:
        """POST /setup/bot."""
        given = visit.ask(Token)
        return _go(await self._bots.add(given.token, given.address, visit.actor))

    async def one(self, visit: Visit) -> Page | Done:
        """GET /setup/bot/{connection}: is it in use, and has somebody come?"""
        try:
            added = await self._bots.get(visit.path("connection"))
        except NotFound:
            return Done("", START, leave=True)  # it was to be added by hand, and was not
        came = added.came
        data: dict[str, object] = {
            "one": added,
            "file": self._bots.file,
            "restarts": self._restart.wanted,
            "code": code(added.shown.link) if added.shown else None,
            "waiting": bool(came and (came.state == "offered" or came.sent in OPEN)),
            "seconds": came.sent_at - (came.decided_at or 0.0) if came and came.sent == "sent" else None,
        }
        return self._page("connected" if added.used else "added", data)

    async def used(self, visit: Visit) -> Page | Done:
        """GET /setup/bot/{connection}/used: leads on when a restart has put it in use; asked again until then."""
        name = visit.path("connection")
        return _go(name) if (await self._bots.get(name)).used else await self.one(visit)

    async def restart(self, visit: Visit) -> Done:
        """POST /setup/bot/{connection}/restart."""
        await self._restart.ask(visit.actor)
        here = f"{START}/{visit.path('connection')}"
        return Done("It restarts. This page goes on by itself as soon as the gateway is back.", here)

    async def invite(self, visit: Visit) -> Done:
        """POST /setup/bot/{connection}/invitation."""
        name = visit.path("connection")
        await self._bots.invite(name, visit.actor)
        return _go(name)

    def _page(self, name: str, data: dict[str, object]) -> Page:
        return Page(f"setup/{name}.html", "Connect a Telegram bot", data)


def code(link: str) -> Code:
    """A link as a QR code."""
    import segno  # few pages show one

    rows = segno.make(link, micro=False).matrix
    dark = [(x + BORDER, y + BORDER) for y, row in enumerate(rows) for x, bit in enumerate(row) if bit]
    return Code(len(rows) + 2 * BORDER, "".join(f"M{x} {y}h1v1h-1z" for x, y in dark))


def _go(name: str) -> Done:
    return Done("", f"{START}/{name}", leave=True)
