"""What the demo model can and cannot do, as the rest of the program needs to know it.

The prompts were chosen by trying twenty of them by hand, at temperature 0, alone and one after the other:
these four came out right. Names, facts about people, rewriting and anything about Quarterdeck itself did not.
"""

import msgspec

MODEL_ID = "smollm2-135m"

# 18 tokens. Plain on purpose: with the product's name in it the model played a ship's captain. A longer one
# only costs time, for it reads about 130 tokens a second.
SYSTEM_PROMPT = "You are a helpful assistant. Answer in one or two short sentences."

STARTER_PROMPTS = (
    "Give me three tips for a good night's sleep.",
    "Write one sentence about the ocean.",
    "What is water made of?",
    "Write a Python function that adds two numbers.",
)


class DemoLimits(msgspec.Struct, frozen=True):
    """What a request to the demo model may hold; beyond it answers ramble or the engine says 400."""

    max_tokens: int = 96
    history: int = 6
    """Messages besides the system prompt, the newest ones."""
    context_tokens: int = 2048
    """Prompt and answer together, in tokens, for each of `parallel` requests."""
    parallel: int = 2
    temperature: float = 0.0
    tools: bool = False
    """The model's template has no place for tools: the engine ignores them without an error."""


LIMITS = DemoLimits()
