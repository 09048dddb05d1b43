"""Stopping a conversation and starting it anew: `/stop` and `/new` by whoever operates the gateway, or by its timer."""

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, NotFound
from quarterdeck.flow import stopping
from quarterdeck.flow.commands import Command, CommandCall, CommandEffect, Commands
from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import sessions, timers
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement, operation


class DueReset:
    """What the timer of a session does: start it anew, unless it goes on. Nothing is said and nothing stopped."""

    def __init__(self, store: Store, auditor: Auditor) -> None:
        self._store = store
        self._auditor = auditor

    def table(self) -> Commands:
        """Kind of timer -> use case."""
        commands: dict[str, Command] = {"reset": self.reset}
        return commands

    async def reset(self, call: CommandCall) -> CommandEffect:
        """The statements, which hold only if nothing happens before they are committed. Raises Conflict."""
        due, session = call.due, call.session
        assert due is not None
        assert session is not None
        if session.head != due.head:
            raise Conflict("the conversation goes on")
        about = Subject(assistant=session.assistant, connection=session.connection, session=session.id)
        return CommandEffect(
            None,
            (
                sessions.reset_at(session.id, due.head + 1),
                timers.fire(due.timer, due.at, due.late),
                *self._auditor.record("change.session.reset", SYSTEM, about, outcome="done", content=b"timer"),
            ),
        )


class Resets:
    """The use cases of stopping and resetting a session. `reason` is the person's own words."""

    def __init__(self, store: Store, auditor: Auditor, lanes: Lanes, live: Live, clock: Clock) -> None:
        self._store = store
        self._auditor = auditor
        self._lanes = lanes
        self._live = live
        self._clock = clock

    async def reset(self, session_id: str, actor: Actor, reason: str = "") -> None:
        """Stop what runs and waits; the model is shown nothing of what was said before. Raises NotFound."""
        await self._cut(session_id, "change.session.reset", [sessions.reset(session_id)], actor, reason)

    async def stop(self, session_id: str, actor: Actor, reason: str = "") -> None:
        """Stop what runs, what waits, and answers that are not sent yet. Raises NotFound."""
        await self._cut(session_id, "change.session.stop", [], actor, reason)

    async def _cut(self, session_id: str, kind: str, more: list[Statement], actor: Actor, reason: str) -> None:
        session = await sessions.get(self._store, session_id)
        if session is None:
            raise NotFound(f"there is no session {session_id}")
        about = Subject(assistant=session.assistant, connection=session.connection, session=session.id)
        await self._store.commit(
            operation(
                "session",
                stopping.stop(session.id, actor.id, self._clock.now()),
                more,
                self._auditor.record(kind, actor, about, outcome="done", content=reason.encode()),
            )
        )
        after = await sessions.get(self._store, session_id)
        self._lanes.cut(session.id, "stop", (after or session).stop_at + 1)
        self._live.committed(session.id)
