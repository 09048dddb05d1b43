"""The Messages wire as one value, and the provider that a table of the configuration describes."""

from collections.abc import Mapping, Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.base.secrets import Secret, SecretReader
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.action import ModelCall
from quarterdeck.net.client import Client
from quarterdeck.ports import Embeddings, ListedModel, ModelProfile, ModelRequest, ProviderFailed
from quarterdeck.providers.anthropic import failure, listing, wire
from quarterdeck.providers.anthropic.answer import Reading
from quarterdeck.providers.anthropic.settings import BASE_URL, Settings, read_settings
from quarterdeck.providers.http import adapter
from quarterdeck.providers.http.adapter import HttpProvider
from quarterdeck.providers.http.wire import Refusal, no_embeddings

VERSION = "2026-10-21"
"""The version of the API that is spoken (the vendor's page "Versions")."""


class MessagesWire:
    """Implements providers.http.wire.Wire for `POST /messages`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def profile(self, model: str) -> ModelProfile:
        """The same for every model."""
        return self._settings.profile()

    def prepare(self, provider: str, key: str, request: ModelRequest) -> ModelCall:
        """See Wire.prepare."""
        return wire.encode(provider, key, request, self._settings)

    def target(self, call: ModelCall) -> str:
        """See Wire.target."""
        return "/messages"

    def headers(self, key: Secret | None) -> Mapping[str, str]:
        """The key, and the version of the API."""
        version = {"anthropic-version": VERSION}
        return version if key is None else {**version, "x-api-key": key.reveal()}

    def reading(self, call: ModelCall, key: Secret | None) -> Reading:
        """See Wire.reading."""
        return Reading(call, key)

    def refusal(self, refusal: Refusal) -> ProviderFailed:
        """See Wire.refusal."""
        return failure.refusal(refusal)

    def prepare_embedding(
        self, provider: str, key: str, model: str, texts: Sequence[str], dimensions: int | None
    ) -> ModelCall:
        """The vendor makes none."""
        raise no_embeddings(provider)

    def embedding_target(self, call: ModelCall) -> str:
        """The vendor makes none."""
        raise no_embeddings(call.provider)

    def embeddings(self, call: ModelCall, body: bytes) -> Embeddings:
        """The vendor makes none."""
        raise no_embeddings(call.provider)

    def models_target(self, after: str) -> str:
        """See Wire.models_target."""
        return listing.target(after)

    def models(self, body: bytes) -> tuple[Sequence[ListedModel], str]:
        """See Wire.models."""
        return listing.read(body)


def configured(
    name: str, config: ProviderConfig, *, client: Client, secrets: SecretReader, clock: Clock
) -> HttpProvider:
    """The provider that `[providers.NAME]` describes. Raises ConfigRefusals for its own settings."""
    messages = MessagesWire(read_settings(name, config))
    return adapter.configured(name, config, messages, BASE_URL, client=client, secrets=secrets, clock=clock)
