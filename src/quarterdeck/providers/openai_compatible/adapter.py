"""The chat completions wire as one value, and the provider that a table of the configuration describes."""

from collections.abc import Mapping, Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.base.secrets import Secret, SecretReader
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.action import ModelCall
from quarterdeck.net.client import Client
from quarterdeck.ports import Embeddings, ListedModel, ModelProfile, ModelRequest, ProviderFailed
from quarterdeck.providers.http import adapter
from quarterdeck.providers.http.adapter import HttpProvider
from quarterdeck.providers.http.wire import Refusal, no_embeddings
from quarterdeck.providers.openai_compatible import failure, wire
from quarterdeck.providers.openai_compatible.answer import Reading
from quarterdeck.providers.openai_compatible.settings import read_settings
from quarterdeck.providers.openai_compatible.wire import Dialect


class ChatWire:
    """Implements providers.http.wire.Wire for `POST /chat/completions`."""

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
        """See Wire.target."""
        return "/chat/completions"

    def headers(self, key: Secret | None) -> Mapping[str, str]:
        """A bearer token."""
        return {} if key is None else {"Authorization": f"Bearer {key.reveal()}"}

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
        raise no_embeddings(provider)

    def embedding_target(self, call: ModelCall) -> str:
        """See Wire.embedding_target."""
        return "/embeddings"

    def embeddings(self, call: ModelCall, body: bytes) -> Embeddings:
        """See Wire.embeddings."""
        raise no_embeddings(call.provider)

    def models_target(self, after: str) -> str:
        """One page has them all."""
        return "/models"

    def models(self, body: bytes) -> tuple[Sequence[ListedModel], str]:
        """See Wire.models."""
        return wire.models(body), ""


def configured(
    name: str, config: ProviderConfig, *, client: Client, secrets: SecretReader, clock: Clock
) -> HttpProvider:
    """The provider that `[providers.NAME]` describes. Raises ConfigRefusals for its own settings."""
    settings = read_settings(name, config)
    chat = ChatWire(settings.profile(), Dialect(settings.max_tokens_field, settings.temperature))
    return adapter.configured(
        name, config, chat, None, client=client, secrets=secrets, clock=clock, headers=settings.headers
    )
