"""One example of each shape of OpenAI's door."""

import msgspec

from quarterdeck.api.openai import wire

_usage = wire.Usage(412, 6, 418, wire.CachedTokens(0))

EXAMPLES: tuple[msgspec.Struct, ...] = (
    wire.ChatRequest(
        model="default",
        messages=[wire.ChatMessage(role="user", content=[wire.ContentPart("text", "What is new?")])],
        stream_options=wire.StreamOptions(),
        response_format=wire.ResponseFormat("text"),
    ),
    wire.ChatCompletion(
        "chatcmpl-inb_01999e3b5c6a",
        1_767_225_600,
        "default",
        [wire.Choice(wire.AnswerMessage("All is well."), "stop")],
        _usage,
    ),
    wire.Models([wire.Model("default", 1_767_225_600)]),
)
