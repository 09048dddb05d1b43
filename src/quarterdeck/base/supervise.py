"""Who owns a task, and when does it end? This is the one place that creates tasks.

A process is a list of services, started in order and stopped in reverse. Each has a restart rule and a
deadline for stopping; each owns the short-lived tasks that it spawns, which end before it does. The first
fatal error ends the whole, and `Supervisor.wait` raises it with its cause. StoreFailed is fatal wherever it
comes up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Literal, Protocol, Self

from quarterdeck.base.clock import Clock, SystemClock
from quarterdeck.base.errors import GiveUp, Retry, StoreFailed

_HEALTHY_SECONDS = 60.0
"""After so long without failing, the back-off begins at its first delay again."""

_CANCEL_SECONDS = 2.0
"""What is cancelled gets so long to clean up; then it is reported and left behind."""


class EventLog(Protocol):
    """Where what happened is written; structlog's loggers fit."""

    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...
    def error(self, event: str, **fields: object) -> object: ...


class ServiceFailed(GiveUp):
    """A service that the whole depends on has failed; `__cause__` is its error, which is told, too."""

    code = "service_failed"

    def __init__(self, name: str, reason: str, cause: BaseException | None = None) -> None:
        why = f": {str(cause) or type(cause).__name__}" if cause is not None else ""
        super().__init__(f"the service {name} {reason}{why}")
        self.name = name
        self.__cause__ = cause


@dataclass(frozen=True, kw_only=True)
class Service:
    """A long-running part of the process.

    `run` works until `life.stopping` is set, then finishes what it holds and returns; it calls `life.ready()`
    once it can be relied on. After `stop_seconds` it is cancelled. `restart`: with "none" any end before the
    stop is fatal; with "backoff" it is run again after a delay between `backoff[0]` and `backoff[1]` seconds,
    doubling. A service that is not ready within `start_seconds` is fatal with "none" and only reported with
    "backoff".
    """

    name: str
    run: Callable[["Life"], Awaitable[None]]
    restart: Literal["none", "backoff"] = "none"
    start_seconds: float = 30.0
    stop_seconds: float = 10.0
    backoff: tuple[float, float] = (0.5, 30.0)
    max_tasks: int = 1000


class Life:
    """What a running service holds: its stop signal, and its own short-lived tasks."""

    def __init__(self, service: Service, fail: Callable[[BaseException], None], log: EventLog) -> None:
        self.stopping = asyncio.Event()
        self._service = service
        self._fail = fail
        self._log = log
        self._is_ready = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def ready(self) -> None:
        """The service can be relied on; the next one may start. Further calls do nothing."""
        self._is_ready.set()

    async def until_ready(self) -> None:
        await self._is_ready.wait()

    @property
    def running(self) -> int:
        """How many spawned tasks have not ended."""
        return len(self._tasks)

    @property
    def max_tasks(self) -> int:
        """How many spawned tasks may run at once."""
        return self._service.max_tasks

    def spawn(self, name: str, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run `work` beside the service. It ends by itself, or is cancelled when the service ends.

        Its error is reported and, unless it is StoreFailed, ends nothing else; the returned task can be
        awaited and never raises except when cancelled. Raises Retry when `max_tasks` are running, and closes
        `work`.
        """
        if len(self._tasks) >= self._service.max_tasks:
            work.close()
            raise Retry(f"{self._service.name} already runs {len(self._tasks)} tasks")
        task = asyncio.create_task(self._watched(name, work), name=f"{self._service.name}/{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # it never began if the task was cancelled at once
        return task

    def part(self) -> "Life":
        """A life of its own for something that this service runs now and then; it has to be stopped by its owner."""
        return Life(self._service, self._fail, self._log)

    async def end_tasks(self) -> None:
        """Cancel what is still running and wait for it, at most _CANCEL_SECONDS."""
        await _cancel(tuple(self._tasks), self._log)

    async def _watched(self, name: str, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception as exc:
            self._log.error("task.failed", service=self._service.name, task=name, exc_info=exc)
            if isinstance(exc, StoreFailed):
                self._fail(exc)


class Supervisor:
    """Starts services, watches them, stops them. `async with` it; leaving stops everything."""

    def __init__(self, log: EventLog, clock: Clock | None = None) -> None:
        self._log = log
        self._clock = clock or SystemClock()
        self._lives: dict[str, tuple[Service, Life, asyncio.Task[None]]] = {}
        self._end = asyncio.Event()
        self._failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for name in reversed(tuple(self._lives)):
            await self.stop(name)

    async def start(self, service: Service) -> None:
        """Start a service and return when it is ready. Raises ServiceFailed when it, or another one, fails
        first.
        """
        if service.name in self._lives:
            raise ValueError(f"a service {service.name} is already running")
        life = Life(service, lambda exc: self._fail(service.name, "failed", exc), self._log)
        task = asyncio.create_task(self._keep(service, life), name=service.name)
        self._lives[service.name] = (service, life, task)
        ready = asyncio.create_task(life.until_ready())
        ended = asyncio.create_task(self._end.wait())
        try:
            await asyncio.wait((ready, ended), timeout=service.start_seconds, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done() and not ended.done():
                self._not_ready(service)
            self._raise_failure()
        finally:
            ready.cancel()
            ended.cancel()

    async def stop(self, name: str) -> None:
        """Stop one service: ask, wait `stop_seconds`, cancel. Unknown names are fine."""
        if name not in self._lives:
            return
        service, life, task = self._lives[name]
        life.stopping.set()
        await asyncio.wait((task,), timeout=service.stop_seconds)
        if not task.done():
            self._log.warning("service.stop_late", service=name, seconds=service.stop_seconds)
            await _cancel((task,), self._log)
        await life.end_tasks()
        del self._lives[name]
        self._log.info("service.stopped", service=name)

    def request_stop(self) -> None:
        """Let `wait` return; the owner then leaves the `async with`."""
        self._end.set()

    async def wait(self) -> None:
        """Until `request_stop`, or the first fatal error, which is raised as ServiceFailed (or as
        StoreFailed).
        """
        await self._end.wait()
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _not_ready(self, service: Service) -> None:
        reason = f"was not ready within {service.start_seconds:g} s"
        if service.restart == "none":
            self._fail(service.name, reason, None)
        else:
            self._log.warning("service.not_ready", service=service.name, seconds=service.start_seconds)

    def _fail(self, name: str, reason: str, cause: BaseException | None) -> None:
        if self._failure is None:
            if isinstance(cause, StoreFailed):
                self._failure = cause
            else:
                self._failure = ServiceFailed(name, reason, cause)
        self._log.error("service.fatal", service=name, reason=reason, exc_info=cause)
        self._end.set()

    async def _keep(self, service: Service, life: Life) -> None:
        """Run a service until it is stopped, by its restart rule."""
        delay = service.backoff[0]
        while not life.stopping.is_set():
            begun = self._clock.monotonic()
            error = await self._once(service, life)
            fatal = isinstance(error, StoreFailed) or (error is not None and service.restart == "none")
            if fatal or (service.restart == "none" and not life.stopping.is_set()):
                self._fail(service.name, "failed" if error else "ended by itself", error)
                return
            if life.stopping.is_set():
                if error is not None:
                    self._log.error("service.stop_failed", service=service.name, exc_info=error)
                return
            if self._clock.monotonic() - begun >= _HEALTHY_SECONDS:
                delay = service.backoff[0]
            self._log.warning("service.restarting", service=service.name, seconds=delay, exc_info=error)
            await _set_within(life.stopping, delay)
            delay = min(delay * 2, service.backoff[1])

    async def _once(self, service: Service, life: Life) -> Exception | None:
        try:
            await service.run(life)
        except Exception as exc:
            return exc
        finally:
            await life.end_tasks()
        return None


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def _cancel(tasks: tuple[asyncio.Task[None], ...], log: EventLog) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        _, left = await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)
        for task in left:
            log.error("task.left_behind", task=task.get_name())
