"""Forking a conversation: a new one on the web page whose history, with what is kept in mind, is a copy."""

import asyncio
import re
from collections.abc import Callable, Sequence

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput, Conflict, NotFound, Retry
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow.live import Live
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.principal import Principal
from quarterdeck.model.inbound import Room, Sender
from quarterdeck.model.message import AssistantMessage, SystemEvent, ToolResult, UserMessage, decode
from quarterdeck.store import forks, people, pins, sessions, summaries, views
from quarterdeck.store.database import Store
from quarterdeck.store.forks import Copied, Fork, Original
from quarterdeck.store.messages import StoredMessage
from quarterdeck.store.operations import Riding, Statement, nothing_rides, operation
from quarterdeck.store.sessions import NewSession, Session

CONNECTION = "web"
LAST = 2**62  # behind every part
CALLS = 500  # results of one answer that are looked through for its cut
SLICE, SLICE_BYTES = 40, 64_000  # of one operation, so that it stays within a few milliseconds
LOOK_S = 5.0  # how often a copy is looked for that nobody finishes

_PLACE = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")


class Forks:
    """The use case of forking, and the service that finishes a copy whose process ended."""

    def __init__(
        self,
        store: Store,
        auditor: Auditor,
        live: Live,
        clock: Clock,
        new_id: Callable[[str], str],
        wake: Callable[[str], None],
        log: EventLog,
    ) -> None:
        self._store = store
        self._auditor = auditor
        self._live = live
        self._clock = clock
        self._new_id = new_id
        self._wake = wake
        self._log = log

    async def fork(
        self, session_id: str, at: str, owner: Principal, actor: Actor, riding: Riding[Session] = nothing_rides
    ) -> Session:
        """A conversation of `owner` with a copy of the history up to `at`, which is POSITION or POSITION.PART.

        Empty: all of it. The copy ends where no call is parted from its result. What rides is given the conversation
        before anything is copied. Raises NotFound, BadInput.
        """
        source = await sessions.get(self._store, session_id)
        if source is None:
            raise NotFound(f"there is no session {session_id}")
        position, part = await self._cut(source, *_place(at, source.head))
        room, sender = Room(self._new_id("conv")), Sender(owner.id, owner.name)
        new = NewSession(
            source.assistant,
            CONNECTION,
            people.room_id(CONNECTION, room.native_id),
            people.identity_id(CONNECTION, sender.native_id),
            source.title,
        )
        forgotten = source.history_from if source.history_from < position else 0
        fork = Fork(new.id, source.id, position, part, forgotten, -1, -1, 0, "copying")
        now = self._clock.now()
        about = Subject(assistant=source.assistant, connection=CONNECTION, session=new.id, resource=source.id)
        await self._store.commit(
            operation(
                "session",
                people.know_room(CONNECTION, room, now),
                people.know_identity(CONNECTION, sender, now),
                sessions.create(new, now),
                forks.insert(fork, source.model),
                self._auditor.record("change.session.fork", actor, about, outcome="begun"),
                riding(msgspec.structs.replace(sessions.fresh(new, now), forked_from=source.id, model=source.model)),
            )
        )
        await self._finish(new.id)
        made = await sessions.get(self._store, new.id)
        assert made is not None  # committed above; sessions are never deleted
        return made

    async def run(self, life: Life) -> None:
        """Finish what a dead process, or somebody who left, has not copied to the end."""
        life.ready()
        while not life.stopping.is_set():
            try:
                for session_id in await forks.copying(self._store, 100):
                    await self._finish(session_id)
            except Retry as error:
                self._log.warning("fork.late", reason=str(error))
            try:
                async with asyncio.timeout(LOOK_S):
                    await life.stopping.wait()
            except TimeoutError:
                continue

    async def _finish(self, session_id: str) -> None:
        while (fork := await forks.get(self._store, session_id)) is not None and fork.state == "copying":
            try:
                await self._slice(fork)
            except Conflict:
                continue  # somebody else copies it, too: read how far it is

    async def _slice(self, fork: Fork) -> None:
        now, page = self._clock.now(), _within(await forks.originals(self._store, fork, SLICE))
        if page:
            copied = [Copied(one, _event(one), _shown(fork, one)) for one in page]
            head = sessions.advance(fork.session_id, len(page), now)
            summary = await self._summary(fork, page)
            await self._store.commit(operation("fork", head, forks.copy(fork, copied, now), summary))
            self._live.committed(fork.session_id)
            return
        about = Subject(connection=CONNECTION, session=fork.session_id, resource=fork.source_id)
        pinned = await pins.of_session(self._store, fork.source_id, fork.forgotten)
        kept = [(self._new_id("pin"), pin) for pin in pinned if pin.position <= fork.until_position]
        statements: list[Statement] = [*forks.done(fork, kept)]
        statements += self._auditor.record("change.session.fork", SYSTEM, about, outcome="done")
        await self._store.commit(operation("fork", statements))
        self._wake(fork.session_id)

    async def _summary(self, fork: Fork, page: Sequence[Original]) -> list[Statement]:
        """The summary that stands for the oldest messages, where the last of these is on the page."""
        until = (fork.until_position, fork.until_part)
        summary = await summaries.newest(self._store, fork.source_id, fork.forgotten, until)
        for back, one in enumerate(reversed(page)):
            if summary is not None and (one.position, one.part) == (summary.position, summary.part):
                return [forks.summarized(fork, summary, self._new_id("sum"), back)]
        return []

    async def _cut(self, source: Session, position: int, part: int) -> tuple[int, int]:
        """The newest message up to a place at which every call before it has its result."""
        tail = await views.messages(self._store, source.id, position, part + 1, CALLS)
        end = whole(tail)
        if end is None:
            raise BadInput("at", "no message of this conversation lies there or before", "See its messages' positions.")
        return end.position, end.part


def whole(tail: Sequence[StoredMessage]) -> StoredMessage | None:
    """The last of these messages behind which no call waits for its result; None when there is none."""
    results = 0
    for n in range(len(tail) - 1, -1, -1):
        message = decode(tail[n].content)
        if isinstance(message, ToolResult):
            results += 1
            continue
        if isinstance(message, AssistantMessage) and len(message.calls) > results:
            return tail[n - 1] if n else None
        return tail[-1]
    return None


def _within(page: list[Original]) -> list[Original]:
    """As many as one operation may hold, at least one."""
    size = 0
    for n, one in enumerate(page):
        size += len(one.content)
        if size > SLICE_BYTES:
            return page[: max(1, n)]
    return page


def _shown(fork: Fork, one: Original) -> bool:
    return min(one.position, one.origin) > fork.forgotten


def _event(one: Original) -> dict[str, object]:
    """What watchers are shown of a copied message; what tools said is found in the history."""
    message = decode(one.content)
    data: dict[str, object] = {"turn": one.turn_id, "said_at": one.created_at}
    match message:
        case UserMessage():
            files = [{"name": a.name, "mime": a.mime, "size": a.size} for a in message.attachments]
            return data | {"role": "user", "text": message.text, "sender": message.sender, "attachments": files}
        case AssistantMessage():
            return data | {"role": "assistant", "text": message.text}
        case SystemEvent():
            return data | {"role": "event", "text": message.text}
        case _:
            return data | {"role": "tool", "text": ""}


def _place(at: str, head: int) -> tuple[int, int]:
    if not at:
        return head, LAST
    found = _PLACE.fullmatch(at)
    if found is None:
        raise BadInput("at", f"{at!r} is no place", "Write POSITION or POSITION.PART, as its messages have them.")
    return int(found[1]), int(found[2]) if found[2] else LAST
