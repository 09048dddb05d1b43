"""Calls whose ids the endpoint leaves out: a conversation never has the same one twice, whichever wire it came over."""

import json
from collections.abc import Callable

import pytest

from quarterdeck.model.action import ModelCall
from quarterdeck.providers.anthropic.answer import Reading as Anthropic
from quarterdeck.providers.gemini.answer import Reading as Gemini
from quarterdeck.providers.http.wire import Reading
from quarterdeck.providers.openai_compatible.answer import Reading as Chat
from quarterdeck.providers.openai_responses.answer import Reading as Responses

pytestmark = pytest.mark.proves(
    "provider.openai-compatible", "provider.openai-responses", "provider.anthropic", "provider.gemini"
)

NAMES = ("look_up", "send")
ANSWERS: dict[str, tuple[Callable[[ModelCall], Reading], object]] = {
    "chat": (
        lambda call: Chat(call, None),
        {"choices": [{"message": {"tool_calls": [{"function": {"name": n}} for n in NAMES]}, "finish_reason": "stop"}]},
    ),
    "responses": (
        lambda call: Responses(call, None, "main/k0"),
        {"status": "completed", "output": [{"type": "function_call", "name": n} for n in NAMES]},
    ),
    "anthropic": (
        lambda call: Anthropic(call, None),
        {"type": "message", "content": [{"type": "tool_use", "name": n} for n in NAMES], "stop_reason": "tool_use"},
    ),
    "gemini": (
        lambda call: Gemini(call, None),
        {
            "candidates": [
                {"content": {"parts": [{"functionCall": {"name": n}} for n in NAMES]}, "finishReason": "STOP"}
            ]
        },
    ),
}


@pytest.mark.parametrize("wire", ANSWERS)
def test_no_two_answers_share_an_id(wire: str) -> None:
    make, answer = ANSWERS[wire]

    def made(body: bytes) -> list[str]:
        reading = make(ModelCall("main", "m", body, 1, 1))
        reading.feed(json.dumps(answer).encode())
        calls = reading.end().message.calls
        assert [call.name for call in calls] == list(NAMES)
        return [call.id for call in calls]

    first, second = made(b"the first request"), made(b"the second, with the first one's results")
    assert len({*first, *second}) == 2 * len(NAMES)
    assert first == made(b"the first request")
