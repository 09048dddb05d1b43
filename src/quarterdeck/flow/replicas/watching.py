"""How does an answer that grows in one process get to those who watch it at another?

Each process says which sessions are watched there: when somebody begins, and every few seconds. The one that runs the
turn tells what has grown since it last told, counted in characters, and begins anew when asked for all of it. Whoever
hears parts puts them together: what is known already is passed over, a gap is asked for. So lost messages heal, and
each watcher sees the whole of what has grown once, and from then on what is new.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.flow.live import Live, Piece
from quarterdeck.flow.replicas.news import PARTS_BYTES, News, Part

WATCHED_S: Final = 12.0  # how long it holds that somebody watches elsewhere
ASK_S: Final = 1.0  # between two times that all of an answer is asked for, and told
MOST: Final = 10_000  # sessions that are known to be watched elsewhere
HEAD: Final = 250  # bytes of a part without its text, more than enough
LEAST: Final = 300  # bytes of text for which a part is begun in a message that has others


@dataclass
class _Telling:
    """An answer that grows here: all of it, the characters that are told, when it was last told from the start."""

    whole: Piece
    begun: float
    told: int = 0
    over: bool = False


@dataclass
class _Mirror:
    """An answer that grows elsewhere: what has been heard of it, the characters and the piece that were shown here."""

    turn: str
    attempt: int
    text: str = ""
    shown: int = 0
    seq: int = 0


class Watching:
    """Implements Elsewhere (flow.live) and Watches (news)."""

    def __init__(self, live: Live, news: News, clock: Clock) -> None:
        self._live = live
        self._news = news
        self._clock = clock
        self._until: dict[str, float] = {}  # session -> how long it holds that it is watched elsewhere
        self._telling: dict[str, _Telling] = {}  # sessions whose turns run here
        self._untold: dict[str, None] = {}  # those of them of which something is to be told
        self._mirrors: dict[str, _Mirror] = {}  # sessions that are watched here
        self._asked: dict[str, float] = {}  # those of them that were asked for because of a gap, and when

    # --- what is watched here ---------------------------------------------------------------------------------

    def joined(self, session_id: str) -> None:
        """See Elsewhere."""
        if session_id in self._mirrors:
            self._news.watched(session_id)
        else:
            self._news.asked(session_id)

    def grown(self, session_id: str) -> Piece | None:
        """See Elsewhere."""
        mirror = self._mirrors.get(session_id)
        if mirror is None or not mirror.shown:
            return None
        return Piece(mirror.turn, mirror.attempt, mirror.seq, mirror.text[: mirror.shown], whole=True)

    def say(self) -> None:
        """Say again what is watched here, and forget what is not any more, here or elsewhere."""
        here, now = set(self._live.sessions()), self._clock.monotonic()
        for session_id in here:
            self._news.watched(session_id)
        self._mirrors = {session: mirror for session, mirror in self._mirrors.items() if session in here}
        self._asked = {session: at for session, at in self._asked.items() if session in here}
        self._until = {session: until for session, until in self._until.items() if until > now}

    def others_grew(self, part: Part) -> None:
        """See Watches."""
        session = part.session
        if not self._live.watched_here(session):
            self._mirrors.pop(session, None)
            return
        mirror = self._mirrors.get(session)
        if mirror is None or (mirror.turn, mirror.attempt) != (part.turn, part.attempt):
            if mirror is not None and mirror.turn == part.turn and mirror.attempt > part.attempt:
                return  # of a process that was taken for dead
            mirror = _Mirror(part.turn, part.attempt)
            if not part.at:
                self._mirrors[session] = mirror
        if part.at <= len(mirror.text):
            mirror.text += part.text[len(mirror.text) - part.at :]
            if not part.more:
                self._show(session, mirror, part.seq)
        elif not part.over:
            self._ask(session)
        if part.over:
            self._mirrors.pop(session, None)

    def _show(self, session_id: str, mirror: _Mirror, seq: int) -> None:
        fresh, first = mirror.text[mirror.shown :], not mirror.shown
        if fresh:
            mirror.shown, mirror.seq = len(mirror.text), seq
            self._live.show(session_id, Piece(mirror.turn, mirror.attempt, seq, fresh, whole=first))

    def _ask(self, session_id: str) -> None:
        now = self._clock.monotonic()
        if now >= self._asked.get(session_id, 0.0) + ASK_S:
            self._asked[session_id] = now
            self._news.asked(session_id)

    # --- what grows here --------------------------------------------------------------------------------------

    def watched(self, session_id: str) -> bool:
        """See Elsewhere."""
        return self._until.get(session_id, 0.0) > self._clock.monotonic()

    def others_watch(self, session_id: str) -> None:
        """See Watches."""
        if session_id in self._until or len(self._until) < MOST:
            self._until[session_id] = self._clock.monotonic() + WATCHED_S

    def others_ask(self, session_id: str) -> None:
        """See Watches."""
        self.others_watch(session_id)
        if not self.watched(session_id) or (whole := self._live.grown(session_id)) is None:
            return
        telling, now = self._telling.get(session_id), self._clock.monotonic()
        if telling is not None and telling.told and now >= telling.begun + ASK_S:
            telling.told, telling.begun = 0, now
        self.grew(session_id, whole)

    def grew(self, session_id: str, whole: Piece) -> None:
        """See Elsewhere."""
        telling = self._telling.get(session_id)
        if telling is None or (telling.whole.turn, telling.whole.attempt) != (whole.turn, whole.attempt):
            telling = self._telling[session_id] = _Telling(whole, self._clock.monotonic())
        telling.whole = whole
        self._tell(session_id)

    def over(self, session_id: str) -> None:
        """See Elsewhere."""
        self._mirrors.pop(session_id, None)  # of a process that began this turn, and died
        if (telling := self._telling.get(session_id)) is not None:
            telling.over = True
            self._tell(session_id)

    def _tell(self, session_id: str) -> None:
        self._untold[session_id] = None
        self._news.wanted.set()

    def parts(self) -> list[Part]:
        """See Watches."""
        found: list[Part] = []
        left = PARTS_BYTES
        while self._untold and left >= HEAD + LEAST:
            session_id = next(iter(self._untold))
            part = self._part(session_id, left - HEAD)
            if not part.more:
                del self._untold[session_id]
            if part.over:
                del self._telling[session_id]
            found.append(part)
            left -= HEAD + len(msgspec.json.encode(part.text))
        return found

    def _part(self, session_id: str, room: int) -> Part:
        telling = self._telling[session_id]
        whole, at = telling.whole, telling.told
        text = fitting(whole.text[at : at + room], room)
        telling.told = at + len(text)
        more = telling.told < len(whole.text)
        over = telling.over and not more
        return Part(session_id, whole.turn, whole.attempt, whole.seq, at, text, more, over)


def fitting(text: str, room: int) -> str:
    """As much of the beginning of `text` as takes `room` bytes as JSON; of no use for a room below 8."""
    text = text.encode(errors="replace").decode()
    while (size := len(msgspec.json.encode(text))) > room:
        text = text[: min(len(text) - 1, len(text) * room // size)]
    return text
