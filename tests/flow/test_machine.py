"""Any order of messages, edits, stops, answers, failures, kills and jumps of time: what is promised holds at rest."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from quarterdeck.base.crash import PLACES
from quarterdeck.base.errors import Retry
from quarterdeck.flow.history import History
from quarterdeck.flow.sending import repeat_mark
from quarterdeck.model.inbound import Inbound
from quarterdeck.model.message import ToolCall
from quarterdeck.model.turn import Usage
from quarterdeck.ports import Capabilities, MaybeSent, NotSent, ProviderFailed, SendRefused, ToolOutput
from quarterdeck.store import sessions
from tests.flow.doubles import Answer, Reply, ToolDouble
from tests.flow.rest import broken_rules, wire_faults
from tests.flow.world import Died, World
from tests.waiting import until

REPEAT_MARK = repeat_mark("en")

pytestmark = pytest.mark.proves("M1", "M2", "M3", "A1")

T = TypeVar("T")
STEPS = 2_000  # of each machine, and only those that did something
LOOKS = 3  # round trips through the store between two steps, in which the parts may work
ELSEWHERE = ("group.before_commit", "group.after_commit", "seal.hashed", "drain.begun", "blob.written")
COMMITS = (
    "accept take model_intent model_retry model_step tool_result steer_step end_turn send_intent send_outcome"
    " recover expire stream_id"
).split()
POINTS = (
    *(place for place in PLACES if place not in ELSEWHERE),
    *(f"op.{name}.{side}" for name in COMMITS for side in ("before", "after")),
)
ROOMS = ("r1", "r2", "r3")
TOOLS = (("look", "{}"), ("post", '{"n":1}'), ("look", "{"), ("nothing", "{}"))


def used(tokens: int) -> Usage:
    """Every kind of token, in shares that never come out even; sometimes only an estimate."""
    return Usage(tokens, tokens // 3, tokens // 7, tokens % 5 > 0, tokens // 11, tokens // 13)


class Gateway(RuleBasedStateMachine):
    """The world, driven step by step; the model, the platform and one tool answer only when a rule lets them."""

    steps: ClassVar[int] = 0
    streaming = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="qd-machine-"))
        self.runner = asyncio.Runner()
        self.world = self.run(self.make())
        self.unacknowledged: list[Inbound] = []
        self.accepted: dict[str, str] = {}  # act key -> inbox id
        self.refs: list[tuple[str, str]] = []  # (room, ref)
        self.fences: dict[str, int] = {}

    async def make(self) -> World:
        world = World(self.folder)
        world.add_tool(ToolDouble("look"))
        world.add_tool(ToolDouble("post", effect="external", repeatable=False))
        world.settings.let(fallback=("spare/m",), max_steps=6)
        world.settings.limit(queue_per_session=8)
        if self.streaming:
            world.settings.capabilities = Capabilities(400, edits=True)
            world.settings.wire = msgspec.structs.replace(world.settings.wire, streaming=True)
        self.let(world, manual=True)
        await world.start()
        return world

    def let(self, world: World, *, manual: bool) -> None:
        for one in (world.main, world.spare, world.platform, world.tools["post"]):
            one.manual = manual

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        type(self).steps += 1
        return self.run(work)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(asyncio.wait_for(work, 60))

    # --- acts -------------------------------------------------------------------------------------------------

    @rule(
        room=st.sampled_from(ROOMS),
        mode=st.sampled_from((None, "followup", "collect", "steer", "interrupt")),
        web=st.booleans(),
    )
    def message(self, room: str, mode: Any, web: bool) -> None:
        act = self.world.act("hello", room=room, who=f"p-{room}", mode=mode, connection="web" if web else "wire")
        self.refs.append((room, act.message_ref))
        self.do(self.accept(msgspec.structs.replace(act, text=f"say {act.act_key}")))

    @rule(which=st.integers(0, 5), mode=st.sampled_from((None, "steer")))
    def edit(self, which: int, mode: Any) -> None:
        if not self.refs:
            return
        room, ref = self.refs[-1 - which % len(self.refs)]
        act = self.world.act("better", room=room, who=f"p-{room}", ref=ref, edit=True, mode=mode)
        self.do(self.accept(msgspec.structs.replace(act, text=f"edit {act.act_key}")))

    @rule(which=st.integers(0, 20))
    def duplicate(self, which: int) -> None:
        if not self.accepted:
            return
        key = list(self.accepted)[-1 - which % len(self.accepted)]
        act = msgspec.structs.replace(self.world.act("again"), act_key=key, connection=key.partition(":")[0])
        self.do(self.accept(act))

    @rule(
        room=st.sampled_from(ROOMS),
        text=st.sampled_from(("/stop", "/new", "/status", "/model spare/m", "/model main/m")),
    )
    def command(self, room: str, text: str) -> None:
        self.do(self.accept(self.world.act(text, room=room, who=f"p-{room}")))

    async def accept(self, act: Inbound) -> None:
        if not act.act_key.startswith((f"{act.connection}:",)):
            act = msgspec.structs.replace(act, act_key=f"{act.connection}:{act.act_key}")
        try:
            accepted = await self.world.accept(act)
        except (Died, Retry):
            self.unacknowledged.append(act)
        else:
            known = self.accepted.setdefault(act.act_key, accepted.inbox_id)
            assert known == accepted.inbox_id, "one act became two rows"
        await self.look()

    # --- answers ----------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 3), tokens=st.integers(0, 10**7))
    def say(self, which: int, tokens: int) -> None:
        deltas = ("an",) if self.streaming else ()
        self.do(self.reply(which, Reply("an answer", deltas=deltas, usage=used(tokens))))

    @rule(which=st.integers(0, 3), tools=st.lists(st.sampled_from(TOOLS), min_size=1, max_size=3), cut=st.booleans())
    def ask_for_tools(self, which: int, tools: list[tuple[str, str]], cut: bool) -> None:
        calls = tuple(ToolCall(f"c{self.steps}.{n}", name, arguments) for n, (name, arguments) in enumerate(tools))
        self.do(self.reply(which, Reply("a moment", calls, "length" if cut and which == 3 else "tool_calls")))

    @rule(which=st.integers(0, 3), retryable=st.booleans(), tokens=st.none() | st.integers(0, 10**7))
    def fail(self, which: int, retryable: bool, tokens: int | None) -> None:
        usage = None if tokens is None else used(tokens)
        error = ProviderFailed("server", "no", retryable=retryable, retry_after=0.001, usage=usage)
        self.do(self.reply(which, Reply(fail=error)))

    async def reply(self, which: int, reply: Reply) -> None:
        resolve(self.world.main.waiting + self.world.spare.waiting, which, reply)
        await self.look()

    @rule(which=st.integers(0, 3))
    def tool_ends(self, which: int) -> None:
        async def end() -> None:
            resolve(self.world.tools["post"].waiting, which, ToolOutput("posted"))
            await self.look()

        self.do(end())

    @rule(
        which=st.integers(0, 3),
        answer=st.sampled_from(
            (
                Answer(),
                Answer(),
                Answer(MaybeSent("no answer")),
                Answer(MaybeSent("no answer"), arrives=False),
                Answer(NotSent("busy", 0.001), arrives=False),
                Answer(NotSent("busy", 5.0), arrives=False),
                Answer(NotSent("no network", 5.0, room_only=False), arrives=False),
                Answer(SendRefused("no", "blocked"), arrives=False),
            )
        ),
    )
    def platform_answers(self, which: int, answer: Answer) -> None:
        async def take() -> None:
            resolve(self.world.platform.waiting, which, answer)
            await self.look()

        self.do(take())

    # --- trouble ----------------------------------------------------------------------------------------------

    @rule()
    def kill(self) -> None:
        self.do(self.revive())

    @rule(point=st.sampled_from(POINTS), hit=st.integers(1, 3))
    def arm(self, point: str, hit: int) -> None:
        self.world.parts.crash.arm(point, hit)

    @rule(seconds=st.sampled_from((1.0, 10.0, 400.0, 400.0, 90_000.0)))
    def time_passes(self, seconds: float) -> None:
        async def jump() -> None:
            self.world.jump(seconds)
            await self.look()

        self.do(jump())

    async def look(self) -> None:
        for _ in range(LOOKS):
            if not self.world.died.is_set():
                await self.world.store.inner.scan("SELECT 1", {})
        if self.world.died.is_set():
            await self.revive()

    async def revive(self) -> None:
        await self.world.restart()
        again, self.unacknowledged = self.unacknowledged, []
        for act in again:
            await self.accept(act)

    # --- what holds -------------------------------------------------------------------------------------------

    @invariant()
    def fences_only_grow(self) -> None:
        for row in self.world.rows("SELECT id, fence FROM sessions") if self.world.path.exists() else []:
            assert row["fence"] >= self.fences.get(row["id"], 0)
            self.fences[row["id"]] = row["fence"]

    @initialize()
    def nothing_yet(self) -> None:
        assert self.accepted == {}

    def teardown(self) -> None:
        try:
            self.run(self.come_to_rest())
            self.check()
        finally:
            self.runner.run(self.world.kill() if self.world._parts else until(lambda: True))
            self.runner.close()
            shutil.rmtree(self.folder)

    async def come_to_rest(self) -> None:
        world = self.world
        self.let(world, manual=False)
        world.parts.crash.arm("")
        if world.died.is_set() or self.unacknowledged:
            await self.revive()

        async def quiet() -> bool:
            resolve_all(world.main.waiting + world.spare.waiting, Reply("the end"))
            resolve_all(world.platform.waiting, Answer())
            resolve_all(world.tools["post"].waiting, ToolOutput("posted"))
            if not world.busy:
                return True
            world.jump(1)
            return False

        try:
            await until(quiet, 30, "rest")
        except AssertionError as error:
            raise AssertionError(f"{error}: {world.busy}, {world.log.lines[-5:]}") from None
        await self.cache_equals_rows()

    async def cache_equals_rows(self) -> None:
        for row in self.world.rows("SELECT id FROM sessions"):
            session = await sessions.get(self.world.store, row["id"])
            assert session is not None
            cached = await self.world.parts.history.read(session)
            assert cached == await History(self.world.store, 0).read(session)

    def check(self) -> None:
        world = self.world
        assert broken_rules(world.path) == []
        stored = {row["id"] for row in world.rows("SELECT id FROM inbox")}
        assert stored == set(self.accepted.values()), "what was acknowledged is there, and nothing else"
        keys = [shown.key for shown in world.platform.rooms if shown.key]
        assert len(keys) == len(set(keys)), "the same part arrived twice"
        for shown in world.platform.rooms:
            assert (".r" in shown.key) == shown.text.startswith(REPEAT_MARK), "a repeat is marked"
        for request in (*world.main.requests, *world.spare.requests):
            assert wire_faults(msgspec.json.decode(msgspec.json.encode(request.messages)), "request") == []
        if not self.streaming:
            self.rooms_are_in_order()
        assert world.log.failures == []

    def rooms_are_in_order(self) -> None:
        place = {shown.native_id: n for n, shown in enumerate(self.world.platform.rooms)}
        last: dict[str, int] = {}
        for row in self.world.rows(
            "SELECT room_id, native_id FROM parts WHERE state = 'sent' AND native_id <> '' ORDER BY seq"
        ):
            assert place[row["native_id"]] > last.get(row["room_id"], -1), "a room was sent to out of order"
            last[row["room_id"]] = place[row["native_id"]]


class Streaming(Gateway):
    """The same, where answers grow on the platform."""

    steps: ClassVar[int] = 0
    streaming = True


def resolve(waiting: "list[asyncio.Future[T]]", which: int, result: T) -> None:
    if open_ones := [future for future in waiting if not future.done()]:
        open_ones[which % len(open_ones)].set_result(result)


def resolve_all(waiting: "list[asyncio.Future[T]]", result: T) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(result)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("machine", [Gateway, Streaming])
def test_any_order_of_acts_and_troubles(machine: type[Gateway]) -> None:
    machine.steps = 0
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=50,
            stateful_step_count=70,
            deadline=None,
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
            database=None,
            phases=(Phase.generate,),  # what is shrunk takes minutes; the steps are printed
        ),
    )
    assert machine.steps >= STEPS, f"only {machine.steps} steps"
