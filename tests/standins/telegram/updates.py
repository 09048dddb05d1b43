"""Which updates wait for the bot, who polls for them, and what has been confirmed?

The rules are the server's (process_get_updates_query, do_get_updates, add_update_impl): a poll with `offset`
confirms everything below it; a negative offset keeps only the last ones; a type that is not allowed is
dropped when the update arises, not when it is fetched; a poll that has to wait ends an older waiting poll
with 409.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from tests.standins.telegram.journal import Journal
from tests.standins.telegram.limits import POLL_LIMIT, POLL_SECONDS
from tests.standins.telegram.refusals import Refusal, conflict_other_poller, conflict_webhook_set_meanwhile

Update = dict[str, object]

NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Update types that must be asked for (server: Client.h, DEFAULT_ALLOWED_UPDATE_TYPES)."""
FIRST_UPDATE_ID = 710_000_001
"""Any positive number; the vendor starts somewhere and counts up."""
MOST_WAITING = 100_000
"""Bound of the queue; an update beyond it is refused loudly by the control API."""


class QueueFull(RuntimeError):
    """The bot has left `MOST_WAITING` updates unconfirmed."""


class Updates:
    """The queue of one bot. Not safe for threads; everything happens in the server's loop."""

    def __init__(self, journal: Journal, confirmation_gets_lost: Callable[[], bool]) -> None:
        self._journal = journal
        self._confirmation_gets_lost = confirmation_gets_lost
        self._waiting: deque[Update] = deque()
        self._lost_confirmation: list[Update] = []
        self._next_id = FIRST_UPDATE_ID
        self._poll: asyncio.Future[None] | None = None
        self._arrived = asyncio.Event()
        self.allowed: frozenset[str] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def someone_polls(self) -> bool:
        """Tell whether a long poll is parked right now."""
        return self._poll is not None

    def is_allowed(self, kind: str) -> bool:
        """Tell whether an update of this type would be queued now."""
        return kind not in NOT_BY_DEFAULT if self.allowed is None else kind in self.allowed

    def allow(self, kinds: object) -> None:
        """Apply `allowed_updates`: absent or malformed keeps the setting, an empty list is the default."""
        if isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds):
            self.allowed = frozenset(str(kind).lower() for kind in kinds) or None

    def add(self, kind: str, content: object) -> int | None:
        """Queue an update and wake the poll; return its id, or None when its type is not allowed."""
        if not self.is_allowed(kind):
            return None
        if len(self._waiting) >= MOST_WAITING:
            raise QueueFull(f"{MOST_WAITING} updates wait unconfirmed")
        update_id, self._next_id = self._next_id, self._next_id + 1
        self._waiting.append({"update_id": update_id, kind: content})
        self._arrived.set()
        self._end_poll(None)
        return update_id

    async def first(self) -> Update:
        """Wait for the oldest update; it stays until it is told to be delivered."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting[0]

    def delivered(self, update: Update) -> None:
        """Confirm an update that a webhook has taken."""
        if update in self._waiting:
            self._waiting.remove(update)
            self._journal.note("acked", offset=_id(update) + 1, update_ids=[_id(update)])

    async def get(self, offset: int, limit: int, timeout: int) -> list[Update]:
        """Confirm below `offset`, then return waiting updates, if need be after up to `timeout` seconds.

        Raises the 409 of a poll that another one, or a webhook, ended.
        """
        self._confirm(offset)
        limit = min(max(limit, POLL_LIMIT[0]), POLL_LIMIT[1])
        timeout = min(max(timeout, 0), POLL_SECONDS)
        if not self._waiting and not self._lost_confirmation and timeout:
            await self._park(timeout)
        again, self._lost_confirmation = self._lost_confirmation, []
        return (again + [update for _, update in zip(range(limit), self._waiting, strict=False)])[:limit]

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            confirmed = [self._waiting.popleft() for _ in range(max(0, len(self._waiting) + offset))]
        else:
            confirmed = []
            while self._waiting and _id(self._waiting[0]) < offset:
                confirmed.append(self._waiting.popleft())
        if not confirmed:
            return
        self._journal.note("acked", offset=offset, update_ids=[_id(update) for update in confirmed])
        if self._confirmation_gets_lost():
            self._lost_confirmation = confirmed

    async def _park(self, timeout: float) -> None:
        self._end_poll(conflict_other_poller())
        poll = self._poll = asyncio.get_running_loop().create_future()
        self._journal.stir()
        try:
            async with asyncio.timeout(timeout):
                await poll
        except TimeoutError:
            return  # an empty answer is the normal end of a long poll
        finally:
            if self._poll is poll:
                self._poll = None

    def _end_poll(self, why: Refusal | None) -> None:
        if self._poll is None or self._poll.done():
            return
        if why is None:
            self._poll.set_result(None)
        else:
            self._poll.set_exception(why)
        self._poll = None

    def webhook_was_set(self) -> None:
        """End a waiting poll as setWebhook does."""
        self._end_poll(conflict_webhook_set_meanwhile())

    def release(self) -> None:
        """Let a waiting poll answer now (the server stops)."""
        self._end_poll(None)

    def drop(self) -> None:
        """Throw away what waits (`drop_pending_updates`)."""
        self._waiting.clear()
        self._lost_confirmation = []

    def forget(self) -> None:
        """Return to the first state; ids go on counting, so that no id is ever given twice."""
        self.drop()
        self.allowed = None


def _id(update: Update) -> int:
    return int(str(update["update_id"]))
