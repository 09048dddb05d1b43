"""The service that looks: what is found twice in a row fires, what is not found for a while is resolved.

One row stands for one (rule, subject). What comes and goes is one row that counts; people are told of its first three
times, and then once in `quiet_seconds`. What fires is in the database: a restart neither tells it again nor forgets it.
"""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, Retry
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.watch import measures, rules, telling
from quarterdeck.flow.watch.looking import Looking
from quarterdeck.flow.watch.telling import Telling
from quarterdeck.flow.watch.watching import Limits
from quarterdeck.model.alert import Finding
from quarterdeck.observe.metrics import Metrics
from quarterdeck.store import alerts
from quarterdeck.store.alerts import Alert
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement, operation

SEEN_S = 60.0  # how often the words of what goes on are written down
OFTEN = 3  # firings in a row of which people are told at once; then once in `quiet` seconds
OPEN = 1000  # alerts that one look compares with
BLIND = 60.0  # seconds without a look after which the watcher itself is in trouble

Key = tuple[str, str]


class Rhythm(msgspec.Struct, frozen=True):
    """Seconds between looks, until something is resolved, and between two notices of what comes and goes."""

    every: float = 5.0
    clear: float = 60.0
    quiet: float = 900.0


class Watcher:
    """Looks every few seconds. `posts`: changes are also posted to a webhook, by `posting.py`."""

    def __init__(
        self,
        store: Store,
        looking: Looking,
        told: Telling,
        outbox: Outbox,
        live: Live,
        limits: Limits,
        rhythm: Rhythm,
        clock: Clock,
        new_id: Callable[[str], str],
        metrics: Metrics,
        log: EventLog,
        owner: Callable[[Finding], str],
        *,
        posts: bool = False,
    ) -> None:
        self._store = store
        self._looking = looking
        self._telling = told
        self._outbox = outbox
        self._live = live
        self._limits = limits
        self._rhythm = rhythm
        self._clock = clock
        self._new_id = new_id
        self._metrics = metrics
        self._log = log
        self._owner = owner
        self._posts = posts
        self._before: frozenset[Key] = frozenset()  # what the look before this one found
        self._absent: dict[Key, float] = {}  # what fires and is not found: since when (monotonic)
        self._looked: float | None = None

    @property
    def trouble(self) -> str:
        """Why neither alerts nor anything else can be relied on: the database is away, or nobody looks; else empty."""
        if self._looked is None or self._store.trouble:
            return self._store.trouble
        blind = self._clock.monotonic() - self._looked
        return f"alerts are not watched: no look for {blind:.0f} s" if blind > BLIND else ""

    async def run(self, life: Life) -> None:
        """Look until told to stop. From then on another process may look, and what this one has seen is old."""
        self._looked = self._clock.monotonic()
        life.ready()
        while not life.stopping.is_set():
            try:
                await self.tick()
            except (Retry, Conflict) as error:
                self._log.warning("watch.look_failed", reason=str(error))
            try:
                async with asyncio.timeout(self._rhythm.every):
                    await life.stopping.wait()
            except TimeoutError:
                continue
        self._looked = None
        measures.withdraw(self._metrics)

    async def tick(self) -> None:
        """One look, and what follows from it."""
        look = await self._looking.look(self._limits)
        found = {(one.rule, one.subject): self._owned(one) for one in rules.findings(look, self._limits)}
        firing = {(one.rule, one.subject): one for one in await alerts.firing(self._store, OPEN)}
        for key, finding in found.items():
            if key in firing:
                await self._see(firing[key], finding)
            elif key in self._before:
                await self._fire(finding)
        for key in [key for key in self._absent if key in found or key not in firing]:
            del self._absent[key]
        for key, alert in firing.items():
            if key not in found:
                await self._clear(key, alert)
        self._before = frozenset(found)
        self._looked = self._clock.monotonic()
        rows = await alerts.firing(self._store, OPEN)
        measures.publish(self._metrics, look, [one.rule for one in rows], self._clock.now())

    def _owned(self, finding: Finding) -> Finding:
        return msgspec.structs.replace(finding, owner=self._owner(finding))

    async def _fire(self, finding: Finding) -> None:
        now = self._clock.now()
        last = await alerts.latest(self._store, finding.rule, finding.subject)
        flaps = last is not None and now - (last.resolved_at or 0.0) < self._rhythm.quiet
        if last is not None and flaps:
            tell = last.times < OFTEN or now - last.told_at >= self._rhythm.quiet
            change = alerts.fire_again(last, finding, now, tell=tell, owed=tell and self._posts)
            await self._commit(last.id, change, finding, "alert.fired", telling.fired(finding) if tell else "")
            return
        alert_id = self._new_id("alr")
        change = alerts.fire(alert_id, finding, now, owed=self._posts)
        await self._commit(alert_id, change, finding, "alert.fired", telling.fired(finding))

    async def _see(self, alert: Alert, finding: Finding) -> None:
        now = self._clock.now()
        if not alert.told and now - alert.told_at >= self._rhythm.quiet:
            change = alerts.tell(alert, now, owed=self._posts)
            await self._commit(alert.id, change, finding, "alert.fired", telling.fired(finding))
        if abs(now - alert.seen_at) >= SEEN_S:
            await self._store.commit(operation("alert", alerts.see(alert, finding, now)))

    async def _clear(self, key: Key, alert: Alert) -> None:
        now = self._clock.monotonic()
        if now - self._absent.setdefault(key, now) < self._rhythm.clear:
            return
        change = alerts.resolve(alert, self._clock.now(), owed=bool(alert.told) and self._posts)
        finding = _finding(alert)
        text = telling.resolved(alert, self._clock.now()) if alert.told else ""
        await self._commit(alert.id, change, finding, "alert.resolved", text)

    async def _commit(self, alert_id: str, change: Statement, finding: Finding, kind: str, text: str) -> None:
        """The change with its event; where people are to be told, also the room's delivery and a line in the log."""
        if not text:
            await self._store.commit(operation("alert", change))
            return
        statements, outgoing = await self._telling.message(text)
        event = self._telling.event(alert_id, kind, finding)
        await self._store.commit(operation("alert", change, event, statements))
        if outgoing is not None:
            self._outbox.enqueued(outgoing)
        self._live.committed("")
        said = self._log.warning if kind == "alert.fired" else self._log.info
        said(kind, alert=alert_id, rule=finding.rule, subject=finding.subject, cause=finding.cause, owner=finding.owner)


def _finding(alert: Alert) -> Finding:
    words: Mapping[str, str] = {name: getattr(alert, name) for name in Finding.__struct_fields__}
    return msgspec.convert(words, Finding)
