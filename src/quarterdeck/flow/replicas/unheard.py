"""What others have committed, where nobody hears them say so: through a pgbouncer in transaction mode.

The rows are looked at twice a second instead, so that nothing that one process is to do for another waits for long. The
pieces of growing answers are no rows: there nobody sees them at another process.
"""

from collections.abc import Callable
from typing import Final

from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.store import events
from quarterdeck.store.database import Store

EVERY_S: Final = 0.5
MOST: Final = 500  # events of one look; with more of them everybody looks
LANES_EVERY: Final = 4  # looks: few have work without an event, and those that run elsewhere are looked at, too


class Unheard:
    """Looks. `to_send` is told each time: there may be something that others have made."""

    def __init__(self, store: Store, live: Live, lanes: Lanes, to_send: Callable[[], None]) -> None:
        self._store = store
        self._live = live
        self._lanes = lanes
        self._to_send = to_send
        self._cursor: int | None = None
        self._looks = 0

    async def look(self) -> None:
        """Let everybody look who would have heard something since the last look. Raises Retry."""
        self._to_send()
        self._looks += 1
        if self._looks % LANES_EVERY == 0:
            self._lanes.look_again()
        found = [] if self._cursor is None else await events.sessions_behind(self._store, self._cursor, MOST)
        if self._cursor is None or len(found) == MOST:
            self._cursor = await events.newest(self._store)
            self._live.heard_all()
            self._lanes.look_again()
        elif found:
            self._cursor = found[-1][0]
        for session_id, connection in {(session, connection) for _, session, connection in found}:
            self._live.heard(session_id)
            if session_id:
                self._lanes.heard(session_id, connection)
