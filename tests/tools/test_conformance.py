"""Do our own tools keep what a tool promises? The kit that plugins use, over each of them."""

from collections.abc import AsyncIterator

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.errors import NotFound
from quarterdeck.model.message import Attachment
from quarterdeck.net.client import Client
from quarterdeck.plugins.guards.tool import GuardedTool
from quarterdeck.ports import Rows, Tool, ToolContext
from quarterdeck.testing.tool import ToolConformance, ToolUnderTest
from quarterdeck.tools.clock.tool import TimeTool
from quarterdeck.tools.http_post.tool import HttpPostSettings, HttpPostTool
from quarterdeck.tools.rooms.tool import SendMessageTool
from tests.standins.loopback import Fault, LoopbackStandin, loopback_standin

pytestmark = pytest.mark.proves("G1")
QUICK_S = 1.5  # all that the kit asks goes by it, also what is answered: a busy machine needs some room


class Reading:
    """Implements ToolUnderTest for a tool that acts on nothing and waits for nothing."""

    def __init__(self, tool: Tool, arguments: str, wrong: str | None) -> None:
        self.tool = tool
        self.arguments = arguments
        self.wrong = wrong

    async def effects(self) -> int:
        return 0

    async def hang(self) -> bool:
        return False


class Posting:
    """Implements ToolUnderTest over a service that counts."""

    arguments, wrong = '{"payload":{"n":1}}', None

    def __init__(self, standin: LoopbackStandin, tool: Tool) -> None:
        self._standin = standin
        self.tool = tool

    async def effects(self) -> int:
        return len(self._standin.effects)

    async def hang(self) -> bool:
        self._standin.fault(Fault(route="effect", kind="hang"))
        return True


async def post(
    connection: str, room: str, text: str, files: tuple[Attachment, ...], context: ToolContext, turn: str
) -> Rows:
    if room == "nowhere":
        raise NotFound("no room nowhere")
    return Rows((), lambda: None)


@pytest.mark.proves("tool.time")
class TestTime(ToolConformance):
    @pytest.fixture
    async def subject(self) -> ToolUnderTest:
        return Reading(TimeTool(SystemClock()), '{"timezone":"Europe/Berlin"}', '{"timezone":"Mars/North"}')


@pytest.mark.proves("tool.send_message")
class TestSendMessage(ToolConformance):
    @pytest.fixture
    async def subject(self) -> ToolUnderTest:
        return Reading(SendMessageTool(post), '{"room":"r","text":"hi"}', '{"room":"nowhere","text":"hi"}')


@pytest.mark.proves("tool.http_post")
class TestHttpPost(ToolConformance):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[ToolUnderTest]:
        async with loopback_standin() as standin, Client() as client:
            settings = HttpPostSettings(url=f"{standin.url}/effect", timeout_seconds=QUICK_S)
            yield Posting(standin, HttpPostTool(settings, client))


@pytest.mark.proves("plugin.tool")
class TestGuarded(ToolConformance):
    """What is guarded keeps its promises: the guard is in nobody's way."""

    @pytest.fixture
    async def subject(self) -> AsyncIterator[ToolUnderTest]:
        async with loopback_standin() as standin, Client() as client:
            settings = HttpPostSettings(url=f"{standin.url}/effect", timeout_seconds=QUICK_S)
            yield Posting(standin, GuardedTool(HttpPostTool(settings, client)))
