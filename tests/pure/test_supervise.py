"""Services start in order, stop in reverse, and the first fatal error ends everything with its cause."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.waiting import until

from quarterdeck.base.errors import Retry, StoreFailed
from quarterdeck.base.supervise import Life, Service, ServiceFailed, Supervisor


class Log:
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    warning = error = info

    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


class Trail:
    """What happened, in order."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def service(self, name: str, **changes: object) -> Service:
        async def run(life: Life) -> None:
            self.steps.append(f"{name} up")
            life.ready()
            await life.stopping.wait()
            self.steps.append(f"{name} down")

        return Service(name=name, run=run, **changes)  # type: ignore[arg-type]


def failing(error: Exception, when: asyncio.Event | None = None) -> Callable[[Life], Awaitable[None]]:
    async def run(life: Life) -> None:
        life.ready()
        if when is not None:
            await when.wait()
        raise error

    return run


async def forever() -> None:
    await asyncio.Event().wait()


async def start_and_wait(supervisor: Supervisor, service: Service) -> None:
    await supervisor.start(service)
    await supervisor.wait()


async def test_start_in_order_and_stop_in_reverse() -> None:
    trail = Trail()
    async with asyncio.timeout(5), Supervisor(Log()) as supervisor:
        for name in ("store", "flow", "door"):
            await supervisor.start(trail.service(name))
        supervisor.request_stop()
        await supervisor.wait()
    assert trail.steps == ["store up", "flow up", "door up", "door down", "flow down", "store down"]


async def test_the_next_service_starts_only_when_the_one_before_is_ready() -> None:
    go, entered, order = asyncio.Event(), asyncio.Event(), list[str]()

    async def slow(life: Life) -> None:
        entered.set()
        await go.wait()
        order.append("slow is ready")
        life.ready()
        await life.stopping.wait()

    async with asyncio.timeout(5), Supervisor(Log()) as supervisor, asyncio.TaskGroup() as group:

        async def start() -> None:
            await supervisor.start(Service(name="slow", run=slow))
            order.append("next may start")

        group.create_task(start())
        await entered.wait()
        go.set()
    assert order == ["slow is ready", "next may start"]


async def test_a_fatal_error_ends_the_whole_with_its_cause() -> None:
    trail, when, cause = Trail(), asyncio.Event(), OSError("disk")
    async with asyncio.timeout(5), Supervisor(Log()) as supervisor:
        await supervisor.start(trail.service("first"))
        await supervisor.start(Service(name="bad", run=failing(cause, when)))
        when.set()
        with pytest.raises(ServiceFailed, match="bad failed: disk") as caught:
            await supervisor.wait()
    assert caught.value.__cause__ is cause
    assert caught.value.name == "bad"
    assert trail.steps == ["first up", "first down"]


async def test_an_error_before_being_ready_ends_the_start() -> None:
    async def run(life: Life) -> None:
        raise OSError("port taken")

    async with asyncio.timeout(5), Supervisor(Log()) as supervisor:
        with pytest.raises(ServiceFailed):
            await supervisor.start(Service(name="door", run=run))


async def test_a_service_that_returns_by_itself_is_fatal() -> None:
    async def run(life: Life) -> None:
        life.ready()

    async with asyncio.timeout(5), Supervisor(Log()) as supervisor:
        with pytest.raises(ServiceFailed, match="ended by itself"):
            await start_and_wait(supervisor, Service(name="door", run=run))


async def test_a_service_that_is_not_ready_in_time_is_fatal_or_only_reported() -> None:
    async def run(life: Life) -> None:
        await life.stopping.wait()

    log = Log()
    async with asyncio.timeout(5), Supervisor(log) as supervisor:
        await supervisor.start(Service(name="chat", run=run, restart="backoff", start_seconds=0.01))
        assert "service.not_ready" in log.events()
        with pytest.raises(ServiceFailed, match="not ready"):
            await supervisor.start(Service(name="store", run=run, start_seconds=0.01))


async def test_backoff_runs_it_again_with_growing_delays_and_a_line_each() -> None:
    runs = 0

    async def run(life: Life) -> None:
        nonlocal runs
        runs += 1
        life.ready()
        raise OSError("gone")

    log = Log()
    async with asyncio.timeout(5), Supervisor(log) as supervisor:
        await supervisor.start(Service(name="chat", run=run, restart="backoff", backoff=(0.001, 0.004)))
        await until(lambda: runs >= 5)
    delays = [fields["seconds"] for event, fields in log.lines if event == "service.restarting"]
    assert delays[:4] == [0.001, 0.002, 0.004, 0.004]


async def test_stopping_does_not_wait_for_the_backoff() -> None:
    log = Log()
    async with asyncio.timeout(5), Supervisor(log) as supervisor:
        service = Service(name="chat", run=failing(OSError()), restart="backoff", backoff=(3600, 3600))
        await supervisor.start(service)
        await until(lambda: "service.restarting" in log.events())
    assert "service.stop_late" not in log.events()


async def test_a_service_that_does_not_stop_is_cancelled_after_its_deadline() -> None:
    cleaned = asyncio.Event()

    async def run(life: Life) -> None:
        life.ready()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    log, trail = Log(), Trail()
    async with asyncio.timeout(5), Supervisor(log) as supervisor:
        await supervisor.start(trail.service("first"))
        await supervisor.start(Service(name="stubborn", run=run, stop_seconds=0.01))
    assert cleaned.is_set()
    assert "service.stop_late" in log.events()
    assert trail.steps == ["first up", "first down"]


async def test_a_failed_commit_is_fatal_even_where_the_service_would_be_restarted() -> None:
    async with asyncio.timeout(5), Supervisor(Log()) as supervisor:
        run = failing(StoreFailed("fsync"))
        with pytest.raises(StoreFailed):
            await start_and_wait(supervisor, Service(name="chat", run=run, restart="backoff"))


async def test_spawned_work_is_bounded() -> None:
    lives: list[Life] = []

    async def run(life: Life) -> None:
        lives.append(life)
        life.ready()
        await life.stopping.wait()

    async with asyncio.timeout(5), Supervisor(Log()) as supervisor:
        await supervisor.start(Service(name="lanes", run=run, max_tasks=2))
        tasks = [lives[0].spawn("turn", forever()) for _ in range(2)]
        with pytest.raises(Retry):
            lives[0].spawn("turn", forever())
        tasks[0].cancel()
        await until(lambda: lives[0].running == 1)
        tasks.append(lives[0].spawn("turn", forever()))
    assert all(task.cancelled() for task in tasks)
    assert lives[0].running == 0


async def test_spawned_work_ends_before_the_service_below_it_stops() -> None:
    trail = Trail()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            trail.steps.append("work ended")

    async def run(life: Life) -> None:
        task = life.spawn("work", work())
        life.ready()
        await life.stopping.wait()
        assert not task.done()

    async with asyncio.timeout(5), Supervisor(Log()) as supervisor:
        await supervisor.start(trail.service("store"))
        await supervisor.start(Service(name="flow", run=run))
    assert trail.steps == ["store up", "work ended", "store down"]


async def test_spawned_work_ends_before_its_service_runs_again() -> None:
    left: list[int] = []

    async def run(life: Life) -> None:
        left.append(life.running)
        life.spawn("work", forever())
        life.ready()
        raise OSError("gone")

    async with asyncio.timeout(5), Supervisor(Log()) as supervisor:
        await supervisor.start(Service(name="chat", run=run, restart="backoff", backoff=(0.001, 0.001)))
        await until(lambda: len(left) >= 3)
    assert set(left) == {0}


async def test_an_error_in_spawned_work_is_reported_and_ends_nothing_else() -> None:
    log, error = Log(), OSError("one turn")

    async def work() -> None:
        raise error

    async def run(life: Life) -> None:
        await life.spawn("turn", work())
        life.ready()
        await life.stopping.wait()

    async with asyncio.timeout(5), Supervisor(log) as supervisor:
        await supervisor.start(Service(name="lanes", run=run))
    failed = [fields for event, fields in log.lines if event == "task.failed"]
    assert failed == [{"service": "lanes", "task": "turn", "exc_info": error}]


async def test_a_failed_commit_in_spawned_work_is_fatal() -> None:
    async def work() -> None:
        raise StoreFailed("fsync")

    async def run(life: Life) -> None:
        life.spawn("turn", work())
        life.ready()
        await life.stopping.wait()

    async with asyncio.timeout(5), Supervisor(Log()) as supervisor:
        with pytest.raises(StoreFailed):
            await start_and_wait(supervisor, Service(name="lanes", run=run))


async def test_one_service_can_be_stopped_and_started_again() -> None:
    trail = Trail()
    async with asyncio.timeout(5), Supervisor(Log()) as supervisor:
        await supervisor.start(trail.service("tg"))
        with pytest.raises(ValueError, match="already"):
            await supervisor.start(trail.service("tg"))
        await supervisor.stop("tg")
        await supervisor.stop("unknown")
        await supervisor.start(trail.service("tg"))
    assert trail.steps == ["tg up", "tg down"] * 2


async def test_an_error_while_stopping_is_reported() -> None:
    async def run(life: Life) -> None:
        life.ready()
        await life.stopping.wait()
        raise OSError("while stopping")

    log = Log()
    async with asyncio.timeout(5), Supervisor(log) as supervisor:
        await supervisor.start(Service(name="chat", run=run, restart="backoff"))
    assert "service.stop_failed" in log.events()
    assert "service.restarting" not in log.events()
