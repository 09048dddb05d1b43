"""The scripted provider: says what it is, names what brings a real model, and streams."""

import pytest

from quarterdeck.base.errors import NotAllowed
from quarterdeck.model.message import SystemEvent, UserMessage
from quarterdeck.model.permit import MintingKey, Permit
from quarterdeck.ports import Delta, ModelRequest, ProviderFailed
from quarterdeck.providers.scripted.provider import ScriptedProvider

pytestmark = pytest.mark.proves("provider.scripted")


def request(model: str, *texts: str) -> ModelRequest:
    return ModelRequest(model, "", tuple(UserMessage(text) for text in texts))


async def test_help_names_what_brings_a_real_model() -> None:
    provider = ScriptedProvider("scripted")
    call = provider.prepare(request("help", "old", "hello there"))
    pieces: list[Delta] = []
    answer = await provider.complete(call, Permit(MintingKey(), "int_1", call.digest(), call.route), pieces.append)
    assert "You said: hello there" in answer.message.text
    for named in ("quarterdeck models pull smollm2", "OPENAI_API_KEY", "OLLAMA_HOST"):
        assert named in answer.message.text
    assert "".join(piece.text for piece in pieces) == answer.message.text
    assert len(pieces) > 10


async def test_echo_repeats_the_newest_thing_said() -> None:
    provider = ScriptedProvider("scripted")
    call = provider.prepare(ModelRequest("echo", "", (UserMessage("a"), SystemEvent("b"))))
    answer = await provider.complete(call, Permit(MintingKey(), "i", call.digest(), call.route), lambda piece: None)
    assert answer.message.text == "You said: b"


async def test_an_unknown_script_is_refused_for_good() -> None:
    provider = ScriptedProvider("scripted")
    call = provider.prepare(request("gpt-9", "x"))
    with pytest.raises(ProviderFailed, match="help, echo") as failed:
        await provider.complete(call, Permit(MintingKey(), "i", call.digest(), call.route), lambda piece: None)
    assert not failed.value.retryable


async def test_a_permit_for_another_call_is_refused() -> None:
    provider = ScriptedProvider("scripted")
    call, other = provider.prepare(request("echo", "a")), provider.prepare(request("echo", "b"))
    with pytest.raises(NotAllowed):
        await provider.complete(call, Permit(MintingKey(), "i", other.digest(), other.route), lambda piece: None)
