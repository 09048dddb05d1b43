"""Connections: how each is now, does it work, and may it receive and send?"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput, Conflict
from quarterdeck.flow.directory import ConnectionRules, Directory
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.pauses import Pause
from quarterdeck.flow.peers import ALONE, Peers
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import connections
from quarterdeck.store.connections import PausedRow
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, Riding, nothing_rides, operation

CHECK_SECONDS = 30.0
REASON_LENGTH = 500

State = Literal["up", "down", "paused", "built_in"]


@runtime_checkable
class Checked(Protocol):
    """A channel that can look for itself what is wrong."""

    async def check(self) -> list[str]:
        """Sentences; empty when all is well."""
        ...


class Connection(msgspec.Struct, frozen=True):
    """A connection as it is now. Times are Unix seconds, 0 for never; `last_*` are since the process began.

    `waiting`: deliveries that wait to be sent there. `back_off`: seconds until it is tried again, 0 when it may be now.
    """

    name: str
    channel: str
    assistant: str
    state: State
    alive: bool
    authenticated: bool
    last_inbound: float
    last_outbound: float
    detail: str
    waiting: int
    back_off: float
    pause: Pause | None


class Tried(msgspec.Struct, frozen=True):
    """What came of trying a connection."""

    name: str
    state: Literal["ok", "failed", "paused", "stopped"]
    detail: str


async def load_pauses(store: Store, directory: Directory) -> None:
    """Obey the pauses that were begun before this process."""
    found = await connections.paused(store)
    directory.pauses.replace(Pause(row.connection, row.paused_at, row.actor, row.reason) for row in found)


class Connections:
    """The use cases of connections. One is paused or resumed at a time."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        auditor: Auditor,
        outbox: Outbox,
        clock: Clock,
        peers: Peers = ALONE,
    ) -> None:
        self._store = store
        self._directory = directory
        self._auditor = auditor
        self._outbox = outbox
        self._clock = clock
        self._peers = peers
        self._one = asyncio.Lock()

    async def all(self) -> Sequence[Connection]:
        """Every connection, by name."""
        waiting = await connections.waiting(self._store)
        rules = sorted(self._directory.connections, key=lambda one: one.name)
        return [self._connection(one, waiting.get(one.name, 0)) for one in rules]

    async def get(self, name: str) -> Connection:
        """One connection. Raises NotFound."""
        rules = self._directory.connection(name)
        return self._connection(rules, (await connections.waiting(self._store)).get(name, 0))

    async def look(self, name: str, *, running: bool) -> Tried:
        """Ask the platform whether token and network are right, which changes nothing there. Raises NotFound.

        `running`: a gateway runs here, so that a channel without a question of its own has been heard.
        """
        self._wired(name)
        channel = self._directory.channel(name)
        if channel is None:
            return Tried(name, "failed", "it does not run")
        if isinstance(channel, Checked):
            return await _ask(name, channel, lambda: channel.health().detail)
        if self._directory.pauses.of(name):
            return Tried(name, "paused", "it is paused, and this channel is only seen while it receives")
        if not running:
            return Tried(name, "stopped", "it is only seen while the gateway runs")
        health = self._directory.health(name) or channel.health()
        if health.alive and health.authenticated:
            return Tried(name, "ok", health.detail)
        wrong = "its token is refused" if health.alive else "the platform is not reached"
        return Tried(name, "failed", health.detail or wrong)

    async def test(self, name: str, actor: Actor, *, running: bool, riding: Riding[Tried] = nothing_rides) -> Tried:
        """The same, on record. Raises NotFound."""
        tried = await self.look(name, running=running)
        about = Subject(connection=name, resource=name)
        record = self._auditor.record(
            "change.connection.tested", actor, about, outcome=tried.state, content=tried.detail.encode()
        )
        await self._store.commit(operation("connection", record, riding(tried)))
        return tried

    async def pause(
        self, name: str, reason: str, actor: Actor, riding: Riding[Connection] = nothing_rides
    ) -> Connection:
        """Receive nothing and hold what is to be sent, until it is resumed. Raises NotFound, BadInput, Conflict."""
        self._wired(name)
        if len(reason) > REASON_LENGTH:
            raise BadInput("reason", f"has {len(reason)} characters", f"Write at most {REASON_LENGTH}.")
        row = PausedRow(name, self._clock.now(), actor.id, reason.strip())
        pause = Pause(row.connection, row.paused_at, row.actor, row.reason)
        about = Subject(connection=name, resource=name)
        record = self._auditor.record(
            "change.connection.paused", actor, about, outcome="done", content=row.reason.encode()
        )
        async with self._one:
            after = _with(await self.get(name), pause)
            try:
                await self._store.commit(operation("connection", connections.pause(row), record, riding(after)))
            except ExpectationFailed as error:
                raise _unless(error, "connections.pause", f"{name} is paused already") from error
            self._directory.pauses.begin(pause)
            self._peers.changed("pauses")
            return after

    async def resume(self, name: str, actor: Actor, riding: Riding[Connection] = nothing_rides) -> Connection:
        """Receive again, and send what waited. Raises NotFound, BadInput, Conflict."""
        self._wired(name)
        about = Subject(connection=name, resource=name)
        record = self._auditor.record("change.connection.resumed", actor, about, outcome="done")
        async with self._one:
            after = _with(await self.get(name), None)
            try:
                await self._store.commit(operation("connection", connections.resume(name), record, riding(after)))
            except ExpectationFailed as error:
                raise _unless(error, "connections.resume", f"{name} is not paused") from error
            self._directory.pauses.end(name)
            self._peers.changed("pauses")
            await self._outbox.resumed(name)
            return after

    def _wired(self, name: str) -> ConnectionRules:
        rules = self._directory.connection(name)
        if rules.rows:
            wired = [one.name for one in self._directory.connections if not one.rows]
            known = f"There are: {', '.join(wired)}." if wired else "Add one to the configuration."
            raise BadInput("connection", f"{name} has no wire, it is always there", known)
        return rules

    def _connection(self, rules: ConnectionRules, waiting: int) -> Connection:
        health, pause = self._directory.health(rules.name), self._directory.pauses.of(rules.name)
        alive, authenticated = (health.alive, health.authenticated) if health else (rules.rows, rules.rows)
        return Connection(
            name=rules.name,
            channel=rules.channel,
            assistant=rules.assistant,
            state="built_in" if rules.rows else _state(alive, authenticated, pause),
            alive=alive,
            authenticated=authenticated,
            last_inbound=health.last_inbound if health else 0.0,
            last_outbound=health.last_outbound if health else 0.0,
            detail=health.detail if health else "" if rules.rows else "it does not run",
            waiting=waiting,
            back_off=max(0.0, self._outbox.backoff_left(rules.name)),
            pause=pause,
        )


async def _ask(name: str, channel: Checked, well: Callable[[], str]) -> Tried:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            problems = await channel.check()
    except TimeoutError:
        problems = [f"no answer within {CHECK_SECONDS:.0f} s"]
    return Tried(name, "failed" if problems else "ok", " ".join(problems) or well())


def _state(alive: bool, authenticated: bool, pause: Pause | None) -> State:
    if pause:
        return "paused"
    return "up" if alive and authenticated else "down"


def _with(connection: Connection, pause: Pause | None) -> Connection:
    state = _state(connection.alive, connection.authenticated, pause)
    return msgspec.structs.replace(connection, state=state, pause=pause)


def _unless(error: ExpectationFailed, statement: str, said: str) -> Conflict:
    return Conflict(said) if error.statement == statement else error
