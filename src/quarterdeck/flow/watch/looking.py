"""Takes a look at everything that the rules judge."""

from collections.abc import Callable, Iterator, Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import NotFound
from quarterdeck.flow.directory import ConnectionRules, Directory
from quarterdeck.flow.failing import LATEST, failing, users
from quarterdeck.flow.watch.fleet import Fleet
from quarterdeck.flow.watch.silence import Backlog, Silence
from quarterdeck.flow.watch.watching import Connected, Disk, Endless, Failing, Late, Limits, Look
from quarterdeck.store import intents, watch
from quarterdeck.store.database import Store
from quarterdeck.store.processes import Process
from quarterdeck.store.watch import RunningTurn, Waiting

NEWS_S = 900.0  # for which a failed call is news
UNBOUNDED_S = 300.0  # what a turn of an assistant that is not there any more may take


class Looking:
    """Looks; it remembers since when things stand as they do. `disks` are those of all `processes` on the database.

    Where one is alone `processes` is empty.
    """

    def __init__(
        self,
        store: Store,
        directory: Directory,
        full: Callable[[], bool],
        disks: Callable[[], Sequence[Disk]],
        clock: Clock,
        processes: Callable[[], Sequence[Process]] = lambda: (),
    ) -> None:
        self._store = store
        self._directory = directory
        self._full = full
        self._disks = disks
        self._clock = clock
        self._silence = Silence()
        self._backlog = Backlog()
        self._fleet = Fleet(store, processes)

    async def look(self, limits: Limits) -> Look:
        """One look. Raises Retry when the store does not answer."""
        now, mono = self._clock.now(), self._clock.monotonic()
        unanswered = await watch.unanswered(self._store, now - limits.unanswered_seconds, now)
        unworked = [] if self._full() else await watch.unworked(self._store, now - limits.lane_seconds, now)
        turns = [self._turn(one, now) for one in await watch.running(self._store)]
        unsent = await watch.unsent(self._store)
        latest = await intents.newest(self._store, "model", LATEST)
        failed = failing(self._directory, latest, now - NEWS_S)
        sealed = await watch.sealed(self._store)
        gone, missing = await self._fleet.lacks(now, mono)
        return Look(
            self._disks(),
            list(self._connections(mono)),
            _late(unanswered, now),
            _late(unworked, now),
            turns,
            _late([one for one in unsent if self._directory.pauses.of(one.subject) is None], now),
            [Failing(route, count, users(self._directory, route)) for route, count in failed],
            self._backlog.age(sealed.newest, sealed.sealed, mono),
            await self._fleet.drifts(mono),
            gone,
            missing,
        )

    def _connections(self, now: float) -> Iterator[Connected]:
        paused = self._directory.pauses.of
        wired = [rules for rules in self._directory.connections if not rules.rows and paused(rules.name) is None]
        self._silence.forget_others({f"{rules.name}/{what}" for rules in wired for what in ("alive", "heard")})
        for rules in wired:
            yield self._connection(rules, now)

    def _connection(self, rules: ConnectionRules, now: float) -> Connected:
        health = self._directory.health(rules.name)
        alive = health is not None and health.alive
        standing = self._silence.age(f"{rules.name}/alive", alive, now)
        unheard = self._silence.age(f"{rules.name}/heard", health.last_heard if health else 0.0, now)
        return Connected(rules.name, rules.channel, rules.assistant, health, 0.0 if alive else standing, unheard)

    def _turn(self, turn: RunningTurn, now: float) -> Endless:
        try:
            allowed = self._directory.assistant(turn.assistant).turn_seconds
        except NotFound:
            allowed = UNBOUNDED_S
        return Endless(turn.id, turn.assistant, now - turn.active_at, allowed)


def _late(rows: Sequence[Waiting], now: float) -> list[Late]:
    return [Late(one.subject, one.count, now - one.since) for one in rows]
