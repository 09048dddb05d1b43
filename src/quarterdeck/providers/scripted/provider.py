"""The scripted provider. Models: `help` says how to bring a real model; `echo` repeats what it was told."""

import asyncio
from collections.abc import Sequence

import msgspec

from quarterdeck.model.action import ModelCall
from quarterdeck.model.message import AssistantMessage, Said, SystemEvent, UserMessage
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.ports import Delta, Embeddings, ListedModel, ModelProfile, ModelRequest, OnDelta, ProviderFailed

HELP = (
    "You are talking to Quarterdeck's built-in script, not to a model; everything around it is real. "
    "To bring a model, run `quarterdeck models pull smollm2` for a small local demo, or set OPENAI_API_KEY "
    "(with OPENAI_BASE_URL for a compatible service) or OLLAMA_HOST and start again."
)
MODELS = ("help", "echo")
WORD_S = 0.02  # between the words of an answer, so that one sees it stream

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ModelRequest)


class ScriptedProvider:
    """Implements ports.Provider."""

    def __init__(self, name: str) -> None:
        self._name = name

    def profile(self, model: str) -> ModelProfile:
        """A script needs no tools and a short history."""
        return ModelProfile(tools=False, history_messages=2)

    def prepare(self, request: ModelRequest) -> ModelCall:
        """See ports.Provider.prepare."""
        body = _encoder.encode(msgspec.structs.replace(request, files={}))
        return ModelCall(self._name, request.model, body, len(body) // 4, 200)

    async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
        """See ports.Provider.complete."""
        permit.spend(call)
        if call.model not in MODELS:
            raise ProviderFailed("invalid", f"the script knows {', '.join(MODELS)}, not {call.model}", retryable=False)
        said = _last_text(_decoder.decode(call.body).messages)
        text = f"You said: {said}" if call.model == "echo" else f"You said: {said}\n\n{HELP}"
        words = text.split(" ")
        for n, word in enumerate(words):
            on_delta(Delta(word if n == 0 else " " + word))
            await asyncio.sleep(WORD_S if call.model == "help" else 0)
        usage = Usage(input=len(call.body) // 4, output=len(text) // 4)
        return ModelAnswer(AssistantMessage(text), "stop", usage, call.model)

    def prepare_embedding(self, model: str, texts: Sequence[str], dimensions: int | None) -> ModelCall:
        """A script has no vectors."""
        raise ProviderFailed("invalid", f"provider {self._name} makes no embeddings", retryable=False)

    async def embed(self, call: ModelCall, permit: Permit) -> Embeddings:
        """A script has no vectors."""
        raise ProviderFailed("invalid", f"provider {self._name} makes no embeddings", retryable=False)

    async def models(self) -> Sequence[ListedModel]:
        """The scripts."""
        return tuple(ListedModel(name) for name in MODELS)

    async def close(self) -> None:
        """Nothing is held."""


def _last_text(messages: Sequence[Said]) -> str:
    for message in reversed(messages):
        if isinstance(message, UserMessage | SystemEvent):
            return message.text
    return ""
