"""What does a test say to a running stand-in?

A client of the control API (control.py), for a stand-in in the same loop as well as for one in its own
process.
"""

import base64
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
import msgspec

Record = dict[str, object]
Answer = TypeVar("Answer")


class DeadlineMissed(AssertionError):
    """What a test waited for did not happen in time; the message shows what did."""


class Listing(msgspec.Struct):
    """The answer of the listing routes."""

    complete: bool
    items: list[Record]


class Injected(msgspec.Struct):
    """What became of an injected act. `update_id` is None when the bot does not want such updates."""

    update_id: int | None
    chat_id: int
    message_id: int | None


class Poller(msgspec.Struct):
    """Whether a long poll waits, and how many updates are not confirmed."""

    complete: bool
    polling: bool
    pending: int


class TelegramDriver:
    """Plays the people and reads the record. Use it as an async context manager."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))

    async def __aenter__(self) -> Self:
        """Return the driver."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self._session.close()

    async def write(self, text: str, *, user_id: int = 7001, **more: object) -> Injected:
        """Let a person write a message; `more` as in inject.Act (chat_id, entities, reply_to_message_id)."""
        return await self._act(kind="text", text=text, user_id=user_id, **more)

    async def edit(self, message_id: int, text: str, *, user_id: int = 7001, **more: object) -> Injected:
        """Let a person edit a message."""
        return await self._act(kind="edit", message_id=message_id, text=text, user_id=user_id, **more)

    async def send_document(
        self, content: bytes, file_name: str, *, user_id: int = 7001, caption: str = "", **more: object
    ) -> Injected:
        """Let a person send a document; `declared_size` makes it look larger than it is."""
        encoded = base64.b64encode(content).decode()
        return await self._act(
            kind="document", content=encoded, file_name=file_name, user_id=user_id, text=caption, **more
        )

    async def send_photo(self, content: bytes, *, user_id: int = 7001, caption: str = "", **more: object) -> Injected:
        """Let a person send a photo."""
        encoded = base64.b64encode(content).decode()
        return await self._act(kind="photo", content=encoded, user_id=user_id, text=caption, **more)

    async def press(self, message_id: int, data: str, *, user_id: int = 7001, **more: object) -> Injected:
        """Let a person press a button under a message."""
        return await self._act(kind="callback", message_id=message_id, data=data, user_id=user_id, **more)

    async def stop_draft(self, draft_id: int, *, user_id: int = 7001) -> Injected:
        """Let a person press the stop button of a draft."""
        return await self._act(kind="stop_draft", draft_id=draft_id, user_id=user_id)

    async def raw_update(self, update_type: str, content: Record) -> Injected:
        """Queue an update of any type as it is."""
        return await self._act(kind="raw", update_type=update_type, raw=content)

    async def _act(self, **wanted: object) -> Injected:
        return await self._post("inject", wanted, Injected)

    async def set_chat(self, chat_id: int, **fields: object) -> None:
        """Create or change a chat: blocked, deactivated, migrated_to, type, title."""
        await self._post("chats", {"id": chat_id, **fields}, dict[str, object])

    async def set_user(self, user_id: int, **fields: object) -> None:
        """Create or change a person: first_name, username, language_code."""
        await self._post("users", {"id": user_id, **fields}, dict[str, object])

    async def fault(self, kind: str, method: str = "*", **fields: object) -> None:
        """Plan a fault (faults.py)."""
        await self._post("faults", {"kind": kind, "method": method, **fields}, list[object])

    async def no_more_faults(self) -> None:
        """Call off every planned fault."""
        async with self._session.delete(f"{self._url}/_control/faults") as answer:
            answer.raise_for_status()

    async def file(self, file_id: str) -> bytes:
        """Return the bytes of a file that somebody sent, however large."""
        async with self._session.get(f"{self._url}/_control/file", params={"id": file_id}) as answer:
            answer.raise_for_status()
            return await answer.read()

    async def strict_rates(self, on: bool) -> None:
        """Switch the enforcement of the published send rates."""
        await self._post("settings", {"strict_rates": on}, dict[str, object])

    async def privacy(self, on: bool) -> None:
        """Switch the bot's privacy mode: in groups it then sees only what is meant for it."""
        await self._post("settings", {"privacy": on}, dict[str, object])

    async def joins(self, on: bool) -> None:
        """Switch whether the bot can be added to groups."""
        await self._post("settings", {"joins": on}, dict[str, object])

    async def place(self, address: str, where: str) -> None:
        """Say where an https address really is, for webhooks that are set from now on."""
        await self._post("settings", {"places": {address: where}}, dict[str, object])

    async def member(self, chat_id: int, status: str, *, user_id: int = 7001, can_send: bool = True) -> Injected:
        """Let a person change the bot's standing in a chat: member, restricted, left, kicked."""
        return await self._act(kind="member", chat_id=chat_id, user_id=user_id, status=status, can_send=can_send)

    async def migrate(self, chat_id: int, new_chat_id: int, *, user_id: int = 7001) -> Injected:
        """Let a group become a supergroup: both say so, and the old one cannot be written to."""
        return await self._act(kind="migrate", chat_id=chat_id, user_id=user_id, new_chat_id=new_chat_id)

    async def reset(self) -> None:
        """Let the stand-in forget everything."""
        await self._post("reset", {}, dict[str, object])

    async def sent(self, at_least: int = 0, timeout: float = 10.0) -> list[Record]:
        """Return the bot's messages, waiting until there are enough; raises DeadlineMissed."""
        return await self._list("sent", at_least, timeout)

    async def requests(
        self, method: str = "", at_least: int = 0, timeout: float = 10.0, *, answered: bool = False
    ) -> list[Record]:
        """Return the requests, of one method if given, once enough have arrived or, so told, are answered."""
        flag = str(answered).lower()
        return await self._list("requests", at_least, timeout, method=method, answered=flag)

    async def acked(self, at_least: int = 0, timeout: float = 10.0) -> list[Record]:
        """Return the confirmations, waiting until there are enough."""
        return await self._list("acked", at_least, timeout)

    async def events(self, event: str = "", at_least: int = 0, timeout: float = 10.0) -> list[Record]:
        """Return journal records, of one kind if given, waiting until there are enough."""
        return await self._list("events", at_least, timeout, event=event)

    async def poller(self) -> Poller:
        """Tell who polls now and how much waits."""
        return await self._get("poller", {}, Poller)

    async def until_polling(self, polling: bool = True, timeout: float = 10.0) -> None:
        """Wait until a long poll is parked (or none is); raises DeadlineMissed."""
        found = await self._get("poller", {"polling": str(polling).lower(), "timeout": str(timeout)}, Poller)
        if not found.complete:
            raise DeadlineMissed(f"after {timeout} s still polling={found.polling}")

    async def _list(self, what: str, at_least: int, timeout: float, **narrow: str) -> list[Record]:
        query = {"min": str(at_least), "timeout": str(timeout), **narrow}
        found = await self._get(what, query, Listing)
        if not found.complete:
            shown = "\n".join(str(item) for item in found.items[-20:])
            raise DeadlineMissed(
                f"{what}: {len(found.items)} instead of {at_least} after {timeout} s; the last:\n{shown}"
            )
        return found.items

    async def _get(self, what: str, query: dict[str, str], kind: type[Answer]) -> Answer:
        async with self._session.get(f"{self._url}/_control/{what}", params=query) as answer:
            return await _decoded(answer, kind)

    async def _post(self, what: str, body: Record, kind: type[Answer]) -> Answer:
        async with self._session.post(f"{self._url}/_control/{what}", data=msgspec.json.encode(body)) as answer:
            return await _decoded(answer, kind)


async def _decoded(answer: aiohttp.ClientResponse, kind: type[Answer]) -> Answer:
    body = await answer.read()
    if answer.status != 200:
        raise ValueError(f"the stand-in refuses ({answer.status}): {body.decode()}")
    return msgspec.json.decode(body, type=kind)


def read_journal(file: Path) -> list[Record]:
    """Return the events of a `--state` file, also of one that is gone; a torn last line is left out."""
    lines = file.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=dict[str, object]) for line in lines]
