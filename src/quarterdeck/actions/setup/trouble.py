"""What is wrong with a source of models or a bot's token, and what is to be done about it? Pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from quarterdeck.base.errors import BadInput

FAR_SECONDS = 60.0
PROXY_STATUS = 407
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
DIRECT = "Quarterdeck connects directly and uses no proxy"


class Look(msgspec.Struct, frozen=True):
    """What a plain request to the address showed: the status (0: no answer), how far our clock is ahead of the
    service's in seconds (None: it named no date), and the variable that names a proxy here.
    """

    status: int = 0
    ahead: float | None = None
    proxy: str = ""


TITLES: Mapping[str, str] = {
    "wrong_key": "The key is refused",
    "no_credit": "The account has no credit",
    "no_access": "The account may not use this",
    "proxy": "A proxy stands between",
    "wrong_address": "The address is not that of its API",
    "no_network": "The service is not reached",
    "clock": "The clock is wrong",
    "failed": "The service did not answer as it should",
    "wrong_shape": "That is no token",
    "wrong_token": "The token is refused",
    "taken": "The bot is connected already",
}


class Trouble(msgspec.Struct, frozen=True):
    """`name` is one word of: wrong_key, no_credit, no_access, proxy, wrong_address, no_network, clock, failed;

    of a token also: wrong_shape, wrong_token, taken.
    """

    name: str
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}. {self.fix}"


class Troubled(BadInput):
    """A source of models or a bot that does not answer, where a person can try again."""

    def __init__(self, field: str, trouble: Trouble) -> None:
        super().__init__(field, f"{TITLES[trouble.name]}: {trouble.reason}", f"{trouble.fix}.")
        self.trouble = trouble


def proxy_variable(environ: Mapping[str, str]) -> str:
    """The variable that names a proxy, empty for none."""
    return next((name for name in PROXIES if environ.get(name)), "")


def diagnose(state: str, reason: str, look: Look, url: str) -> Trouble:
    """`state` and `reason` are a provider's failure as `models test` words it."""
    host = urlsplit(url).netloc or "the service"
    if look.status == PROXY_STATUS:
        fix = f"{DIRECT}: let this machine reach {host} without it, or name another address"
        return Trouble("proxy", f"a proxy before {host} wants credentials (status 407)", fix)
    if state == "unreachable" and look.proxy:
        told = f"{host} cannot be reached ({reason}), and {look.proxy} names a proxy"
        fix = f"{DIRECT}: let this machine reach {host}, or name another address"
        return Trouble("proxy", told, fix)
    if state == "unreachable":
        return Trouble("no_network", reason, f"Look at the network and the address; `curl -I {url}` should answer")
    if state == "wrong_address":
        fix = "Write the whole address; of many services it ends in /v1"
        return Trouble(state, f"{url} lists no models ({reason.rstrip('?.')})", fix)
    if state == "wrong_key":
        return Trouble(state, reason, "Copy the whole key once more from the service's page; keys are shown only once")
    if state == "no_credit":
        return Trouble(state, reason, "Top up the account on the service's page, or choose another service")
    if state == "no_access":
        return Trouble(state, reason, "Choose another model, or ask whoever owns the account for this one")
    return Trouble("failed", reason, "Try again in a minute, or choose another model or service")


def clock(look: Look) -> Trouble | None:
    """Our clock against the service's."""
    if look.ahead is None or abs(look.ahead) <= FAR_SECONDS:
        return None
    side = "ahead of" if look.ahead > 0 else "behind"
    reason = f"this machine's clock is {abs(look.ahead):.0f} s {side} the service's"
    return Trouble("clock", reason, "Set it (NTP): certificates, sign-in links and the record need the right time")
