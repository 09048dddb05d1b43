"""What of the processes on a database is not as it should be: who died, what nobody does, who works by old settings."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from quarterdeck.flow.watch.silence import Silence
from quarterdeck.flow.watch.watching import Drift, Gone, Missing
from quarterdeck.store import configurations, processes
from quarterdeck.store.database import Store
from quarterdeck.store.processes import GATEWAY, WORKER, Process

NEWS_S: Final = 86_400.0  # for which a death is news; with fewer processes since then, that is how it is wanted


class Fleet:
    """Remembers since when things stand as they do; `living` are the processes, none where one is alone."""

    def __init__(self, store: Store, living: Callable[[], Sequence[Process]]) -> None:
        self._store = store
        self._living = living
        self._drifting = Silence()
        self._lacking = Silence()

    async def drifts(self, mono: float) -> list[Drift]:
        """Those that do not work by all of the newest shared configuration. Raises Retry."""
        told = [
            one for one in self._living() if one.configuration or one.drift
        ]  # earlier versions of the program do not say
        newest = await configurations.newest_number(self._store) if told else 0
        apart = [one for one in told if one.drift or one.configuration != newest]
        self._drifting.forget_others({one.id for one in apart})
        return [
            Drift(one.id, one.host, one.configuration, newest, one.drift, self._drifting.age(one.id, True, mono))
            for one in apart
        ]

    async def lacks(self, now: float, mono: float) -> tuple[list[Gone], list[Missing]]:
        """Those that died and have no successor, and roles that nobody has. Raises Retry."""
        living = self._living()
        if not living:
            return [], []
        gone = unreplaced(await processes.since(self._store, now - NEWS_S))
        roles = [
            role for role in (GATEWAY, WORKER) if not any(one.state == "live" and one.does(role) for one in living)
        ]
        self._lacking.forget_others({one.id for one in gone} | set(roles))
        left = sum(one.lives for one in living)
        return (
            [Gone(one.id, one.host, one.roles, left, self._lacking.age(one.id, True, mono)) for one in gone],
            [Missing(role, left, self._lacking.age(role, True, mono)) for role in roles],
        )


def unreplaced(known: Sequence[Process]) -> list[Process]:
    """Those that died and in whose place nobody has come, of all that `known` tells of, the first to start first.

    In the place of one with a data directory comes the next one there; else somebody new who started after the death
    and does as much, each for one.
    """
    homes: dict[tuple[str, str], list[Process]] = {}
    for one in known:
        homes.setdefault(_place(one), []).append(one)
    dead = [one for one in known if one.died and homes[_place(one)][-1] is one]
    return list(_without_successor(dead, [lives[0] for lives in homes.values()]))


def _without_successor(dead: Sequence[Process], new: list[Process]) -> Iterator[Process]:
    for one in sorted(dead, key=lambda process: process.ended_at or 0.0):
        heir = next((other for other in new if _does_as_much(other, one)), None)
        if heir is None:
            yield one
        else:
            new.remove(heir)


def _does_as_much(new: Process, dead: Process) -> bool:
    return new.started_at > (dead.ended_at or 0.0) and set(dead.roles.split(",")) <= set(new.roles.split(","))


def _place(process: Process) -> tuple[str, str]:
    """Where its data directory is, the same after the machine was started again; of its own for one that has none."""
    return process.host, process.home.partition("/")[2] or process.id
