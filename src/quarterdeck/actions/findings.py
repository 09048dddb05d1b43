"""What of a connection is missing or wrong? The channel looks at its platform; what it is held against is ours."""

import asyncio
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from quarterdeck.flow.directory import ConnectionRules, Directory
from quarterdeck.model.finding import Finding, Group
from quarterdeck.model.inbound import Room
from quarterdeck.store import people
from quarterdeck.store.database import Store

LOOK_SECONDS = 60.0
GROUPS = 20  # that are looked at


@runtime_checkable
class Explains(Protocol):
    """A channel that knows its platform's settings well enough to say what to do about them."""

    async def findings(self, groups: Sequence[Group]) -> list[Finding]:
        """What is as it should be and what is not, for a connection that is to answer in these groups."""
        ...


class Findings:
    """Looks at one connection. Nothing changes, here or there."""

    def __init__(self, store: Store, directory: Directory, seconds: float = LOOK_SECONDS) -> None:
        self._store = store
        self._directory = directory
        self._seconds = seconds

    async def of(self, name: str) -> list[Finding]:
        """What was found, nothing where the channel does not explain itself. Raises NotFound."""
        rules, channel = self._directory.connection(name), self._directory.channel(name)
        if not isinstance(channel, Explains):
            return []
        groups = await self._groups(rules)
        try:
            async with asyncio.timeout(self._seconds):
                return await channel.findings(groups)
        except TimeoutError:
            reason = f"no answer within {self._seconds:.0f} s"
            return [Finding("", "FAIL", reason, "Look at the network, and try again.")]

    async def _groups(self, rules: ConnectionRules) -> list[Group]:
        """Those that the configuration names, and those that were let in."""
        if rules.group_policy == "disabled":
            return []
        named = [name for name, one in rules.groups.items() if one.allow is not False]
        let_in = await people.groups_let_in(self._store, rules.name, GROUPS)
        wanted = dict.fromkeys([*named, *rules.allow, *let_in])
        return [Group(name, not rules.group(Room(name, "group")).require_mention) for name in wanted]
