"""A gateway's parts, wired as `wiring.py` wires them, over a real database: started, killed and started again."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from quarterdeck.actions.connections import load_pauses
from quarterdeck.actions.mind import Mind
from quarterdeck.actions.resets import DueReset
from quarterdeck.actions.sessions import SessionCommands
from quarterdeck.base.clock import Clock
from quarterdeck.base.ids import IdSource
from quarterdeck.base.standing import ALONE
from quarterdeck.base.supervise import Life, Service
from quarterdeck.documents.reader import Reader
from quarterdeck.flow.directory import ConnectionRules, Directory, Limits
from quarterdeck.flow.history import History
from quarterdeck.flow.hooks import HookRule, Hooks
from quarterdeck.flow.intake import Intake
from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.peers import Run
from quarterdeck.flow.posting import Posting
from quarterdeck.flow.recovery import recover
from quarterdeck.flow.sending import RoomNames, Sending
from quarterdeck.flow.services import Services
from quarterdeck.flow.tracing import Tracing
from quarterdeck.flow.turn import Turns
from quarterdeck.governance.audit import Auditor
from quarterdeck.governance.gate import Gate
from quarterdeck.governance.pricebook import PriceBook
from quarterdeck.governance.prices import Price
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.inbound import Acceptance, Accepted, Inbound, QueueMode, Room, Sender
from quarterdeck.model.message import Attachment
from quarterdeck.observe.metrics import Metrics
from quarterdeck.observe.traces import Traces
from quarterdeck.ports import Capabilities, Channel, Provider, Tool
from quarterdeck.store import people
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.processes import ROLES
from quarterdeck.store.sessions import NewSession
from quarterdeck.tools.rooms.tool import SendMessageTool
from quarterdeck.wiring.sharing import Sharing, Work
from tests.databases import Database, SqliteFile
from tests.flow.doubles import LifeLog, Log, Model, Platform, PlatformChannel, TestClock, ToolDouble
from tests.flow.money import PRICES
from tests.flow.rest import Book
from tests.flow.spy import Places, Spy
from tests.waiting import PATIENCE, until

HISTORY_BYTES = 1024 * 1024


class Died(Exception):
    """The world was killed while an act was being accepted; nobody was told anything."""


@dataclass
class Settings:
    """What a configuration would say. `wire` and `wire2` are connections to the platform, `web` has none."""

    assistant: Assistant = field(default_factory=lambda: Assistant("default", "main/m", turn_seconds=30.0))
    limits: Limits = field(default_factory=Limits)
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(400))
    wire: ConnectionRules = field(default_factory=lambda: ConnectionRules("wire", "test", "default", "open"))
    outbox_tasks: int = 1000
    prices: Mapping[str, Price] = field(default_factory=lambda: PRICES)

    def let(self, **changes: Any) -> None:
        """Change the assistant."""
        self.assistant = msgspec.structs.replace(self.assistant, **changes)

    def limit(self, **changes: Any) -> None:
        self.limits = msgspec.structs.replace(self.limits, **changes)


@dataclass
class Parts:
    """What one life of the process consists of."""

    store: Spy
    crash: Places
    directory: Directory
    intake: Intake
    lanes: Lanes
    outbox: Outbox
    sending: Sending
    history: History
    live: Live
    gate: Gate
    auditor: Auditor
    blobs: Blobs
    services: Services
    shared: Sharing
    lives: list[tuple[Life, "asyncio.Task[None]"]] = field(default_factory=list[tuple[Life, "asyncio.Task[None]"]])


Share = Callable[[Spy, Clock, LifeLog], Sharing]


def alone(store: Spy, clock: Clock, log: LifeLog) -> Sharing:
    """The one process on its database."""
    return Sharing(ALONE, None, ROLES)


class World:
    """One installation with everything around it. What lies behind the ports outlives a kill."""

    def __init__(self, folder: Path, database: Database | None = None, share: Share | None = None) -> None:
        self.folder = folder
        self.database = database or SqliteFile(folder)
        self.settings = Settings()
        self.clock = TestClock()
        self.log = Log()
        self.platform = Platform()
        self.main = Model("main")
        self.spare = Model("spare")
        self.tools: dict[str, ToolDouble] = {}
        self.hooks: list[HookRule] = []
        self.traces = Traces(Metrics())
        self.died = asyncio.Event()
        self.share = share or alone
        self._acts = 0
        self._parts: Parts | None = None

    # --- its life ---------------------------------------------------------------------------------------------

    @property
    def parts(self) -> Parts:
        assert self._parts is not None, "the world is not started"
        return self._parts

    @property
    def store(self) -> Spy:
        return self.parts.store

    @property
    def path(self) -> Path:
        """What is in the database now, as a file of SQLite."""
        return self.database.path

    async def start(self) -> None:
        await self.database.migrate()
        self.died = asyncio.Event()
        self._parts = await self._build()
        p = self._parts
        await load_pauses(p.store, p.directory)
        if p.shared.together is None:
            await recover(p.store, p.directory, p.gate, p.outbox, self.log)
        else:
            await self.begin("processes", p.shared.together.run, 100)
        if p.sending.hooks is not None:
            await self.begin("hooks", p.sending.hooks.run, 100)
        await self.begin("outbox", p.outbox.run, self.settings.outbox_tasks)
        await self.begin("lanes", p.lanes.run, 5000)
        p.intake.open = True

    async def kill(self) -> None:
        """End it as kill -9 does: what was committed stays, nothing else happens any more."""
        parts = self.parts
        self._die()
        for life, task in parts.lives:
            task.cancel()
            await life.end_tasks()
        await asyncio.gather(*(task for _, task in parts.lives), return_exceptions=True)
        await parts.store.close()
        self._parts = None

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    async def stop(self) -> None:
        """Drain and end."""
        if self._parts is None:
            return
        parts = self.parts
        parts.intake.open = False
        for life, task in reversed(parts.lives):
            life.stopping.set()
            for keyed in (parts.lanes._keyed, parts.outbox._rooms):
                keyed._news.set()  # it looks at its stop by itself every quarter of a second
            await asyncio.wait((task,), timeout=10)
            task.cancel()
            await life.end_tasks()
        await parts.store.close()
        self._parts = None

    def _die(self) -> None:
        self.parts.store.dead = True
        self.died.set()

    async def begin(self, name: str, run: Run, tasks: int = 10) -> None:
        """Start a service."""
        service = Service(name=name, run=run, max_tasks=tasks)
        log = self.parts.services.log

        def fail(error: BaseException) -> None:
            log.error("service.fatal", exc_info=error)

        life = Life(service, fail, log)
        self.parts.lives.append((life, asyncio.ensure_future(run(life))))
        async with asyncio.timeout(PATIENCE):
            await life.until_ready()

    async def _build(self) -> Parts:
        clock, new_id, points = self.clock, IdSource(self.clock), Places(self._die)
        opened = self.database.open(points, lambda error: self.log.error("service.fatal", exc_info=error))
        store = Spy(await opened)
        log = LifeLog(self.log, lambda: store.dead)
        shared = self.share(store, clock, log)
        metrics, live, auditor, peers = Metrics(), shared.live(), Auditor(clock, new_id), shared.peers
        gate = Gate(clock, new_id, auditor, self._prices(), shared.standing)
        blobs = self.database.blobs(store, self.folder / "blobs", points)
        providers: dict[str, Provider] = {"main": self.main, "spare": self.spare}
        tools: dict[str, Tool] = dict(self.tools)
        directory = self._directory(providers, tools)
        rooms = RoomNames(store)
        hooks = Hooks(self.hooks, auditor, clock, new_id, metrics, log) if self.hooks else None
        sending = Sending(directory, gate, auditor, rooms, clock, new_id, log, hooks)
        tracing = Tracing(self.traces, clock, {"main": "vendor"})
        outbox = Outbox(store, directory, gate, sending, live, clock, points, metrics, log, peers, tracing)
        tools["send_message"] = SendMessageTool(Posting(store, directory, sending, outbox).post)
        history = History(store, HISTORY_BYTES)
        services = Services(
            store, directory, gate, auditor, sending, outbox, rooms, history, blobs, Reader(), live, clock, new_id,
            points, metrics, log, peers, tracing,
        )  # fmt: skip
        lanes = Lanes(store, Turns(services), directory, log, peers)
        shared.connect(Work(store, directory, gate, sending, outbox, lanes, live, clock, log))
        mind = Mind(store, auditor, clock, new_id)
        commands = {**SessionCommands(store, directory, auditor, clock).table(), **mind.table()}
        timed = DueReset(store, auditor).table()
        hints = shared.hints(lanes, live, sending)
        intake = Intake(store, directory, auditor, sending, outbox, hints, commands, timed, clock, new_id, points)
        channel: Channel = PlatformChannel(self.platform, self.settings.capabilities, lambda: store.dead)
        self.platform.source = blobs
        for name in ("wire", "wire2"):
            directory.attach(name, channel)
        return Parts(
            store, points, directory, intake, lanes, outbox, sending, history, live, gate, auditor, blobs, services,
            shared,
        )  # fmt: skip

    def _prices(self) -> PriceBook:
        book = PriceBook()
        book.replace(self.settings.prices, "world-1", {})
        return book

    def _directory(self, providers: dict[str, Provider], tools: dict[str, Tool]) -> Directory:
        wire = self.settings.wire
        connections = {
            "wire": wire,
            "wire2": msgspec.structs.replace(wire, name="wire2"),
            "web": ConnectionRules("web", "web", "default"),
        }
        return Directory(
            {self.settings.assistant.id: self.settings.assistant}, connections, providers, tools, self.settings.limits
        )

    # --- acts -------------------------------------------------------------------------------------------------

    def act(
        self,
        text: str,
        *,
        room: str = "r1",
        who: str = "p1",
        mode: QueueMode | None = None,
        key: str = "",
        ref: str = "",
        edit: bool = False,
        connection: str = "wire",
        sent_at: float = 0.0,
        files: tuple[Attachment, ...] = (),
        kind: Any = "dm",
        language: str = "",
    ) -> Inbound:
        """An inbound; without a key it is an act of its own."""
        self._acts += 1
        return Inbound(
            connection=connection,
            act_key=key or f"act{self._acts}",
            room=Room(room, kind),
            sender=Sender(who, f"Name of {who}", language),
            text=text,
            kind="edit" if edit else "message",
            message_ref=ref or f"ref{self._acts}",
            sent_at=sent_at,
            attachments=files,
            mode=mode,
        )

    async def accept(self, inbound: Inbound) -> Acceptance:
        """Raises Died when the world is killed before anybody was told."""
        parts, died = self.parts, self.died
        accepting = asyncio.create_task(parts.intake.accept(inbound))
        dying = asyncio.create_task(died.wait())
        try:
            await asyncio.wait((accepting, dying), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if accepting.done() and not accepting.cancelled():
                return accepting.result()
            if died.is_set():
                raise Died
            raise AssertionError(f"{inbound.act_key} is not accepted within {PATIENCE:g} s")
        finally:
            accepting.cancel()
            dying.cancel()
            await asyncio.wait((accepting, dying))

    async def say(self, text: str, **more: Any) -> Acceptance:
        return await self.accept(self.act(text, **more))

    async def press(self, value: str, *, ref: str, **more: Any) -> Acceptance:
        """Somebody presses a button under the message `ref`."""
        act = msgspec.structs.replace(self.act("", ref=ref, **more), kind="press", press=value)
        accepted = await self.accept(act)
        if isinstance(accepted, Accepted) and accepted.told:
            self.platform.told.append(accepted.told)
        return accepted

    def session(self, *, room: str = "r1", who: str = "p1", connection: str = "wire") -> str:
        """The id of the session that such acts belong to."""
        room_id = people.room_id(connection, room)
        return NewSession(self.settings.assistant.id, connection, room_id, people.identity_id(connection, who)).id

    def add_tool(self, tool: ToolDouble) -> ToolDouble:
        """Give the assistant a tool (before the start)."""
        self.tools[tool.spec.name] = tool
        self.settings.let(tools=(*self.settings.assistant.tools, tool.spec.name))
        return tool

    # --- looking ----------------------------------------------------------------------------------------------

    def book(self) -> Book:
        return Book(self.path)

    def rows(self, sql: str, **params: object) -> list[dict[str, Any]]:
        return self.database.rows(sql, params)

    def outcomes(self) -> list[str | None]:
        """Outcomes of the inbox, in the order of acceptance."""
        return [row["outcome"] for row in self.rows("SELECT outcome FROM inbox ORDER BY id")]

    def outcome(self, accepted: Acceptance) -> str | None:
        return self.rows("SELECT outcome FROM inbox WHERE id = :id", id=accepted.inbox_id)[0]["outcome"]

    def part_states(self) -> list[str]:
        return [row["state"] for row in self.rows("SELECT state FROM parts ORDER BY seq")]

    def history(self, session: str = "") -> list[tuple[str, str]]:
        """(kind, text) of a session's stored messages."""
        rows = self.rows(
            "SELECT content FROM messages WHERE session_id = :id ORDER BY position, part", id=session or self.session()
        )
        decoded = [msgspec.json.decode(row["content"]) for row in rows]
        return [(message["type"], message["text"]) for message in decoded]

    def look(self) -> None:
        """Let lanes and rooms look again, as they do by themselves every half minute."""
        for row in self.rows("SELECT DISTINCT session_id FROM inbox WHERE state <> 'ended'"):
            self.parts.lanes.wake(row["session_id"])
        for row in self.rows("SELECT DISTINCT connection, room_id FROM parts WHERE state = 'ready'"):
            self.parts.outbox._rooms.wake(f"{row['connection']}|{row['room_id']}")

    def jump(self, seconds: float) -> None:
        """Time passes."""
        self.clock.ahead += seconds
        self.look()

    @property
    def busy(self) -> list[str]:
        """What is not at rest."""
        left = self.rows("SELECT 'inbox ' || id AS what FROM inbox WHERE state <> 'ended'")
        left += self.rows(
            "SELECT 'part ' || delivery_id AS what FROM parts WHERE state IN ('ready','sending','streaming')"
        )
        left += self.rows("SELECT 'turn ' || id AS what FROM turns WHERE state <> 'ended'")
        left += self.rows("SELECT 'intent ' || kind || id AS what FROM intents WHERE state = 'open'")
        if self.parts.lanes.running or self.parts.outbox._rooms.running:
            left.append({"what": "a worker"})
        return [row["what"] for row in left]

    async def rest(self, timeout: float = PATIENCE) -> None:
        """Wait until nothing is under way."""
        try:
            await until(lambda: not self.busy, timeout, "everything to come to rest")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.busy}; log: {self.log.lines[-5:]}") from None

    async def ended(self, *accepted: Acceptance, timeout: float = PATIENCE) -> Sequence[str | None]:
        """Wait until these acts have outcomes."""
        await until(lambda: all(self.outcome(one) for one in accepted), timeout, "the outcomes")
        return [self.outcome(one) for one in accepted]
