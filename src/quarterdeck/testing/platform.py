"""What do the checks of a channel need: the stand-in of its platform, an intake that keeps what it is given, sends?"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal, Protocol, TypeVar, runtime_checkable

from quarterdeck.base.errors import Retry
from quarterdeck.model.action import Part
from quarterdeck.model.button import ButtonRows
from quarterdeck.model.inbound import Acceptance, Accepted, Duplicate, Inbound
from quarterdeck.model.permit import MintingKey, PresencePermit
from quarterdeck.ports import Channel, SendResult
from quarterdeck.testing.checking import SECONDS, Broken, permit_for

T = TypeVar("T")
Trouble = Literal["drop_before", "drop_after", "limit", "server_error", "blocked"]


class ChannelUnderTest(Protocol):
    """A channel, and the stand-in that it speaks to."""

    @property
    def channel(self) -> Channel:
        """The channel that is checked; always the same."""
        ...

    @property
    def unreachable(self) -> Channel:
        """Another one, at an address where nobody listens."""
        ...

    @property
    def connection(self) -> str:
        """The connection's name."""
        ...

    @property
    def room(self) -> str:
        """A room in which the bot may write."""
        ...

    @property
    def keeps_fences(self) -> bool:
        """Whether texts are Markdown, so that a cut must not break a code fence."""
        ...

    async def write(self, text: str) -> None:
        """A person writes in `room`."""
        ...

    async def edit(self, text: str) -> None:
        """The person changes the last message."""
        ...

    async def repeat(self) -> None:
        """From now on the platform brings the next message twice, as if it were two."""
        ...

    async def waiting(self) -> int:
        """How many acts the platform still keeps, because they were not acknowledged."""
        ...

    async def trouble(self, kind: Trouble) -> None:
        """The next send meets this; `limit` names 3 seconds."""
        ...

    async def shown(self) -> Sequence[str]:
        """The bot's messages in `room`, as people see them, in order."""
        ...

    async def effects(self) -> int:
        """How many requests that show or change something for people have arrived at the stand-in."""
        ...


@runtime_checkable
class TakesFiles(ChannelUnderTest, Protocol):
    """Where the channel sends files (`file_bytes`)."""

    def keep(self, content: bytes) -> str:
        """Put bytes where the channel's FileSource finds them; the digest to ask for."""
        ...

    async def files(self) -> Sequence[tuple[str, bytes]]:
        """(name, bytes) of the bot's files in `room`, in order; the name is empty where the platform keeps none."""
        ...


@runtime_checkable
class GivesFiles(ChannelUnderTest, Protocol):
    """Where people may send files (`files_in`)."""

    async def give(self, content: bytes, name: str, text: str) -> None:
        """A person sends a file with a text to `room`."""
        ...


@runtime_checkable
class ShowsDrafts(ChannelUnderTest, Protocol):
    """Where a growing answer is a draft (`drafts`)."""

    async def drafts(self) -> Sequence[str]:
        """The texts of the drafts that `room` was shown, in order."""
        ...


@runtime_checkable
class ShowsReactions(ChannelUnderTest, Protocol):
    """Where the channel reacts to messages (`reactions`)."""

    async def reactions(self) -> Sequence[str]:
        """The bot's reactions on the person's last message in `room`."""
        ...


@runtime_checkable
class HasButtons(ChannelUnderTest, Protocol):
    """Where messages may have buttons (`buttons`)."""

    async def buttons(self) -> ButtonRows:
        """Those under the bot's last message in `room`."""
        ...

    async def press(self, message: str, value: str) -> None:
        """A person presses a button with this value under this message of the bot."""
        ...

    async def lines(self) -> Sequence[str]:
        """What those who pressed were shown, in order; an empty line only ended their waiting."""
        ...


@runtime_checkable
class HasGroups(ChannelUnderTest, Protocol):
    """Where a room may have several people."""

    @property
    def group(self) -> str:
        """A group in which the bot may write."""
        ...

    @property
    def mentions(self) -> bool:
        """Whether people can say something to the bot alone; else all that they say is for it."""
        ...

    async def write_there(self, text: str, *, to_bot: bool) -> None:
        """A person writes in the group, to the bot or to the others."""
        ...

    async def shown_there(self) -> Sequence[str]:
        """The bot's messages in the group, in order."""
        ...


def able(platform: ChannelUnderTest, kind: type[T], what: str) -> T:
    """The platform, which has to play what its channel declares. Raises Broken where it does not."""
    if not isinstance(platform, kind):
        raise Broken(f"the channel declares {what}: its platform has the methods of {kind.__name__}")
    return platform


class RecordingIntake:
    """An intake that keeps what it was given. `gate` holds every accept until it is set; `refuse` makes the next
    accepts fail as a busy store does; `told` is the line for those who press a button.
    """

    def __init__(self) -> None:
        self.acts: list[Inbound] = []
        self.asked: list[Inbound] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuse = 0
        self.told = ""

    async def accept(self, inbound: Inbound) -> Acceptance:
        """See IntakePort.accept."""
        self.asked.append(inbound)
        await self.gate.wait()
        if self.refuse:
            self.refuse -= 1
            raise Retry("the store is busy", 0.05)
        if any(act.act_key == inbound.act_key for act in self.acts):
            return Duplicate(inbound.act_key, "")
        self.acts.append(inbound)
        return Accepted(inbound.act_key, "", 0, told=self.told if inbound.kind == "press" else "")


@asynccontextmanager
async def receiving(channel: Channel, intake: RecordingIntake) -> AsyncGenerator[asyncio.Task[None]]:
    """Let a channel receive for the time of the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(channel.receive(intake))
        try:
            yield task
        finally:
            task.cancel()


def part_of(platform: ChannelUnderTest, text: str, key: str = "dlv_1.0") -> Part:
    """A part for `room`."""
    return Part(platform.connection, platform.room, text, key)


async def send_part(platform: ChannelUnderTest, part: Part) -> SendResult:
    """Send a part under a permit of its own."""
    async with asyncio.timeout(SECONDS):
        return await platform.channel.send(part, permit_for(part))


async def send_text(platform: ChannelUnderTest, text: str, key: str = "dlv_1.0") -> SendResult:
    """Send a text to `room`."""
    return await send_part(platform, part_of(platform, text, key))


def presence_for(platform: ChannelUnderTest) -> PresencePermit:
    """A turn's permit for presence in `room`."""
    return PresencePermit(MintingKey(), f"{platform.connection}/{platform.room}")


def nothing_waits(platform: ChannelUnderTest) -> Callable[[], Awaitable[bool]]:
    """Whether everything is acknowledged."""

    async def look() -> bool:
        return await platform.waiting() == 0

    return look
