"""How do buttons get under a message on the loopback channel, and what becomes of a press?"""

from collections.abc import AsyncIterator

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import Secret, SecretRef
from quarterdeck.channels.loopback.adapter import LoopbackChannel
from quarterdeck.channels.loopback.settings import BUTTONS, LoopbackSettings
from quarterdeck.model.action import Part
from quarterdeck.model.button import Button
from quarterdeck.net.client import Client
from quarterdeck.ports import Sent
from quarterdeck.testing.channel import RecordingIntake, permit_for, receiving
from tests.channels.support import Bytes, KeptLog
from tests.standins.loopback import Inject, LoopbackStandin, Room, Settings, loopback_standin
from tests.waiting import until

pytestmark = pytest.mark.proves("channel.loopback")

ROOM = Room("r1", "dm", "Ada")


@pytest.fixture
async def platform() -> AsyncIterator[LoopbackStandin]:
    async with loopback_standin(Settings(rooms=(ROOM,))) as standin:
        yield standin


@pytest.fixture
async def channel(platform: LoopbackStandin) -> AsyncIterator[LoopbackChannel]:
    settings = LoopbackSettings(api_root=platform.url, token=SecretRef(env="LOOPBACK"), buttons=True)
    async with Client() as client:
        yield LoopbackChannel("lo", settings, Secret(platform.token), client, SystemClock(), KeptLog(), Bytes())


async def send(channel: LoopbackChannel, part: Part) -> str:
    result = await channel.send(part, permit_for(part))
    assert isinstance(result, Sent), result
    return result.native_id


async def test_as_many_as_are_declared_are_taken_and_come_off(
    channel: LoopbackChannel, platform: LoopbackStandin
) -> None:
    row = tuple(Button("x" * BUTTONS.label, f"{n}" * BUTTONS.value) for n in range(BUTTONS.abreast))
    rows = (row,) * (BUTTONS.most // BUTTONS.abreast)
    message = await send(channel, Part("lo", "r1", "really?", "k1", buttons=rows))
    (entry,) = platform.messages("r1")
    assert [[(one.label, one.value) for one in line] for line in entry.buttons] == [
        [(one.label, one.value) for one in line] for line in rows
    ]
    assert await send(channel, Part("lo", "r1", "", "k2", unbutton=message)) == message
    (entry,) = platform.messages("r1")
    assert (entry.text, entry.buttons) == ("really?", ())
    assert await send(channel, Part("lo", "r1", "", "k3", unbutton="gone")) == "gone"


async def test_a_press_is_an_act_and_is_answered(channel: LoopbackChannel, platform: LoopbackStandin) -> None:
    message = await send(channel, Part("lo", "r1", "really?", "k1", buttons=((Button("Yes", "abc.0"),),)))
    intake = RecordingIntake()
    intake.told = "No longer open."
    intake.gate.clear()
    async with receiving(channel, intake):
        platform.inject(Inject(kind="press", room=ROOM, message=message, value="abc.0"))
        await until(lambda: len(intake.asked) == 1, what="the act")
        assert platform.presses[0].told == []
        intake.gate.set()
        await until(lambda: platform.presses[0].told == ["No longer open."], what="the answer")
    (act,) = intake.acts
    assert (act.kind, act.press, act.message_ref, act.text) == ("press", "abc.0", message, "")
    assert act.act_key == f"press/{platform.presses[0].id}"
