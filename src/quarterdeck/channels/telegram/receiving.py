"""How do updates come in, by long poll or by webhook, and when does Telegram hear that they are kept?

Nothing is stored of the feed's position. The server keeps what is not confirmed for 24 hours and gives it again
after a restart, and the inbox knows every act by its key. A remembered offset would be a danger: after a week of
silence the next update_id is random (api, Update), so that an old offset could confirm messages that nobody read.
Therefore an offset is sent once, to confirm what is committed, and then no more. The same key, whichever way an
update came, is also what makes a repeated webhook call harmless.
"""

import asyncio
import hmac
from collections.abc import Sequence
from random import SystemRandom

import msgspec

from quarterdeck.base.errors import Conflict, NotAllowed, NotFound, QuarterdeckError, Retry
from quarterdeck.base.outside import UNREADABLE
from quarterdeck.base.secrets import Secret
from quarterdeck.base.supervise import EventLog
from quarterdeck.channels.telegram import updates, wire
from quarterdeck.channels.telegram.acts import PRESS, Acts
from quarterdeck.channels.telegram.calls import OTHER_POLLER, REFUSED_TOKEN, Calls, decode
from quarterdeck.channels.telegram.settings import TelegramSettings
from quarterdeck.model.inbound import Acceptance, Accepted, Inbound
from quarterdeck.model.webhook import Accept, WebhookCall
from quarterdeck.ports import IntakePort

RETRY_S = (0.5, 30.0)
SECRET = "x-telegram-bot-api-secret-token"  # noqa: S105  the header's name (api, setWebhook)
NOBODY = updates.Me(0, "")


class Receiving:
    """Receives for one bot. `address` is where Telegram is to call, with which secret; empty for a long poll."""

    def __init__(
        self, name: str, calls: Calls, log: EventLog, settings: TelegramSettings, address: str, secret: str
    ) -> None:
        self._name = name
        self._calls = calls
        self._log = log
        self._settings = settings
        self._address = address
        self._secret = secret
        self._acts = Acts(name)
        self._me = NOBODY
        self._asking = asyncio.Lock()
        self._offset = 0  # confirms what is committed; 0 when there is nothing to confirm
        self._wait = settings.poll_seconds  # of the next poll
        self._random = SystemRandom()
        self._set = False  # whether this process has set the webhook, and so knows its secret

    async def run(self, intake: IntakePort) -> None:
        """See ports.Channel.receive."""
        delay = RETRY_S[0]
        while True:
            try:
                if self._me == NOBODY:
                    await self._introduce()
                await (self._watch() if self._address else self._poll(intake))
                delay = RETRY_S[0]
            except (Retry, Conflict) as error:
                self._wait = 0  # the next poll answers at once, so that health is soon known again
                if str(error) == REFUSED_TOKEN:
                    self._me = NOBODY
                named = error.retry_after if isinstance(error, Retry) else None
                pause = named or self._random.uniform(delay / 2, delay)
                delay = min(delay * 2, RETRY_S[1])
                self._log.warning(
                    "telegram.receive_failed", connection=self._name, reason=str(error), seconds=round(pause, 2)
                )
                await asyncio.sleep(pause)

    async def check(self) -> list[str]:
        """What is wrong with token, webhook or network, in sentences; empty when the bot can receive."""
        try:
            await self._introduce()
            webhook = await self._calls.webhook()
        except Retry as error:
            return [str(error)]
        if webhook.url == self._address:
            return [f"Telegram could not call us: {webhook.last_error_message}"] if webhook.last_error_message else []
        if not self._address:
            return [f"a webhook is set ({webhook.url}); it is removed when the gateway starts to poll"]
        return [f"the webhook is {webhook.url or 'not set'}, not {self._address}; it is set when the gateway starts"]

    async def _introduce(self) -> None:
        """Ask who the bot is. Raises Retry."""
        me = await self._calls.me()
        self._me = updates.Me(me.id, me.username)
        self._calls.note(alive=True, authenticated=True, detail=f"bot @{me.username}")

    # --- by long poll -----------------------------------------------------------------------------------------

    async def _poll(self, intake: IntakePort) -> None:
        body = wire.GetUpdates(self._wait, updates.WANTED, self._offset)
        given = await self._calls.ask("getUpdates", body, self._wait)
        if not given.ok:  # server: process_get_updates_query, abort_long_poll
            await self._exclude(given.reason)
        ids = decode(given, tuple[updates.UpdateId, ...])
        raws = decode(given, tuple[msgspec.Raw, ...])
        self._offset, self._wait = 0, self._settings.poll_seconds
        self._calls.note(alive=True, authenticated=True, heard=True, detail=f"bot @{self._me.username}")
        if ids:
            await self._accept(intake, [self._read(one.update_id, raw) for one, raw in zip(ids, raws, strict=True)])

    async def _exclude(self, reason: str) -> None:
        """A poll met another way of receiving: a webhook, which has to go, or somebody else's poll. Raises Retry."""
        if "webhook" not in reason.lower():
            self._calls.note(alive=False, detail=OTHER_POLLER)
            raise Retry(OTHER_POLLER)
        url = (await self._calls.webhook()).url
        self._calls.note(alive=False, detail=f"the webhook {url} is in the way of polling; it is being removed")
        await self._calls.ask("deleteWebhook", wire.Nothing())  # what waits for it is kept, and comes by poll
        self._log.warning("telegram.webhook_removed", connection=self._name, url=url, reason='mode is "poll"')
        raise Retry(f"the webhook {url} was in the way of polling and is removed", RETRY_S[0])

    async def _accept(self, intake: IntakePort, batch: Sequence[updates.Update]) -> None:
        """Commit a batch: in order within a room, rooms beside each other, so that they share the store's commits.

        What could not be committed is not confirmed, nor anything behind it, and comes again.
        """
        rooms: dict[str, list[tuple[int, Inbound]]] = {}
        for update in batch:
            if (act := self._act(update)) is not None:
                rooms.setdefault(act.room.native_id, []).append((update.update_id, act))
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
                accepted = await intake.accept(act)
            except QuarterdeckError as error:  # raised again by the caller when the other rooms are done
                return update_id, error
            self._calls.note(inbound=True)
            if act.kind == "press":
                await self._answer(act, accepted)
        return None

    def _act(self, update: updates.Update) -> Inbound | None:
        act = self._acts.read(update, self._me)
        if act is None:
            reason = "no act" if update.asked_for else "not asked for"
            self._log.info("telegram.update_ignored", connection=self._name, update=update.update_id, reason=reason)
        return act

    async def _answer(self, act: Inbound, accepted: Acceptance) -> None:
        """Acknowledge a press that is committed; best effort: Telegram takes that for a while only."""
        told = accepted.told if isinstance(accepted, Accepted) else ""
        body = wire.AnswerCallbackQuery(act.act_key.removeprefix(PRESS), told)
        given = await self._calls.call("answerCallbackQuery", body)
        if not isinstance(given, wire.Answer) or not given.ok:
            self._log.info("telegram.press_unanswered", connection=self._name, reason=given.reason)

    def _read(self, update_id: int, raw: msgspec.Raw | bytes) -> updates.Update:
        """An update. One that cannot be read is reported and confirmed: it would come for ever."""
        try:
            return msgspec.json.decode(raw, type=updates.Update)
        except UNREADABLE as error:
            self._log.error("telegram.update_unreadable", connection=self._name, update=update_id, reason=str(error))
            return updates.Update(update_id)

    # --- by webhook -------------------------------------------------------------------------------------------

    async def called(self, call: WebhookCall, accept: Accept) -> None:
        """See TakesWebhooks.called. The secret is in a header, so that no body is read before it is known.

        Raises Retry where Telegram does not say who the bot is.
        """
        if not self._address:
            raise NotFound(f'the connection {self._name} takes no webhook; its mode is "poll"')
        if not hmac.compare_digest(call.header(SECRET).encode(), self._secret.encode()):
            raise NotAllowed("webhook.secret", "the secret token is missing or wrong", "Only Telegram calls this.")
        async with self._asking:  # without it nobody knows who is mentioned; another process may be who receives
            if self._me == NOBODY:
                await self._introduce()
        body = await call.body()
        update = self._read(_number(body), body)
        if (act := self._act(update)) is not None:
            accepted = await accept(act)
            self._calls.note(alive=True, authenticated=True, inbound=True)
            if act.kind == "press":
                await self._answer(act, accepted)

    async def _watch(self) -> None:
        """Set the webhook where it is not as it should be, and look again after a while: others may have changed it."""
        found = await self._calls.webhook()
        late = found.last_error_message if found.pending_update_count else ""
        ours = found.url == self._address and set(found.allowed_updates) == {*updates.WANTED}
        if not (self._set and ours) or late:  # one that fails may have somebody else's secret: nobody can look at it
            if self._set:
                self._log.warning("telegram.webhook_wrong", connection=self._name, url=found.url, reason=late)
            wanted = wire.SetWebhook(self._address, self._secret, updates.WANTED, self._settings.max_connections)
            given = await self._calls.ask("setWebhook", wanted)
            if not given.ok:
                raise Retry(given.reason)
            self._log.info("telegram.webhook_set", connection=self._name, url=self._address)
            self._set = True
        detail = f"Telegram cannot call {self._address}: {late}" if late else f"bot @{self._me.username}, by webhook"
        self._calls.note(alive=not late, authenticated=True, heard=not late, detail=detail)
        await asyncio.sleep(self._settings.webhook_check_seconds)


def webhook_secret(token: Secret, connection: str) -> str:
    """What Telegram is to show us: it follows from the bot's token, so nothing has to be kept, and a new token brings a
    new one. Of the letters that are allowed (api, setWebhook).
    """
    about = f"quarterdeck webhook {connection}"
    return hmac.digest(token.reveal().encode(), about.encode(), "sha256").hex()


def _number(body: bytes) -> int:
    """The id of an update that may be unreadable otherwise; 0 where it has none."""
    try:
        return msgspec.json.decode(body, type=updates.UpdateId).update_id
    except UNREADABLE:
        return 0


def _severity(error: QuarterdeckError) -> int:
    """What may pass is the least of several failures."""
    return 0 if isinstance(error, Retry) else 1 if isinstance(error, Conflict) else 2
