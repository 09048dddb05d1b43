"""What is kept in mind of a long conversation: pins that people set, summaries that may be dropped again."""

from collections.abc import Callable, Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import NotFound
from quarterdeck.flow.commands import Command, CommandCall, CommandEffect, Commands
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import pins, sessions, summaries
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement, operation
from quarterdeck.store.pins import LONGEST, MOST, Pin
from quarterdeck.store.summaries import Summary
from quarterdeck.words.sentences import phrase


class Mind:
    """Its use cases, from chat commands and from whoever operates the gateway."""

    def __init__(self, store: Store, auditor: Auditor, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._store = store
        self._auditor = auditor
        self._clock = clock
        self._new_id = new_id

    def table(self) -> Commands:
        """Command name -> use case."""
        commands: dict[str, Command] = {"pin": self.pin, "unpin": self.unpin, "pins": self.pins}
        return commands

    async def pin(self, call: CommandCall) -> CommandEffect:
        """Pin what stands behind the command."""
        text = call.argument
        if not text:
            return CommandEffect(phrase("pin_what"))
        if len(text) > LONGEST:
            return CommandEffect(phrase("pin_long", count=len(text), most=LONGEST))
        if len(await self._pinned(call)) >= MOST:
            return CommandEffect(phrase("pin_full", count=MOST))
        insert = pins.insert(self._new_id("pin"), call.session_id, text, self._clock.now())
        return CommandEffect(phrase("pinned"), self._change(call, "pin", insert))

    async def unpin(self, call: CommandCall) -> CommandEffect:
        """Take a pin off by the number that /pins gave it."""
        pinned = await self._pinned(call)
        if not call.argument.isdecimal() or not 1 <= int(call.argument) <= len(pinned):
            return CommandEffect(phrase("unpin_which", count=len(pinned)))
        remove = pins.remove(pinned[int(call.argument) - 1].id, call.session_id, self._clock.now())
        return CommandEffect(phrase("unpinned"), self._change(call, "unpin", remove))

    async def pins(self, call: CommandCall) -> CommandEffect:
        """List what is pinned."""
        lines = [f"{n}. {pin.text}" for n, pin in enumerate(await self._pinned(call), 1)]
        return CommandEffect(phrase("pins", pins="\n".join(lines)) if lines else phrase("pins_none"))

    async def summaries(self, session_id: str, limit: int = 50) -> Sequence[Summary]:
        """A session's summaries, newest first."""
        return await summaries.listed(self._store, session_id, limit)

    async def restore(self, session_id: str, actor: Actor, reason: str = "") -> Summary:
        """Drop the newest summary of a session: the messages that it stood for are shown again. Raises NotFound."""
        session = await sessions.get(self._store, session_id)
        if session is None:
            raise NotFound(f"there is no session {session_id}")
        summary = await summaries.newest(self._store, session_id, session.history_from)
        if summary is None:
            raise NotFound(f"session {session_id} has no summary in force")
        about = Subject(
            assistant=session.assistant, connection=session.connection, session=session.id, resource=summary.id
        )
        await self._store.commit(
            operation(
                "context",
                summaries.drop(summary.id, self._clock.now()),
                sessions.change_mind(session_id),
                self._auditor.record("change.session.restored", actor, about, outcome="done", content=reason.encode()),
            )
        )
        return summary

    async def _pinned(self, call: CommandCall) -> list[Pin]:
        after = call.session.history_from if call.session else 0
        return await pins.of_session(self._store, call.session_id, after)

    def _change(self, call: CommandCall, what: str, change: Statement) -> tuple[Statement, ...]:
        record = self._auditor.record(
            f"change.session.{what}",
            Actor(id=call.identity_id, kind="person"),
            Subject(assistant=call.assistant.id, session=call.session_id, resource=call.inbox_id),
        )
        return (change, sessions.change_mind(call.session_id), *record)
