"""The responses wire as one value, and the provider that a table of the configuration describes."""

from collections.abc import Mapping, Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.base.secrets import Secret, SecretReader
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.action import ModelCall
from quarterdeck.net.client import Client
from quarterdeck.ports import Embeddings, ListedModel, ModelProfile, ModelRequest, ProviderFailed
from quarterdeck.providers.http import adapter, openai_errors, openai_models, openai_vectors
from quarterdeck.providers.http.adapter import HttpProvider
from quarterdeck.providers.http.headers import key_headers
from quarterdeck.providers.http.wire import Refusal
from quarterdeck.providers.openai_responses import wire
from quarterdeck.providers.openai_responses.answer import Reading
from quarterdeck.providers.openai_responses.replay import origin
from quarterdeck.providers.openai_responses.settings import BASE_URL, read_settings
from quarterdeck.providers.openai_responses.wire import Manner


class ResponsesWire:
    """Implements providers.http.wire.Wire for `POST /responses`."""

    def __init__(self, profile: ModelProfile, manner: Manner, key_header: str = "") -> None:
        self._profile = profile
        self._manner = manner
        self._key_header = key_header

    def profile(self, model: str) -> ModelProfile:
        """The same for every model."""
        return self._profile

    def prepare(self, provider: str, key: str, request: ModelRequest) -> ModelCall:
        """See Wire.prepare."""
        return wire.encode(provider, key, request, self._manner)

    def target(self, call: ModelCall) -> str:
        """See Wire.target."""
        return "/responses"

    def headers(self, key: Secret | None) -> Mapping[str, str]:
        """See Wire.headers."""
        return key_headers(self._key_header, key)

    def reading(self, call: ModelCall, key: Secret | None) -> Reading:
        """See Wire.reading."""
        return Reading(call, key, origin(call.provider, call.key))

    def refusal(self, refusal: Refusal) -> ProviderFailed:
        """See Wire.refusal."""
        return openai_errors.refusal(refusal)

    def prepare_embedding(
        self, provider: str, key: str, model: str, texts: Sequence[str], dimensions: int | None
    ) -> ModelCall:
        """See Wire.prepare_embedding."""
        return openai_vectors.prepare(provider, key, model, texts, dimensions, packed=True)

    def embedding_target(self, call: ModelCall) -> str:
        """See Wire.embedding_target."""
        return openai_vectors.TARGET

    def embeddings(self, call: ModelCall, body: bytes) -> Embeddings:
        """See Wire.embeddings."""
        return openai_vectors.read(call, body)

    def models_target(self, after: str) -> str:
        """One page has them all (openai 3.54.0, pagination.py)."""
        return "/models"

    def models(self, body: bytes) -> tuple[Sequence[ListedModel], str]:
        """See Wire.models."""
        return openai_models.models(body), ""


def configured(
    name: str, config: ProviderConfig, *, client: Client, secrets: SecretReader, clock: Clock
) -> HttpProvider:
    """The provider that `[providers.NAME]` describes. Raises ConfigRefusals for its own settings."""
    settings = read_settings(name, config)
    manner = Manner(settings.temperature, settings.reads, settings.reasoning, settings.summary)
    responses = ResponsesWire(settings.profile, manner, settings.key_header)
    return adapter.configured(
        name, config, responses, BASE_URL, client=client, secrets=secrets, clock=clock, headers=settings.headers
    )
