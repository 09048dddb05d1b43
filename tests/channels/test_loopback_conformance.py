"""Does the loopback channel keep what a channel promises?"""

from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import Secret, SecretRef
from quarterdeck.channels.loopback.adapter import LoopbackChannel
from quarterdeck.channels.loopback.settings import LoopbackSettings
from quarterdeck.net.client import Client
from quarterdeck.plugins.guards.channel import GuardedChannel
from quarterdeck.ports import Channel
from quarterdeck.testing.channel import ChannelConformance, ChannelUnderTest, Trouble
from tests.channels.support import Bytes, KeptLog, nobody
from tests.standins.loopback import Fault, Inject, LoopbackStandin, Room, Settings, loopback_standin

pytestmark = pytest.mark.proves("channel.loopback", "G1")

ROOM = Room("r1", "dm", "Ada")
FAULTS: dict[Trouble, Fault] = {
    "drop_before": Fault(route="messages", kind="drop_before"),
    "drop_after": Fault(route="messages", kind="drop_after"),
    "limit": Fault(route="messages", kind="rate", retry_after=3.0),
    "server_error": Fault(route="messages", kind="status", status=500),
}


class Loopback:
    """Implements ChannelUnderTest."""

    connection = "lo"
    room = ROOM.id
    keeps_fences = False

    def __init__(self, standin: LoopbackStandin, client: Client) -> None:
        self._standin = standin
        self._client = client
        self._twice = False
        self._last = ""
        self._files = Bytes()
        self.channel: Channel = self._channel(standin.url)
        self.unreachable: Channel = self._channel(nobody())

    def _channel(self, url: str) -> LoopbackChannel:
        settings = LoopbackSettings(api_root=url, token=SecretRef(env="LOOPBACK"), keys=True, file_bytes=1_000_000)
        return LoopbackChannel(
            self.connection,
            settings,
            Secret(self._standin.token),
            self._client,
            SystemClock(),
            KeptLog(),
            self._files,
        )

    async def write(self, text: str) -> None:
        self._last = self._standin.inject(Inject(text=text, room=ROOM, duplicate=self._twice))[0].id
        self._twice = False

    async def edit(self, text: str) -> None:
        self._standin.inject(Inject(kind="edit", id=self._last, text=text, room=ROOM))

    async def repeat(self) -> None:
        self._twice = True

    async def waiting(self) -> int:
        return len(self._standin.pending)

    async def trouble(self, kind: Trouble) -> None:
        if kind == "blocked":
            self._standin.settings = msgspec.structs.replace(self._standin.settings, blocked=(ROOM.id,))
        else:
            self._standin.fault(FAULTS[kind])

    async def shown(self) -> Sequence[str]:
        return [entry.text for entry in self._standin.messages(ROOM.id) if entry.author == "bot"]

    def keep(self, content: bytes) -> str:
        return self._files.put(content)

    async def files(self) -> Sequence[tuple[str, bytes]]:
        kept = [entry.file for entry in self._standin.messages(ROOM.id) if entry.author == "bot" and entry.file]
        return [(file.name, self._standin.file(file.id)) for file in kept]

    async def drafts(self) -> Sequence[str]:
        return []

    async def effects(self) -> int:
        return sum(request.route in ("messages", "edit", "typing") for request in self._standin.requests)


class TestLoopback(ChannelConformance):
    @pytest.fixture
    async def platform(self) -> AsyncIterator[ChannelUnderTest]:
        async with loopback_standin(Settings(rooms=(ROOM,), keys=True)) as standin, Client() as client:
            yield Loopback(standin, client)


class Guarded(Loopback):
    """The same, as a plugin's channel would be held."""

    def __init__(self, standin: LoopbackStandin, client: Client) -> None:
        super().__init__(standin, client)
        self.channel: Channel = GuardedChannel(self.channel, self.connection, KeptLog())
        self.unreachable: Channel = GuardedChannel(self.unreachable, self.connection, KeptLog())


@pytest.mark.proves("plugin.channel")
class TestGuarded(ChannelConformance):
    """What is guarded keeps its promises: the guard is in nobody's way."""

    @pytest.fixture
    async def platform(self) -> AsyncIterator[ChannelUnderTest]:
        async with loopback_standin(Settings(rooms=(ROOM,), keys=True)) as standin, Client() as client:
            yield Guarded(standin, client)
