"""How does a part get to Telegram, and what became of it? One call each; nothing is tried again here."""

import asyncio
from collections import OrderedDict

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import NotFound, Retry
from quarterdeck.base.supervise import EventLog
from quarterdeck.channels.telegram import cutting, markdown, media, wire
from quarterdeck.channels.telegram.calls import REFUSED_TOKEN, Calls, retry_after
from quarterdeck.model.action import Part, StreamTo
from quarterdeck.model.message import Attachment
from quarterdeck.ports import (
    MARK_RESERVE,
    FileSource,
    MaybeSent,
    NotSent,
    SendRefused,
    SendResult,
    Sent,
)

ROOM = wire.TEXT_UNITS - MARK_RESERVE
PLAIN_REMEMBERED = 1000
UPLOADS_AT_ONCE = 2  # each holds its file in memory, twice while it is put into a form


class Sender:
    """The outgoing half of one bot."""

    def __init__(self, connection: str, calls: Calls, files: FileSource, clock: Clock, log: EventLog) -> None:
        self._connection = connection
        self._calls = calls
        self._files = files
        self._clock = clock
        self._log = log
        self._plain: OrderedDict[str, None] = OrderedDict()  # keys of parts that Telegram did not take in their form
        self._limited = ("", 0.0)  # the room that last met a limit, and the monotonic time of its end
        self._no_reactions_until = 0.0  # monotonic; the end of a limit that a reaction met
        self._uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)

    async def send(self, part: Part) -> SendResult:
        """A new message."""
        if part.file is not None:
            return await self._send_file(part, part.file)
        if part.unbutton:
            return await self._unbutton(part)
        text, html = self._text(part)
        body = wire.send_message(part.room, text, html=html, reply_to=part.reply_to, buttons=part.buttons)
        return await self._deliver(part, body)

    async def edit(self, part: Part, native_id: str) -> SendResult:
        """Another text for a message."""
        text, html = self._text(part)
        return await self._deliver(part, wire.edit_message(part.room, native_id, text, html=html), native_id)

    async def show(self, stream: StreamTo, text: str, native_id: str) -> SendResult:
        """A growing answer as plain text: Markdown that still grows would flicker; `edit` formats it."""
        text = cutting.head(text, ROOM)
        if not text.strip():
            return NotSent("there is nothing to show yet")
        if native_id:
            return await self._say(stream.room, wire.edit_message(stream.room, native_id, text, html=False), native_id)
        return await self._say(stream.room, wire.send_message(stream.room, text, html=False))

    async def draft(self, room: str, number: int, text: str) -> bool:
        """A growing answer as Telegram's own draft; whether the next one may be tried."""
        if not room.isdecimal():  # private chats only (api, sendMessageDraft); the ids of others are negative
            return False
        text = cutting.head(text, ROOM)
        if not text.strip():
            return True
        given = await self._calls.call("sendMessageDraft", wire.SendMessageDraft(room, number, text))
        if isinstance(given, wire.Answer) and given.ok:
            return True
        self._log.info("telegram.draft_failed", connection=self._connection, reason=given.reason)
        return not isinstance(given, wire.Answer) or given.code in (429, 500, 502, 503, 504)

    async def typing(self, room: str) -> None:
        """Best effort."""
        given = await self._calls.call("sendChatAction", wire.typing(room))
        if not isinstance(given, wire.Answer) or not given.ok:
            self._log.info("telegram.typing_failed", connection=self._connection, reason=given.reason)

    async def react(self, room: str, native_id: str, *, on: bool) -> bool:
        """Our reaction on a person's message; whether it was taken. After a limit none until its end."""
        if self._clock.monotonic() < self._no_reactions_until:
            return False
        given = await self._calls.call("setMessageReaction", wire.set_reaction(room, native_id, on=on))
        if isinstance(given, wire.Answer) and given.ok:
            return True
        if isinstance(given, wire.Answer) and given.code == 429:
            self._no_reactions_until = self._clock.monotonic() + (retry_after(given) or 1.0)
        self._log.info("telegram.reaction_failed", connection=self._connection, reason=given.reason)
        return False

    def _text(self, part: Part) -> tuple[str, bool]:
        """What goes over the wire, and whether it is HTML."""
        rendered = markdown.render(part.text)
        return (rendered.visible, False) if part.key in self._plain else (rendered.html, True)

    async def _deliver(
        self, part: Part, body: wire.SendMessage | wire.EditMessageText, native_id: str = ""
    ) -> SendResult:
        result = await self._say(part.room, body, native_id)
        if not isinstance(result, SendRefused) or result.code != wire.CANNOT_PARSE:
            return result
        return self._plainer(part, result)

    def _plainer(self, part: Part, refused: SendRefused) -> SendResult:
        """Nothing was sent and this permit is used up: the next attempt, under its own, sends the plainest form."""
        if part.key in self._plain:
            return refused
        self._plain[part.key] = None
        if len(self._plain) > PLAIN_REMEMBERED:
            self._plain.popitem(last=False)
        self._log.warning("telegram.not_taken", connection=self._connection, part=part.key, reason=refused.reason)
        return NotSent(refused.reason, 0.0)

    async def _send_file(self, part: Part, file: Attachment) -> SendResult:
        """A photo or voice note that Telegram does not take as such is sent as a document by the next attempt."""
        method = media.method_for(file, plain=part.key in self._plain)
        async with self._uploads:
            try:
                content = await self._files.read(file.blob)
            except NotFound as error:
                return SendRefused("file_gone", str(error))
            except Retry as error:
                return NotSent(str(error), error.retry_after, room_only=False)
            given = await self._calls.upload(method, media.form(part, file, method, content))
        result = self._fate(part.room, given)
        if isinstance(result, SendRefused) and result.code in wire.FORM_REFUSED and method != media.DOCUMENT:
            return self._plainer(part, result)
        return result

    async def _unbutton(self, part: Part) -> SendResult:
        """Take the buttons off a message. One that is gone has none."""
        body = wire.EditMessageReplyMarkup(wire.address(part.room)[0], int(part.unbutton))
        result = self._fate(part.room, await self._calls.call("editMessageReplyMarkup", body), part.unbutton)
        gone = isinstance(result, SendRefused) and result.code == wire.MESSAGE_GONE
        return Sent(part.unbutton) if gone else result

    async def _say(self, room: str, body: wire.SendMessage | wire.EditMessageText, native_id: str = "") -> SendResult:
        method = "sendMessage" if isinstance(body, wire.SendMessage) else "editMessageText"
        return self._fate(room, await self._calls.call(method, body), native_id)

    def _fate(self, room: str, given: wire.Answer | NotSent | MaybeSent, native_id: str = "") -> SendResult:
        if not isinstance(given, wire.Answer):
            return given
        result = wire.fate(given, native_id)
        if isinstance(result, Sent):
            self._calls.note(alive=True, authenticated=True, outbound=True)
        elif isinstance(result, NotSent) and given.code == 429:
            return self._paced(room, result)
        elif given.said and given.code in (401, 404):
            self._calls.note(authenticated=False, detail=REFUSED_TOKEN)
        return result

    def _paced(self, room: str, limited: NotSent) -> NotSent:
        """Telegram does not say which limit was met. A second room while the first still waits means: the bot's."""
        other, until = self._limited
        now = self._clock.monotonic()
        self._limited = (room, now + (limited.retry_after or 0.0))
        if other in ("", room) or until <= now:
            return limited
        return NotSent(limited.reason, limited.retry_after, room_only=False)
