"""The tool `http_post` against a real server that refuses, hangs and drops: done, failed, or honestly unknown."""

import json
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from quarterdeck.base.errors import NotAllowed, Refused, Retry
from quarterdeck.model.action import ToolRun
from quarterdeck.model.permit import MintingKey, Permit
from quarterdeck.net.client import Client
from quarterdeck.ports import ToolContext, ToolOutcomeUnknown
from quarterdeck.tools.http_post.tool import HttpPostSettings, HttpPostTool
from tests.channels.support import nobody
from tests.standins.loopback import Fault, LoopbackStandin, loopback_standin

pytestmark = pytest.mark.proves("tool.http_post", "G1")

ABOUT = ToolContext("default", "ses_1", "loop", "r1", "idy_1")
RUN = ToolRun("http_post", '{"payload":{"n":1}}', "turn_1", "m1.t0", "external", repeatable=False)


def permit(run: ToolRun = RUN) -> Permit:
    return Permit(MintingKey(), "int_1", run.digest(), run.route)


@pytest_asyncio.fixture
async def platform() -> AsyncGenerator[LoopbackStandin]:
    async with loopback_standin() as standin:
        yield standin


@pytest_asyncio.fixture
async def client() -> AsyncGenerator[Client]:
    async with Client() as made:
        yield made


def tool(platform: LoopbackStandin, client: Client, seconds: float = 5.0) -> HttpPostTool:
    return HttpPostTool(HttpPostSettings(url=f"{platform.url}/effect", timeout_seconds=seconds), client)


async def test_the_payload_arrives_once_with_the_key_of_the_call(platform: LoopbackStandin, client: Client) -> None:
    output = await tool(platform, client).run(RUN, ABOUT, permit())
    assert output.text.startswith("200 ")
    [effect] = platform.effects
    assert (json.loads(effect.body), effect.key) == ({"payload": {"n": 1}}, "turn_1.m1.t0")


async def test_a_server_that_acts_and_then_drops_leaves_it_unknown(platform: LoopbackStandin, client: Client) -> None:
    platform.fault(Fault(route="effect", kind="drop_after"))
    with pytest.raises(ToolOutcomeUnknown):
        await tool(platform, client).run(RUN, ABOUT, permit())
    assert len(platform.effects) == 1


async def test_a_hanging_server_leaves_it_unknown(platform: LoopbackStandin, client: Client) -> None:
    platform.fault(Fault(route="effect", kind="hang"))
    with pytest.raises(ToolOutcomeUnknown):
        await tool(platform, client, seconds=1.0).run(RUN, ABOUT, permit())


@pytest.mark.parametrize(("status", "error"), [(500, ToolOutcomeUnknown), (422, Refused)])
async def test_what_a_status_means(
    platform: LoopbackStandin, client: Client, status: int, error: type[Exception]
) -> None:
    platform.fault(Fault(route="effect", kind="status", status=status))
    with pytest.raises(error):
        await tool(platform, client).run(RUN, ABOUT, permit())


async def test_nobody_listens(client: Client) -> None:
    unreachable = HttpPostTool(HttpPostSettings(url=f"{nobody()}/effect"), client)
    with pytest.raises(Retry):
        await unreachable.run(RUN, ABOUT, permit())


async def test_a_permit_for_another_payload_sends_nothing(platform: LoopbackStandin, client: Client) -> None:
    other = ToolRun("http_post", '{"payload":{"n":2}}', "turn_1", "m1.t0", "external", repeatable=False)
    with pytest.raises(NotAllowed):
        await tool(platform, client).run(RUN, ABOUT, permit(other))
    assert list(platform.effects) == []
