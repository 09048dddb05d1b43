"""What was taken in, as people read it; and bringing back what failed, or killed its turn again and again."""

from collections.abc import Callable, Sequence

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, NotFound
from quarterdeck.flow.directory import Directory
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.message import UserMessage, decode
from quarterdeck.store import inbox, sessions
from quarterdeck.store.database import Store
from quarterdeck.store.inbox import InboxRow
from quarterdeck.store.operations import ExpectationFailed, Riding, nothing_rides, operation


class Letter(msgspec.Struct, frozen=True):
    """An accepted act, with what a person needs to decide about it."""

    id: str
    state: str
    detail: str
    text: str
    connection: str
    session: str
    turn: str
    takes: int
    created_at: float
    ended_at: float | None

    @property
    def retriable(self) -> bool:
        """Whether it can be brought back."""
        return self.state in ("dead_lettered", "failed")


class Inbox:
    """Its rows for people, and the use case of retrying one. `wake` tells the lanes that a session has work."""

    def __init__(
        self, store: Store, directory: Directory, auditor: Auditor, clock: Clock, wake: Callable[[str], None]
    ) -> None:
        self._store = store
        self._directory = directory
        self._auditor = auditor
        self._clock = clock
        self._wake = wake

    async def listed(self, state: str, limit: int, before: str) -> Sequence[Letter]:
        """Newest first, behind id `before`; `state` is a state or an outcome, empty for all."""
        return [letter(row) for row in await inbox.listed(self._store, state, limit, before)]

    async def retry(
        self, inbox_id: str, actor: Actor, reason: str = "", riding: Riding[InboxRow] = nothing_rides
    ) -> InboxRow:
        """Let a dead-lettered or failed row wait again, with its whole time to live; the row as it is then.

        Raises NotFound, Conflict.
        """
        row = await inbox.get(self._store, inbox_id)
        if row is None:
            raise NotFound(f"there is no inbox row {inbox_id}")
        if row.outcome not in ("dead_lettered", "failed"):
            raise Conflict(f"{inbox_id} is {row.outcome or row.state}, neither dead_lettered nor failed")
        session = await sessions.get(self._store, row.session_id)
        if session is not None and session.stop_at >= row.position:
            raise Conflict(f"{inbox_id} was stopped by its person since; it has to be sent again")
        now = self._clock.now()
        about = Subject(connection=row.connection, session=row.session_id, resource=row.id)
        record = self._auditor.record("change.inbox.retry", actor, about, outcome="waiting", content=reason.encode())
        expires = now + self._directory.limits.message_ttl_seconds
        back = inbox.bring_back(row.id, expires)
        waiting = msgspec.structs.replace(
            row, state="waiting", outcome=None, detail=None, ended_at=None, takes=0, turn_id=None, not_before=0.0,
            expires_at=expires,
        )  # fmt: skip
        count = sessions.advance(row.session_id, 0, now, steer=int(row.mode == "steer"))  # its take counts down again
        try:
            await self._store.commit(operation("retry_inbox", count, back, record, riding(waiting)))
        except ExpectationFailed as error:
            raise Conflict(f"{inbox_id} was stopped or brought back in this moment; look again") from error
        self._wake(row.session_id)
        return waiting


def letter(row: InboxRow) -> Letter:
    """A row of the inbox as people read it."""
    said = decode(row.content)
    return Letter(
        row.id, row.outcome or row.state, row.detail or "", said.text if isinstance(said, UserMessage) else "",
        row.connection, row.session_id, row.turn_id or "", row.takes, row.created_at, row.ended_at,
    )  # fmt: skip
