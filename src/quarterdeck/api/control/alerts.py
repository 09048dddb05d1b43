"""What is wrong, and taking it on."""

import msgspec

from quarterdeck.actions.alerts import Alerts
from quarterdeck.api.alerts import show
from quarterdeck.api.control.changes import Because
from quarterdeck.api.control.lists import Page
from quarterdeck.api.control.parts import Caller, Parts, Rows


async def list_alerts(parts: Parts, caller: Caller, ask: Page) -> Rows:
    """Alerts, newest first."""
    for one in await _alerts(parts).listed(ask.state, ask.limit, ask.cursor):
        yield msgspec.to_builtins(show(one))


async def acknowledge_alert(parts: Parts, caller: Caller, ask: Because) -> Rows:
    """Take one on."""
    yield msgspec.to_builtins(show(await _alerts(parts).acknowledge(ask.id, caller.actor, ask.reason)))


def _alerts(parts: Parts) -> Alerts:
    return Alerts(parts.store, parts.auditor, parts.clock)
