"""Answers that go on for as long as somebody listens, and their end when the process stops or the client leaves."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from quarterdeck.base.errors import Retry
from quarterdeck.flow.live import Live, Watcher

MOST = 1_000  # watchers that doors may have open at once
HEARTBEAT_SECONDS = 15.0


class Streams:
    """The watchers that doors have open; closing lets each of them notice at once."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._open: set[Watcher] = set()
        self.closing = False
        self.closed = asyncio.Event()

    @contextmanager
    def watch(self, session_id: str) -> Generator[Watcher]:
        """Watch a session, or all of them (empty). Raises Retry when too many watch, or the process stops."""
        if self.closing or len(self._open) >= MOST:
            raise Retry("the gateway is stopping" if self.closing else "too many streams are open")
        with self._live.watch(session_id) as watcher:
            self._open.add(watcher)
            try:
                yield watcher
            finally:
                self._open.discard(watcher)

    def close(self) -> None:
        """The process stops: every open stream says goodbye and ends."""
        self.closing = True
        self.closed.set()
        for watcher in self._open:
            watcher.hint()


class Stream(Response):
    """Server-sent events, or what `media` says.

    `cleanup` runs at the end, however it comes; `left` when the client left before it.
    """

    def __init__(
        self,
        frames: AsyncGenerator[bytes],
        *,
        headers: dict[str, str] | None = None,
        cleanup: Callable[[], None] = lambda: None,
        left: Callable[[], Awaitable[None]] | None = None,
        media: str = "text/event-stream",
    ) -> None:
        sent = {"cache-control": "no-store", "x-accel-buffering": "no", **(headers or {})}
        super().__init__(headers=sent, media_type=media)
        del self.headers["content-length"]
        self._frames = frames
        self._cleanup = cleanup
        self._left = left
        self._complete = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._frames):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                if scope["method"] == "HEAD":
                    self._complete = True
                    await send({"type": "http.response.body", "body": b""})
                    return
                async with asyncio.TaskGroup() as group:
                    sending = group.create_task(self._send(send))
                    leaving = group.create_task(_until_gone(receive))
                    sending.add_done_callback(lambda _: leaving.cancel())
                    leaving.add_done_callback(lambda _: sending.cancel())
        finally:
            self._cleanup()
        if self._left is not None and not self._complete:
            await self._left()

    async def _send(self, send: Send) -> None:
        async for frame in self._frames:
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        self._complete = True
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
