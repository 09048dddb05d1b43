"""Does the loopback channel keep what a channel promises?"""

from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import Secret, SecretRef
from quarterdeck.channels.loopback.adapter import LoopbackChannel
from quarterdeck.channels.loopback.settings import LoopbackSettings
from quarterdeck.model.action import Part
from quarterdeck.model.button import Button, ButtonRows
from quarterdeck.model.message import Attachment
from quarterdeck.net.client import Client
from quarterdeck.plugins.guards.channel import GuardedChannel
from quarterdeck.ports import Channel, NotSent
from quarterdeck.testing.channel import ChannelConformance, ChannelUnderTest, Trouble, permit_for
from tests.channels.support import Bytes, KeptLog, nobody
from tests.standins.loopback import Entry, Fault, Inject, LoopbackStandin, Room, Settings, Upload, loopback_standin

pytestmark = pytest.mark.proves("channel.loopback", "G1")

ROOM = Room("r1", "dm", "Ada")
GROUP = Room("g1", "group", "Crew")
FAULTS: dict[Trouble, Fault] = {
    "drop_before": Fault(route="messages", kind="drop_before"),
    "drop_after": Fault(route="messages", kind="drop_after"),
    "limit": Fault(route="messages", kind="rate", retry_after=3.0),
    "server_error": Fault(route="messages", kind="status", status=500),
}


class Loopback:
    """Implements ChannelUnderTest, with files, reactions, buttons and groups."""

    connection = "lo"
    room = ROOM.id
    group = GROUP.id
    mentions = False
    keeps_fences = False

    def __init__(self, standin: LoopbackStandin, client: Client) -> None:
        self._standin = standin
        self._client = client
        self._twice = False
        self._last = ""
        self.bytes = Bytes()
        self.channel: Channel = self._channel(standin.url)
        self.unreachable: Channel = self._channel(nobody())

    def _channel(self, url: str) -> LoopbackChannel:
        settings = LoopbackSettings(
            api_root=url, token=SecretRef(env="LOOPBACK"), keys=True, file_bytes=1_000_000, buttons=True, reactions=True
        )
        return LoopbackChannel(
            self.connection,
            settings,
            Secret(self._standin.token),
            self._client,
            SystemClock(),
            KeptLog(),
            self.bytes,
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
        return [entry.text for entry in self._said(ROOM)]

    def _said(self, room: Room) -> list[Entry]:
        return [entry for entry in self._standin.messages(room.id) if entry.author == "bot"]

    async def give(self, content: bytes, name: str, text: str) -> None:
        self._standin.inject(Inject(text=text, room=ROOM, attachments=(Upload(name, "text/csv", content),)))

    async def reactions(self) -> Sequence[str]:
        return ["seen" for entry in self._standin.messages(ROOM.id) if entry.id == self._last and entry.reacted]

    async def buttons(self) -> ButtonRows:
        return tuple(tuple(Button(one.label, one.value) for one in row) for row in self._said(ROOM)[-1].buttons)

    async def press(self, message: str, value: str) -> None:
        self._standin.inject(Inject(kind="press", room=ROOM, message=message, value=value))

    async def lines(self) -> Sequence[str]:
        return [line for press in self._standin.presses for line in press.told]

    async def write_there(self, text: str, *, to_bot: bool) -> None:
        self._standin.inject(Inject(text=text, room=GROUP))

    async def shown_there(self) -> Sequence[str]:
        return [entry.text for entry in self._said(GROUP)]

    def keep(self, content: bytes) -> str:
        return self.bytes.put(content)

    async def files(self) -> Sequence[tuple[str, bytes]]:
        kept = [entry.file for entry in self._said(ROOM) if entry.file]
        return [(file.name, self._standin.file(file.id)) for file in kept]

    async def effects(self) -> int:
        return sum(
            request.route in ("messages", "edit", "buttons", "typing", "reaction") for request in self._standin.requests
        )


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


async def test_a_file_that_cannot_be_read_now_waits_with_its_connection() -> None:
    async with loopback_standin(Settings(rooms=(ROOM,))) as standin, Client() as client:
        platform = Loopback(standin, client)
        file = Attachment("a.txt", "text/plain", 4, platform.keep(b"data"))
        part = Part(platform.connection, ROOM.id, "", "k1", file=file)
        platform.bytes.away = True
        waits = NotSent("the database is away", 2.0, room_only=False)
        assert await platform.channel.send(part, permit_for(part)) == waits
        assert await platform.files() == []
