"""The Gemini wire as one value, and the provider that a table of the configuration describes."""

from collections.abc import Mapping, Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.base.secrets import Secret, SecretReader
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.action import ModelCall
from quarterdeck.net.client import Client
from quarterdeck.ports import Embeddings, ListedModel, ModelProfile, ModelRequest, ProviderFailed
from quarterdeck.providers.gemini import failure, models, vectors, wire
from quarterdeck.providers.gemini.answer import Reading
from quarterdeck.providers.gemini.settings import BASE_URL, read_settings
from quarterdeck.providers.gemini.wire import Dialect
from quarterdeck.providers.http import adapter
from quarterdeck.providers.http.adapter import HttpProvider
from quarterdeck.providers.http.wire import Refusal


class GeminiWire:
    """Implements providers.http.wire.Wire for `POST /models/{model}:streamGenerateContent`."""

    def __init__(self, profile: ModelProfile, dialect: Dialect) -> None:
        self._profile = profile
        self._dialect = dialect

    def profile(self, model: str) -> ModelProfile:
        """The same for every model."""
        return self._profile

    def prepare(self, provider: str, key: str, request: ModelRequest) -> ModelCall:
        """See Wire.prepare."""
        return wire.encode(provider, key, request, self._dialect)

    def target(self, call: ModelCall) -> str:
        """See Wire.target. Without alt=sse a stream would be one list."""
        return f"{models.path(call.model)}:streamGenerateContent?alt=sse"

    def headers(self, key: Secret | None) -> Mapping[str, str]:
        """The key has a header of its own; in the address it would stand in logs."""
        return {} if key is None else {"x-goog-api-key": key.reveal()}

    def reading(self, call: ModelCall, key: Secret | None) -> Reading:
        """See Wire.reading."""
        return Reading(call, key)

    def refusal(self, refusal: Refusal) -> ProviderFailed:
        """See Wire.refusal."""
        return failure.refusal(refusal)

    def prepare_embedding(
        self, provider: str, key: str, model: str, texts: Sequence[str], dimensions: int | None
    ) -> ModelCall:
        """See Wire.prepare_embedding."""
        return vectors.encode(provider, key, model, texts, dimensions)

    def embedding_target(self, call: ModelCall) -> str:
        """See Wire.embedding_target."""
        return vectors.target(call)

    def embeddings(self, call: ModelCall, body: bytes) -> Embeddings:
        """See Wire.embeddings."""
        return vectors.read(call, body)

    def models_target(self, after: str) -> str:
        """See Wire.models_target."""
        return models.target(after)

    def models(self, body: bytes) -> tuple[Sequence[ListedModel], str]:
        """See Wire.models."""
        return models.page(body)


def configured(
    name: str, config: ProviderConfig, *, client: Client, secrets: SecretReader, clock: Clock
) -> HttpProvider:
    """The provider that `[providers.NAME]` describes. Raises ConfigRefusals for its own settings."""
    settings = read_settings(name, config)
    spoken = GeminiWire(settings.profile(), Dialect(settings.temperature, settings.thoughts))
    return adapter.configured(name, config, spoken, BASE_URL, client=client, secrets=secrets, clock=clock)
