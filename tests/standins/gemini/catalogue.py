"""Which models are there, what can each do, and how is the list given out?

Fields: google-genai 3.6.1, types.py, Model, with the names on the wire from models.py, _Model_from_mldev. Sizes of
pages: ai.google.dev/api/models (50 by default, at most 1,000). Limits of the named models are what that list said
of them when this was written (unverified); what they demand of signatures:
ai.google.dev/gemini-api/docs/thought-signatures.
"""

import msgspec

from tests.standins.gemini.errors import Refused

GENERATE = ("generateContent", "countTokens", "createCachedContent", "batchGenerateContent")
EMBED = ("embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent")
PAGE, LARGEST_PAGE = 50, 1000


class Model(msgspec.Struct, frozen=True):
    """`generation`: 2 leaves ids of calls out and does not ask for signatures, 3 gives ids and refuses without them."""

    name: str
    methods: tuple[str, ...] = GENERATE
    input_tokens: int = 1_048_576
    output_tokens: int = 65_536
    thinks: bool = True
    generation: int = 3

    @property
    def can_generate(self) -> bool:
        return "generateContent" in self.methods

    def described(self) -> dict[str, object]:
        """It as the list shows it."""
        described: dict[str, object] = {
            "name": f"models/{self.name}",
            "version": "001",
            "displayName": self.name.replace("-", " ").title(),
            "description": "A model of the stand-in",
            "inputTokenLimit": self.input_tokens,
            "outputTokenLimit": self.output_tokens,
            "supportedGenerationMethods": list(self.methods),
        }
        if self.can_generate:
            described |= {"temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2}
        return described | ({"thinking": True} if self.thinks else {})


MODELS = (
    Model("gemini-2.5-flash", generation=2),
    Model("gemini-3-flash-preview"),
    Model("gemini-2.0-flash-lite", output_tokens=8_192, thinks=False, generation=2),
    Model("gemini-embedding-001", EMBED, input_tokens=2_048, output_tokens=1, thinks=False),
)


def find(models: tuple[Model, ...], name: str, method: str) -> Model:
    """The model for this method. Raises Refused."""
    known = next((model for model in models if model.name == name), None)
    offered = {"streamGenerateContent": "generateContent", "batchEmbedContents": "embedContent"}.get(method, method)
    if known is None or offered not in known.methods:
        message = (
            f"models/{name} is not found for API version v1beta, or is not supported for {method}. Call ListModels to "
            "see the list of available models and their supported methods."
        )
        raise Refused(message, "NOT_FOUND")
    return known


def page(models: tuple[Model, ...], size: str, token: str) -> dict[str, object]:
    """One page of the list; a token is where it begins. Raises Refused."""
    if not (size or "0").isdecimal() or (token and not token.isdecimal()):
        raise Refused("Request contains an invalid argument.")
    length, start = min(int(size or 0) or PAGE, LARGEST_PAGE), int(token or 0)
    shown = models[start : start + length]
    answer: dict[str, object] = {"models": [model.described() for model in shown]}
    if start + length < len(models):
        answer["nextPageToken"] = str(start + length)
    return answer
