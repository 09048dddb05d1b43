"""A plugin that raises, hangs, floods or answers nonsense: what a turn, a room and intake see of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from quarterdeck.base.errors import BadInput, NotAllowed, Refused, StoreFailed
from quarterdeck.model.action import ModelCall, Part
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.inbound import Accepted, Inbound, Room, Sender
from quarterdeck.model.message import AssistantMessage, Attachment
from quarterdeck.model.permit import MintingKey, Permit, PresencePermit
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.plugins.guards.channel import MAX_TEXT, GuardedChannel, GuardedIntake
from quarterdeck.plugins.guards.provider import GuardedProvider
from quarterdeck.plugins.guards.sound import Nonsense
from quarterdeck.plugins.guards.tool import GuardedTool
from quarterdeck.ports import (
    Capabilities,
    ChannelHealth,
    Delta,
    MaybeSent,
    NotSent,
    OnDelta,
    ProviderFailed,
    Sent,
)
from tests.flow.doubles import Log, Model, ToolDouble

pytestmark = pytest.mark.proves("plugin.channel", "plugin.provider", "plugin.tool", "G1")


def permit_for(action: Any) -> Permit:
    return Permit(MintingKey(), "int_1", action.digest(), action.route)


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


async def test_a_permit_for_something_else_stays_not_allowed() -> None:
    guarded = GuardedProvider(Model(), "main", Log())
    call = ModelCall("main", "m", b"{}", 1, 1)
    with pytest.raises(NotAllowed):
        await guarded.complete(call, permit_for(msgspec.structs.replace(call, body=b"[]")), lambda delta: None)


async def test_late_pieces_are_dropped() -> None:
    kept: list[OnDelta] = []

    class Late(Model):
        async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
            permit.spend(call)
            kept.append(on_delta)
            on_delta(Delta("in time"))
            return ModelAnswer(AssistantMessage("fine"), "stop", Usage(1, 1))

    seen: list[str] = []
    call = ModelCall("main", "m", b"{}", 1, 1)
    guarded = GuardedProvider(Late(), "main", Log())
    await guarded.complete(call, permit_for(call), lambda delta: seen.append(delta.text))
    kept[0](Delta("late"))
    assert seen == ["in time"]


async def test_a_flood_of_pieces_ends_the_call() -> None:
    class Flood(Model):
        async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
            permit.spend(call)
            for _ in range(2_000):
                on_delta(Delta("x" * 1_000))
            return ModelAnswer(AssistantMessage("fine"), "stop", Usage(1, 1))

    size: list[int] = []
    call = ModelCall("main", "m", b"{}", 1, 1)
    with pytest.raises(ProviderFailed, match="does not end"):
        await GuardedProvider(Flood(), "main", Log()).complete(
            call, permit_for(call), lambda d: size.append(len(d.text))
        )
    assert sum(size) <= 1_000_000


# --- channels -------------------------------------------------------------------------------------------------


class BadChannel:
    """A channel of which a test replaces single methods."""

    capabilities: Any = Capabilities(400)

    def __init__(self, **wrong: Any) -> None:
        vars(self).update(wrong)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was not to be called")


def guarded(**wrong: Any) -> GuardedChannel:
    return GuardedChannel(BadChannel(**wrong), "wire", Log())  # type: ignore[arg-type]


PART = Part("wire", "r", "text", "k")


@pytest.mark.parametrize("capabilities", [None, Capabilities("many"), Capabilities(10)])  # type: ignore[arg-type]
def test_a_channel_has_to_say_what_it_can(capabilities: Any) -> None:
    with pytest.raises(Nonsense):
        guarded(capabilities=capabilities)


@pytest.mark.parametrize(
    "cut",
    [raising(ValueError()), raising(SystemExit()), lambda text: [], lambda text: [5], lambda text: None,
     lambda text: [""], lambda text: ["x"] * 5000],
)  # fmt: skip
def test_what_a_channel_cannot_cut_is_cut_by_length(cut: Any) -> None:
    texts = guarded(cut=cut).cut("abc" * 300)
    assert "".join(texts) == "abc" * 300
    assert max(map(len, texts)) <= 400 - 64


FIVE: Any = 5


def answering(value: Any, spend: bool = True) -> Any:
    async def send(part: Part, permit: Permit) -> Any:
        if spend:
            permit.spend(part)
        if isinstance(value, BaseException):
            raise value
        return value

    return send


@pytest.mark.parametrize(
    "result",
    [None, "sent", Sent(FIVE), NotSent("x", float("inf")), NotSent("x", -1.0), ValueError(), SystemExit(),
     asyncio.CancelledError()],
)  # fmt: skip
async def test_a_send_that_does_not_say_its_fate_leaves_it_open(result: Any) -> None:
    assert isinstance(await guarded(send=answering(result)).send(PART, permit_for(PART)), MaybeSent)


async def test_a_send_without_its_permit_is_not_called_sent() -> None:
    assert isinstance(await guarded(send=answering(Sent("1"), spend=False)).send(PART, permit_for(PART)), MaybeSent)
    assert await guarded(send=answering(Sent("1"))).send(PART, permit_for(PART)) == Sent("1")
    other = msgspec.structs.replace(PART, text="other")
    with pytest.raises(NotAllowed):
        await guarded(send=answering(Sent("1"))).send(PART, permit_for(other))


async def test_presence_neither_fails_nor_hangs_nor_says_something_else() -> None:
    async def hang(*_given: object, **_named: object) -> bool:
        await asyncio.Event().wait()
        return True

    async def nonsense(*_given: object, **_named: object) -> object:
        return "yes"

    permit = PresencePermit(MintingKey(), "wire/r")
    await guarded(typing=raising(ValueError())).typing("r", permit)
    async with asyncio.timeout(10):
        reacts = [
            guarded(react=react).react("r", "1", permit, on=True) for react in (raising(ValueError()), hang, nonsense)
        ]
        taken = await asyncio.gather(guarded(typing=hang).typing("r", permit), *reacts)
    assert taken == [None, False, False, False]


@pytest.mark.parametrize(
    "health", [raising(ValueError()), lambda: None, lambda: ChannelHealth(True, True, last_inbound=1e20)]
)
def test_health_that_cannot_be_had_is_bad_health(health: Any) -> None:
    found = guarded(health=health).health()
    assert (found.alive, found.authenticated) == (False, False)


@pytest.mark.parametrize("chunks", [[b"x" * 60, b"x" * 60], ["text"], [ValueError("broken")]])
async def test_a_file_is_bytes_and_bounded(chunks: list[Any]) -> None:
    async def fetch(file: Attachment, max_bytes: int) -> AsyncIterator[bytes]:
        for chunk in chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    with pytest.raises(Refused):
        [chunk async for chunk in guarded(fetch=fetch).fetch(Attachment("f", "x/y", 1), 100)]


@pytest.mark.parametrize("error", [SystemExit(), StoreFailed("it is full"), asyncio.CancelledError()])
async def test_receiving_ends_as_its_own_failure(error: BaseException) -> None:
    """None of these ends the process, or looks like a wish to stop."""

    async def receive(intake: Any) -> None:
        raise error

    with pytest.raises(Nonsense):
        await guarded(receive=receive).receive(Taking())


async def test_closing_is_bounded() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        await guarded(close=hang).close()


class Taking:
    """An intake that takes all."""

    async def accept(self, inbound: Inbound) -> Accepted:
        return Accepted("i", "s", 1)


ACT = Inbound("wire", "k", Room("r"), Sender("p"), "hello")


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (msgspec.structs.replace(ACT, connection="other"), BadInput),
        (msgspec.structs.replace(ACT, act_key=""), BadInput),
        (msgspec.structs.replace(ACT, text="x" * (MAX_TEXT + 1)), BadInput),
        (msgspec.structs.replace(ACT, text=7), Nonsense),
        (msgspec.structs.replace(ACT, sender=None), Nonsense),
        ({"text": "hello"}, Nonsense),
    ],
)
async def test_only_sound_acts_of_its_own_connection_come_in(act: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await GuardedIntake(Taking(), "wire").accept(act)
    assert await GuardedIntake(Taking(), "wire").accept(ACT) == Accepted("i", "s", 1)


def test_a_tools_description_stays_as_it_was_checked() -> None:
    tool = ToolDouble("look")
    kept = GuardedTool(tool)
    tool.spec = ToolSpec("other", "x", "{}")
    assert kept.spec.name == "look"
