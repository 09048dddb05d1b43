"""How does a bot of a few lines speak to the platform? A client that shares nothing with the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp


class Bot:
    """A bot of a few lines: one JSON request at a time."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def call(self, method: str, path: str, body: object = None, **more: Any) -> tuple[int, Any]:
        given = {"json": body} if body is not None else {}
        async with self.session.request(method, path, **given, **more) as answer:
            return answer.status, await answer.json()

    async def events(self, after: int = 0, wait: float = 0, limit: int = 100) -> list[dict[str, Any]]:
        status, body = await self.call("GET", f"/events?after={after}&wait={wait}&limit={limit}")
        assert status == 200
        return body["events"]

    async def send(self, text: str, room: str = "r1", **more: str) -> tuple[int, Any]:
        return await self.call("POST", f"/rooms/{room}/messages", {"text": text, **more})


@asynccontextmanager
async def bot_of(url: str, token: str) -> AsyncIterator[Bot]:
    """A bot whose every request ends within 10 seconds."""
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(url, headers=headers, timeout=timeout) as session:
        yield Bot(session)
