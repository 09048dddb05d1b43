"""One example of each shape of OpenAI's door."""

import msgspec

from quarterdeck.api.openai import embeddings, wire
from quarterdeck.api.openai.responses import wire as responses

AT = 1_767_225_600
RESPONSE = "resp_01999e3b5c6a"

EXAMPLES: tuple[msgspec.Struct, ...] = (
    wire.ChatRequest(
        model="default",
        messages=[wire.ChatMessage(role="user", content=[wire.ContentPart("text", "What is new?")])],
    ),
    wire.ChatCompletion(
        "chatcmpl-inb_01999e3b5c6a",
        AT,
        "default",
        [wire.Choice(wire.AnswerMessage("All is well."), "stop")],
        wire.Usage(412, 6, 418, wire.CachedTokens(0), wire.ReasoningTokens(0)),
    ),
    wire.Models([wire.Model("default", AT)]),
    embeddings.EmbeddingRequest(model="main/nomic-embed-text", input="What is new?"),
    embeddings.EmbeddingList(
        [embeddings.Embedding(0, [0.25, -0.5])], "main/nomic-embed-text", embeddings.EmbeddingUsage(4, 4)
    ),
    responses.ResponseRequest(model="default", input="What is new?"),
    responses.Response(
        id=RESPONSE,
        created_at=AT,
        status="completed",
        model="default",
        output=[responses.OutputMessage("msg_01999e3b5c6a", [responses.OutputText("All is well.")], "completed")],
        instructions=None,
        previous_response_id=None,
        metadata={},
        tools=[],
        tool_choice="auto",
        parallel_tool_calls=True,
        text=responses.TextWish(),
        reasoning=responses.Reasoning(),
        temperature=None,
        top_p=None,
        max_output_tokens=None,
        truncation="disabled",
        store=True,
        background=False,
        completed_at=AT,
    ),
    responses.Deleted(RESPONSE),
    responses.ItemList(
        [responses.ListedItem("item_0", "message", role="user", content=[responses.InputPart("input_text", "Hi")])],
        "item_0",
        "item_0",
        False,
    ),
)
