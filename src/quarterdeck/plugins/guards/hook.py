"""What of a plugin's hook is called: flow judges what it replies; its end is bounded here."""

import asyncio

from quarterdeck.base.supervise import EventLog
from quarterdeck.model.hook import HookEvent, HookReply
from quarterdeck.plugins.guards.sound import FAULTS
from quarterdeck.ports import Hook

CLOSE_SECONDS = 5.0


class GuardedHook:
    """Implements ports.Hook around a plugin's."""

    def __init__(self, inner: Hook, name: str, log: EventLog) -> None:
        self._inner = inner
        self._name = name
        self._log = log

    async def before(self, event: HookEvent) -> HookReply:
        """See ports.Hook.before."""
        return await self._inner.before(event)

    async def after(self, event: HookEvent) -> None:
        """See ports.Hook.after."""
        await self._inner.after(event)

    async def close(self) -> None:
        """See ports.Hook.close; at most 5 s."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._inner.close()
        except FAULTS as error:
            self._log.error("plugin.failed", hook=self._name, where="close", exc_info=error)
