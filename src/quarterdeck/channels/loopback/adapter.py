"""The loopback channel: a long poll in, one HTTP call per part out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar
from urllib.parse import quote

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import NotFound, Refused, Retry
from quarterdeck.base.outside import UNREADABLE
from quarterdeck.base.secrets import Secret
from quarterdeck.base.supervise import EventLog
from quarterdeck.channels.loopback import wire
from quarterdeck.channels.loopback.settings import LoopbackSettings
from quarterdeck.model.action import Part, StreamTo
from quarterdeck.model.button import ButtonRows
from quarterdeck.model.inbound import Acceptance, Accepted, Inbound
from quarterdeck.model.message import Attachment
from quarterdeck.model.permit import Permit, PresencePermit, StreamPermit
from quarterdeck.net import client as net
from quarterdeck.net.outgoing import Outgoing, Response, Timeouts
from quarterdeck.ports import (
    ChannelHealth,
    FileSource,
    IntakePort,
    MaybeSent,
    NotSent,
    SendRefused,
    SendResult,
    Sent,
)

T = TypeVar("T")
RETRY_S = (0.2, 10.0)
CALL_SECONDS = 20.0


class LoopbackChannel:
    """Implements ports.Channel."""

    def __init__(
        self,
        name: str,
        settings: LoopbackSettings,
        token: Secret,
        client: net.Client,
        clock: Clock,
        log: EventLog,
        files: FileSource,
    ) -> None:
        self._name = name
        self._settings = settings
        self._token = token
        self._client = client
        self._clock = clock
        self._log = log
        self._files = files
        self._health = ChannelHealth(alive=False, authenticated=False)
        self.capabilities = settings.capabilities

    def cut(self, text: str) -> Sequence[str]:
        """See ports.Channel.cut."""
        return wire.cut(text, self._settings.limit)

    # --- in ---------------------------------------------------------------------------------------------------

    async def receive(self, intake: IntakePort) -> None:
        """See ports.Channel.receive. Asking behind an event confirms it, so that comes after its commit."""
        cursor, wait = 0, 0.0  # the first question, and the first after trouble, is answered at once: health is known
        delay = RETRY_S[0]
        while True:
            try:
                cursor = await self._poll(intake, cursor, wait)
                delay, wait = RETRY_S[0], self._settings.poll_seconds
            except (Retry, net.NetError) as error:
                wait = 0.0
                self._note(alive=False, detail=str(error))
                self._log.warning("loopback.poll_failed", connection=self._name, reason=str(error))
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_S[1])

    async def _poll(self, intake: IntakePort, cursor: int, wait: float) -> int:
        path = f"/events?after={cursor}&wait={wait:g}&limit=100"
        answer = await self._client.request(
            Outgoing(
                method="GET",
                url=self._settings.api_root + path,
                trusted=True,
                headers=self._headers(),
                timeouts=Timeouts(first_byte=wait + 10, idle=10, total=wait + 20),
            )
        )
        if answer.status != 200:
            self._note(alive=True, authenticated=answer.status != 401)
            raise Retry(f"the feed answered {answer.status}")
        self._note(alive=True, authenticated=True, heard=True)
        for event in _decode(answer, wire.WireFeed).events:
            act = wire.inbound(self._name, event)
            if act is not None:
                accepted = await intake.accept(act)
                self._note(alive=True, authenticated=True, inbound=True)
                if act.kind == "press":
                    await self._answer(act, accepted)
            cursor = event.seq
        return cursor

    async def _answer(self, act: Inbound, accepted: Acceptance) -> None:
        """Tell the one who pressed that it was taken, with a line where there is something to say; best effort."""
        told = accepted.told if isinstance(accepted, Accepted) else ""
        path = f"/presses/{quote(act.act_key.removeprefix(wire.PRESS), safe='')}"
        await self._call(self._out("POST", path, msgspec.json.encode({"text": told})))

    def fetch(self, file: Attachment, max_bytes: int) -> AsyncIterator[bytes]:
        """See ports.Channel.fetch."""
        return self._fetch(file, max_bytes)

    async def _fetch(self, file: Attachment, max_bytes: int) -> AsyncIterator[bytes]:
        out = self._out("GET", f"/files/{quote(file.native_id, safe='')}", None, max_bytes=max_bytes)
        try:
            async with self._client.stream(out) as answer:
                if answer.status == 404:
                    raise NotFound(f"the file {file.name} is gone")
                if answer.status != 200:
                    raise Retry(f"the file server answered {answer.status}")
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
        if part.unbutton:
            return await self._unbutton(part)
        upload = None
        if part.file is not None:
            try:
                content = await self._files.read(part.file.blob)
            except NotFound as error:
                return SendRefused("file_gone", str(error))
            except Retry as error:
                return NotSent(str(error), error.retry_after, room_only=False)
            upload = wire.WireUpload(part.file.name, part.file.mime, content)
        return await self._say(part.room, part.text, part.key, part.reply_to, upload, part.buttons)

    async def show(self, stream: StreamTo, text: str, native_id: str, permit: StreamPermit) -> SendResult:
        """See ports.Channel.show."""
        permit.check(stream)
        if native_id:
            return await self._edit(stream.room, native_id, text)
        return await self._say(stream.room, text, "", "")

    async def edit(self, part: Part, native_id: str, permit: Permit) -> SendResult:
        """See ports.Channel.edit."""
        permit.spend(part)
        return await self._edit(part.room, native_id, part.text)

    async def draft(self, room: str, number: int, text: str, permit: PresencePermit) -> bool:
        """See ports.Channel.draft. There are none here."""
        permit.check(self._name, room)
        return False

    async def typing(self, room: str, permit: PresencePermit) -> None:
        """See ports.Channel.typing."""
        permit.check(self._name, room)
        await self._call(self._out("POST", f"/rooms/{quote(room, safe='')}/typing", b"{}"))

    async def react(self, room: str, native_id: str, permit: PresencePermit, *, on: bool) -> bool:
        """See ports.Channel.react."""
        permit.check(self._name, room)
        path = f"/rooms/{quote(room, safe='')}/messages/{quote(native_id, safe='')}/reaction"
        answer = await self._call(self._out("PUT" if on else "DELETE", path, b"{}" if on else None))
        return isinstance(answer, Response) and answer.status < 300

    async def _say(
        self,
        room: str,
        text: str,
        key: str,
        reply_to: str,
        file: wire.WireUpload | None = None,
        buttons: ButtonRows = (),
    ) -> SendResult:
        said = wire.WireSend(text, key if self._settings.keys else "", reply_to, file, wire.wire_buttons(buttons))
        body = msgspec.json.encode(said)
        answer = await self._call(self._out("POST", f"/rooms/{quote(room, safe='')}/messages", body))
        if not isinstance(answer, Response):
            return answer
        return Sent(_decode(answer, wire.WireId).id) if answer.status < 300 else _refusal(answer)

    async def _edit(self, room: str, native_id: str, text: str) -> SendResult:
        path = f"/rooms/{quote(room, safe='')}/messages/{quote(native_id, safe='')}"
        answer = await self._call(self._out("PUT", path, msgspec.json.encode({"text": text})))
        if not isinstance(answer, Response):
            return answer
        return Sent(native_id) if answer.status < 300 else _refusal(answer)

    async def _unbutton(self, part: Part) -> SendResult:
        room, message = quote(part.room, safe=""), quote(part.unbutton, safe="")
        answer = await self._call(self._out("DELETE", f"/rooms/{room}/messages/{message}/buttons", None))
        if not isinstance(answer, Response):
            return answer
        result = Sent(part.unbutton) if answer.status < 300 else _refusal(answer)
        gone = isinstance(result, SendRefused) and result.code == "unknown_message"
        return Sent(part.unbutton) if gone else result

    async def _call(self, out: Outgoing) -> Response | NotSent | MaybeSent:
        try:
            answer = await self._client.request(out)
        except net.NotSent as error:
            return NotSent(str(error), room_only=False)
        except net.NetError as error:
            return MaybeSent(str(error))
        if answer.status < 300:
            self._note(alive=True, authenticated=True, outbound=True)
        return answer

    # --- both -------------------------------------------------------------------------------------------------

    def health(self) -> ChannelHealth:
        """See ports.Channel.health."""
        return self._health

    async def close(self) -> None:
        """The client is shared; nothing of its own is held."""

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.reveal()}", "Content-Type": "application/json"}

    def _out(self, method: str, path: str, body: bytes | None, *, max_bytes: int = 1_000_000) -> Outgoing:
        return Outgoing(
            method=method,
            url=self._settings.api_root + path,
            trusted=True,
            headers=self._headers(),
            body=body,
            timeouts=Timeouts(first_byte=CALL_SECONDS, idle=CALL_SECONDS, total=CALL_SECONDS * 2),
            max_bytes=max_bytes,
        )

    def _note(
        self,
        *,
        alive: bool,
        authenticated: bool | None = None,
        inbound: bool = False,
        outbound: bool = False,
        heard: bool = False,
        detail: str = "",
    ) -> None:
        old, now = self._health, self._clock.now()
        self._health = ChannelHealth(
            alive,
            old.authenticated if authenticated is None else authenticated,
            now if inbound else old.last_inbound,
            now if outbound else old.last_outbound,
            detail,
            now if heard else old.last_heard,
            old.refused if authenticated is None else not authenticated,
        )


def _decode(answer: Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except UNREADABLE as error:
        raise Retry(f"the server's answer cannot be read: {error}") from error


def _refusal(answer: Response) -> SendResult:
    problem = _decode(answer, wire.WireError)
    if answer.status == 429:
        return NotSent("asked to slow down", problem.retry_after or 1.0)
    if answer.status >= 500:
        return MaybeSent(f"the server answered {answer.status}")
    return SendRefused(problem.error or str(answer.status), f"the server answered {answer.status}")
