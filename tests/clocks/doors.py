"""What a gateway gives out at its doors for a while, and whether they open to it."""

import json

import aiohttp

from tests.crash.gateway import Gateway


async def given_out(gateway: Gateway, *words: str) -> str:
    """The token, or the link, that a command prints."""
    status, printed = await gateway.command(*words)
    assert status == 0, printed
    row = json.loads(printed)
    return str(row.get("token") or row["url"])


async def asks(url: str, token: str) -> int:
    """The status of a question with a token of scope chat."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as http, http.get(f"{url}/api/v1/me", headers=headers) as answer:
        return answer.status


async def signs_in(url: str, code: str) -> int:
    """The status of a browser's exchange of a code."""
    http = aiohttp.ClientSession(headers={"Origin": url})
    async with http, http.post(f"{url}/api/v1/signin", json={"code": code}) as answer:
        return answer.status
