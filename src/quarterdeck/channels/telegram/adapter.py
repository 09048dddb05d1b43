"""The Telegram channel: a long poll in, one Bot API call per part out.

Nothing is stored of the feed's position. The server keeps what is not confirmed for 24 hours and gives it again
after a restart, and the inbox knows every act by its key. A remembered offset would be a danger: after a week of
silence the next update_id is random (api, Update), so that an old offset could confirm messages that nobody read.
Therefore an offset is sent once, to confirm what is committed, and then no more.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import SystemRandom
from typing import TypeVar
from urllib.parse import quote

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, NotFound, QuarterdeckError, Refused, Retry
from quarterdeck.base.secrets import Secret
from quarterdeck.base.supervise import EventLog
from quarterdeck.channels.telegram import able, cutting, updates, wire
from quarterdeck.channels.telegram.calls import REFUSED_TOKEN, Calls
from quarterdeck.channels.telegram.sending import ROOM, Sender
from quarterdeck.channels.telegram.settings import TelegramSettings
from quarterdeck.model.action import Part, StreamTo
from quarterdeck.model.inbound import Inbound
from quarterdeck.model.message import Attachment
from quarterdeck.model.permit import Permit, PresencePermit, StreamPermit
from quarterdeck.net import client as net
from quarterdeck.ports import ChannelHealth, FileSource, IntakePort, SendResult

T = TypeVar("T")
RETRY_S = (0.5, 30.0)


class TelegramChannel:
    """Implements ports.Channel for one bot."""

    def __init__(
        self,
        name: str,
        settings: TelegramSettings,
        token: Secret,
        client: net.Client,
        clock: Clock,
        log: EventLog,
        files: FileSource,
        *,
        streaming: str = "off",
    ) -> None:
        self._name = name
        self._poll_seconds = settings.poll_seconds
        self._client = client
        self._log = log
        self._calls = Calls(settings.api_root, token, client, clock)
        self._sender = Sender(name, self._calls, files, clock, log)
        self._username = ""
        self._offset = 0  # confirms what is committed; 0 when there is nothing to confirm
        self._wait = settings.poll_seconds  # of the next poll
        self._random = SystemRandom()
        self.capabilities = able.capabilities(streaming)

    def cut(self, text: str) -> Sequence[str]:
        """See ports.Channel.cut. The limit counts UTF-16 code units of the visible text."""
        return cutting.cut(text, ROOM)

    # --- in ---------------------------------------------------------------------------------------------------

    async def receive(self, intake: IntakePort) -> None:
        """See ports.Channel.receive. Confirms an update at Telegram only after its commit, with the next poll."""
        delay = RETRY_S[0]
        while True:
            try:
                if not self._username:
                    await self._introduce()
                await self._poll(intake)
                delay = RETRY_S[0]
            except (Retry, Conflict) as error:
                named = error.retry_after if isinstance(error, Retry) else None
                pause = named or self._random.uniform(delay / 2, delay)
                delay = min(delay * 2, RETRY_S[1])
                self._log.warning(
                    "telegram.receive_failed", connection=self._name, reason=str(error), seconds=round(pause, 2)
                )
                await asyncio.sleep(pause)

    async def check(self) -> list[str]:
        """What is wrong with token, webhook or network, in sentences; empty when the bot can be polled."""
        try:
            await self._introduce()
            webhook = _decode(await self._ask("getWebhookInfo", wire.Nothing()), wire.Webhook)
        except Retry as error:
            return [str(error)]
        if webhook.url:
            return [_WEBHOOK]
        return []

    async def _introduce(self) -> None:
        me = _decode(await self._ask("getMe", wire.Nothing()), updates.User)
        self._username = me.username
        self._calls.note(alive=True, authenticated=True, detail=f"bot @{me.username}")

    async def _poll(self, intake: IntakePort) -> None:
        body = wire.GetUpdates(self._wait, updates.WANTED, self._offset)
        given = await self._ask("getUpdates", body, self._wait)
        ids = _decode(given, tuple[updates.UpdateId, ...])
        raws = _decode(given, tuple[msgspec.Raw, ...])
        self._offset, self._wait = 0, self._poll_seconds
        self._calls.note(alive=True, authenticated=True, heard=True, detail=f"bot @{self._username}")
        if ids:
            await self._accept(intake, [self._read(one.update_id, raw) for one, raw in zip(ids, raws, strict=True)])

    async def _accept(self, intake: IntakePort, batch: Sequence[updates.Update]) -> None:
        """Commit a batch: in order within a room, rooms beside each other, so that they share the store's commits.

        What could not be committed is not confirmed, nor anything behind it, and comes again.
        """
        rooms: dict[str, list[tuple[int, Inbound]]] = {}
        for update in batch:
            if (act := updates.inbound(self._name, update)) is not None:
                rooms.setdefault(act.room.native_id, []).append((update.update_id, act))
            else:
                self._log.info("telegram.update_ignored", connection=self._name, update=update.update_id)
        failures = [failure for failure in await self._accept_rooms(intake, [*rooms.values()]) if failure is not None]
        if not failures:
            self._offset = max(update.update_id for update in batch) + 1
            return
        self._offset = min(update_id for update_id, _ in failures)
        raise max((error for _, error in failures), key=_severity)

    async def _accept_rooms(
        self, intake: IntakePort, rooms: Sequence[Sequence[tuple[int, Inbound]]]
    ) -> list[tuple[int, QuarterdeckError] | None]:
        if len(rooms) == 1:  # the ordinary case needs no task of its own
            return [await self._accept_room(intake, rooms[0])]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._accept_room(intake, acts)) for acts in rooms]
        return [task.result() for task in tasks]

    async def _accept_room(
        self, intake: IntakePort, acts: Sequence[tuple[int, Inbound]]
    ) -> tuple[int, QuarterdeckError] | None:
        for update_id, act in acts:
            try:
                await intake.accept(act)
            except QuarterdeckError as error:  # raised again by the caller when the other rooms are done
                return update_id, error
            self._calls.note(inbound=True)
        return None

    def _read(self, update_id: int, raw: msgspec.Raw) -> updates.Update:
        """An update. One that cannot be read is reported and confirmed: it would come for ever."""
        try:
            return msgspec.json.decode(raw, type=updates.Update)
        except msgspec.DecodeError as error:
            self._log.error("telegram.update_unreadable", connection=self._name, update=update_id, reason=str(error))
            return updates.Update(update_id)

    def fetch(self, file: Attachment, max_bytes: int) -> AsyncIterator[bytes]:
        """See ports.Channel.fetch. Telegram gives files of up to 20 MB (api, getFile)."""
        return self._fetch(file, max_bytes)

    async def _fetch(self, file: Attachment, max_bytes: int) -> AsyncIterator[bytes]:
        given = await self._calls.call("getFile", wire.GetFile(file.native_id))
        if not isinstance(given, wire.Answer):
            raise Retry(given.reason)
        if given.code == 400:  # "file is too big" (server, do_get_file), "invalid file_id" (seen)
            raise Refused(f"Telegram does not give {file.name}: {given.reason}")
        if not given.ok:
            raise Retry(given.reason, _retry_after(given))
        out = self._calls.file(quote(_decode(given, wire.FilePath).file_path), max_bytes)
        try:
            async with self._client.stream(out) as answer:
                if answer.status == 404:
                    raise NotFound(f"the file {file.name} is gone")
                if answer.status != 200:
                    raise Retry(f"Telegram's file server answered {answer.status}")
                async for chunk in answer.chunks():
                    yield chunk
        except net.TooLarge:
            raise Refused(f"the file {file.name} is larger than {max_bytes} bytes") from None
        except net.NetError as error:
            raise Retry(str(error)) from error

    # --- out --------------------------------------------------------------------------------------------------

    async def send(self, part: Part, permit: Permit) -> SendResult:
        """See ports.Channel.send."""
        permit.spend(part)
        return await self._sender.send(part)

    async def edit(self, part: Part, native_id: str, permit: Permit) -> SendResult:
        """See ports.Channel.edit."""
        permit.spend(part)
        return await self._sender.edit(part, native_id)

    async def show(self, stream: StreamTo, text: str, native_id: str, permit: StreamPermit) -> SendResult:
        """See ports.Channel.show."""
        permit.check(stream)
        return await self._sender.show(stream, text, native_id)

    async def draft(self, room: str, number: int, text: str, permit: PresencePermit) -> bool:
        """See ports.Channel.draft."""
        permit.check(self._name, room)
        return await self._sender.draft(room, number, text)

    async def typing(self, room: str, permit: PresencePermit) -> None:
        """See ports.Channel.typing."""
        permit.check(self._name, room)
        await self._sender.typing(room)

    # --- both -------------------------------------------------------------------------------------------------

    def health(self) -> ChannelHealth:
        """See ports.Channel.health. `detail` names the bot, or says what is wrong and what to do."""
        return self._calls.health

    async def close(self) -> None:
        """The client is shared; nothing of its own is held."""

    async def _ask(self, method: str, body: wire.Body, wait: float = 0.0) -> wire.Answer:
        """A call of the receiving side. Raises Retry after noting what is wrong; `retry_after` where it is known."""
        given = await self._calls.call(method, body, wait)
        if not isinstance(given, wire.Answer):
            self._wait = 0  # the next poll answers at once, so that health is soon known again
            self._calls.note(alive=False, detail=given.reason)
            raise Retry(given.reason)
        if given.ok:
            return given
        if given.said and given.code in (401, 404):
            self._username = ""
            self._calls.note(alive=False, authenticated=False, detail=REFUSED_TOKEN)
            raise Retry(REFUSED_TOKEN, wire.REFUSED_TOKEN_SECONDS)
        if given.code == 409:  # server: process_get_updates_query, abort_long_poll
            problem = _WEBHOOK if "webhook" in given.reason.lower() else _OTHER
            self._calls.note(alive=False, detail=problem)
            raise Retry(problem)
        self._wait = 0
        self._calls.note(alive=False, detail=given.reason)
        raise Retry(given.reason, _retry_after(given))


_OTHER = "another process polls this bot; stop it, or give this connection a bot of its own"
_WEBHOOK = "a webhook is set for this bot, so it cannot be polled; whoever set it must remove it (deleteWebhook)"


def _decode(given: wire.Answer, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(given.said.result if given.said else b"", type=kind)
    except msgspec.DecodeError as error:
        raise Retry(f"an answer of Telegram cannot be read: {error}") from error


def _retry_after(given: wire.Answer) -> float | None:
    return (given.said.parameters.retry_after if given.said else 0.0) or None


def _severity(error: QuarterdeckError) -> int:
    """What may pass is the least of several failures."""
    return 0 if isinstance(error, Retry) else 1 if isinstance(error, Conflict) else 2
