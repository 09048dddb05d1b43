"""The Telegram channel: receiving and sending as one port, and the permits of what is sent."""

from collections.abc import AsyncIterator, Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.secrets import Secret
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.channels.telegram import able, cutting, fetching, looking, menu
from quarterdeck.channels.telegram.calls import Calls
from quarterdeck.channels.telegram.receiving import Receiving, webhook_secret
from quarterdeck.channels.telegram.sending import ROOM, Sender
from quarterdeck.channels.telegram.settings import TelegramSettings
from quarterdeck.model.action import Part, StreamTo
from quarterdeck.model.finding import Finding, Group
from quarterdeck.model.menu import Menu
from quarterdeck.model.message import Attachment
from quarterdeck.model.permit import Permit, PresencePermit, StreamPermit
from quarterdeck.model.webhook import Accept, WebhookCall
from quarterdeck.net import client as net
from quarterdeck.ports import ChannelHealth, FileSource, IntakePort, SendResult


class TelegramChannel:
    """Implements ports.Channel and TakesWebhooks for one bot. `public_url` is where this gateway is reached."""

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
        public_url: str = "",
    ) -> None:
        self._name = name
        self._client = client
        self._log = log
        self._calls = Calls(settings.api_root, token, client, clock)
        self._sender = Sender(name, self._calls, files, clock, log)
        secret = webhook_secret(token, name)
        self._address = _address(name, settings, public_url)
        self._receiving = Receiving(name, self._calls, log, settings, self._address, secret)
        self.capabilities = able.capabilities(streaming)

    def cut(self, text: str) -> Sequence[str]:
        """See ports.Channel.cut. The limit counts UTF-16 code units of the visible text."""
        return cutting.cut(text, ROOM)

    # --- in ---------------------------------------------------------------------------------------------------

    async def receive(self, intake: IntakePort) -> None:
        """See ports.Channel.receive. An update is confirmed at Telegram only after its commit."""
        await self._receiving.run(intake)

    async def called(self, call: WebhookCall, accept: Accept) -> None:
        """See model.webhook.TakesWebhooks.called."""
        await self._receiving.called(call, accept)

    async def check(self) -> list[str]:
        """What is wrong with token, webhook or network, in sentences; empty when the bot can receive."""
        return await self._receiving.check()

    async def findings(self, groups: Sequence[Group]) -> list[Finding]:
        """See actions.findings.Explains."""
        return await looking.look(self._calls, self._address, groups)

    def fetch(self, file: Attachment, max_bytes: int) -> AsyncIterator[bytes]:
        """See ports.Channel.fetch."""
        return fetching.fetch(self._calls, self._client, file, max_bytes)

    async def show_menu(self, offered: Menu, life: Life) -> None:
        """See flow.menu.HasMenu."""
        await menu.show(self._name, self._calls, self._log, offered, life)

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

    async def react(self, room: str, native_id: str, permit: PresencePermit, *, on: bool) -> bool:
        """See ports.Channel.react."""
        permit.check(self._name, room)
        return await self._sender.react(room, native_id, on=on)

    # --- both -------------------------------------------------------------------------------------------------

    def health(self) -> ChannelHealth:
        """See ports.Channel.health. `detail` names the bot, or says what is wrong and what to do."""
        return self._calls.health

    async def close(self) -> None:
        """The client is shared; nothing of its own is held."""


def _address(name: str, settings: TelegramSettings, public_url: str) -> str:
    """Where Telegram is to call, empty for a long poll. Raises ConfigRefused without an https address of ours."""
    if settings.mode == "poll":
        return ""
    if not public_url.startswith("https://"):
        reason = 'mode "webhook" needs an https address at which Telegram reaches this gateway'
        fix = 'Set server.public_url = "https://..." (port 443, 80, 88 or 8443), or mode = "poll"'
        raise ConfigRefused(f"connections.{name}.mode", reason, fix)
    return f"{public_url.rstrip('/')}/hooks/{name}"
