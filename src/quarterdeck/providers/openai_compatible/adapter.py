"""The chat completions wire as one value, and the provider that a table of the configuration describes."""

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
from quarterdeck.providers.openai_compatible import wire
from quarterdeck.providers.openai_compatible.answer import Reading
from quarterdeck.providers.openai_compatible.dialect import Dialect
from quarterdeck.providers.openai_compatible.settings import VENDOR, read_settings


class ChatWire:
    """Implements providers.http.wire.Wire for `POST /chat/completions`."""

    def __init__(
        self, profile: ModelProfile, dialect: Dialect, key_header: str = "", *, packed_vectors: bool = False
    ) -> None:
        """`key_header` carries the key (empty: a bearer token); `packed_vectors`: they come as base64."""
        self._profile = profile
        self._dialect = dialect
        self._key_header = key_header
        self._packed = packed_vectors

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
        """See Wire.headers."""
        return key_headers(self._key_header, key)

    def reading(self, call: ModelCall, key: Secret | None) -> Reading:
        """See Wire.reading."""
        return Reading(call, key)

    def refusal(self, refusal: Refusal) -> ProviderFailed:
        """See Wire.refusal."""
        return openai_errors.refusal(refusal)

    def prepare_embedding(
        self, provider: str, key: str, model: str, texts: Sequence[str], dimensions: int | None
    ) -> ModelCall:
        """See Wire.prepare_embedding."""
        return openai_vectors.prepare(provider, key, model, texts, dimensions, packed=self._packed)

    def embedding_target(self, call: ModelCall) -> str:
        """See Wire.embedding_target."""
        return openai_vectors.TARGET

    def embeddings(self, call: ModelCall, body: bytes) -> Embeddings:
        """See Wire.embeddings."""
        return openai_vectors.read(call, body)

    def models_target(self, after: str) -> str:
        """One page has them all."""
        return "/models"

    def models(self, body: bytes) -> tuple[Sequence[ListedModel], str]:
        """See Wire.models."""
        return openai_models.models(body), ""


def configured(
    name: str, config: ProviderConfig, *, client: Client, secrets: SecretReader, clock: Clock
) -> HttpProvider:
    """The provider that `[providers.NAME]` describes. Raises ConfigRefusals for its own settings."""
    chosen = read_settings(name, config)
    chat = ChatWire(chosen.profile, chosen.dialect, chosen.key_header, packed_vectors=config.kind == VENDOR)
    return adapter.configured(
        name,
        config,
        chat,
        chosen.preset.base_url or None,
        client=client,
        secrets=secrets,
        clock=clock,
        headers=chosen.settings.headers,
    )
