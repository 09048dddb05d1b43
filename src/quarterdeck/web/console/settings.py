"""Settings: what this gateway is, how it is set, whether all of it works, who is signed in, and access tokens."""

from typing import Literal

import msgspec

from quarterdeck.actions.doctor import Doctor
from quarterdeck.actions.settings import Settings
from quarterdeck.actions.signin import Signin, browser_of
from quarterdeck.actions.tokens import NewToken, Token, Tokens
from quarterdeck.base.config_shown import text
from quarterdeck.governance.principal import SCOPES, Scope
from quarterdeck.store.database import Store
from quarterdeck.store.overview import schema
from quarterdeck.web.console import lists
from quarterdeck.web.console.visit import Done, Page, Visit
from quarterdeck.web.pages import COOKIE

HERE = "/console/settings"
TOKENS = f"{HERE}/tokens"
DAY = 86_400.0
MEANING: dict[Scope, str] = {
    "chat": "talk to assistants",
    "read": "look at everything but the record and settings",
    "operate": "change what goes on",
    "approve": "decide what waits for approval",
    "audit": "look at the record and verify it",
    "admin": "all of these, and tokens and settings",
}


class Machine(msgspec.Struct, frozen=True):
    """Where the gateway runs: its data directory, its database, its address, since when (Unix seconds)."""

    data: str
    database: str
    url: str
    version: str
    started_at: float


class Behind(msgspec.Struct, frozen=True):
    """A page of the tokens."""

    before: str = ""


class Wish(msgspec.Struct, frozen=True):
    """A new token; or, where `rotate` names one, a new text for it."""

    name: str = ""
    expires: Literal["", "30", "90", "365"] = ""
    rotate: str = ""
    overlap: Literal["", "0", "1"] = "1"
    scope_chat: str = ""
    scope_read: str = ""
    scope_operate: str = ""
    scope_approve: str = ""
    scope_audit: str = ""
    scope_admin: str = ""

    @property
    def scopes(self) -> list[Scope]:
        """Those that are ticked."""
        return [one for one in SCOPES if getattr(self, f"scope_{one}")]


class SettingsPage:
    """The overview, the configuration, the doctor."""

    def __init__(self, machine: Machine, settings: Settings, doctor: Doctor, signin: Signin, store: Store) -> None:
        self._machine = machine
        self._settings = settings
        self._doctor = doctor
        self._signin = signin
        self._store = store

    async def show(self, visit: Visit) -> Page:
        """GET /console/settings."""
        data: dict[str, object] = {
            "machine": self._machine,
            "schema": await schema(self._store),
            "browsers": await self._signin.browsers(),
            "this": browser_of(visit.request.cookies.get(COOKIE, "")),
        }
        return Page("settings.html", "Settings", data, "/api/v1/browsers")

    async def configuration(self, visit: Visit) -> Page:
        """GET /console/settings/configuration."""
        data: dict[str, object] = {"found": await self._settings.effective(), "text": text}
        return Page("configuration.html", "Configuration", data, "/api/v1/configuration")

    async def doctor(self, visit: Visit) -> Page:
        """GET /console/settings/doctor."""
        found = [one async for one in self._doctor.checks(running=True)]
        return Page("doctor.html", "Doctor", {"found": found}, "/api/v1/doctor")

    async def end_browser(self, visit: Visit) -> Done:
        """POST /console/settings/browsers/{id}/signout."""
        await self._signin.end_browser(visit.path("id"), visit.actor)
        return Done("That browser is signed out.", HERE)


class TokensPage:
    """The list, and making, rotating and revoking tokens."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def show(self, visit: Visit) -> Page:
        """GET /console/settings/tokens."""
        return await self._page(visit.ask(Behind).before, None)

    async def make(self, visit: Visit) -> Page:
        """POST /console/settings/tokens: the page is the only one that ever shows the new text."""
        ask = visit.ask(Wish)
        expires = float(ask.expires) * DAY if ask.expires else None
        if ask.rotate:
            overlap = float(ask.overlap or 0) * DAY
            return await self._page("", await self._tokens.rotate(ask.rotate, overlap, expires, visit.actor))
        return await self._page("", await self._tokens.create(ask.name, ask.scopes, expires, visit.actor))

    async def revoke(self, visit: Visit) -> Done:
        """POST /console/settings/tokens/{id}/revoke."""
        await self._tokens.revoke(visit.path("id"), visit.actor)
        return Done("The token is revoked: whoever uses it is turned away from now on.", TOKENS)

    async def _page(self, before: str, new: NewToken | None) -> Page:
        found = await self._tokens.list(lists.PAGE, before)
        data: dict[str, object] = {
            "found": found,
            "new": new,
            "scopes": MEANING,
            "older": lists.older(TOKENS, found),
            "live": _lives,
        }
        return Page("tokens.html", "Access tokens", data, "/api/v1/tokens")


def _lives(token: Token) -> bool:
    return token.state in ("active", "rotating")
