"""What is a provider's own wire asked for? Everything that differs between vendors, as pure functions: no I/O, no
clock, the same values in, the same bytes out.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from quarterdeck.base.secrets import Secret
from quarterdeck.model.action import ModelCall
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.ports import Embeddings, ListedModel, ModelProfile, ModelRequest, ProviderFailed

MAX_CALLS = 128
"""Tool calls in one answer; more are not an answer either."""

BELIEVABLE_TOKENS = 10_000_000
"""No model reads or writes more in one call; a higher figure is not true."""


class Refusal(msgspec.Struct, frozen=True):
    """An answer with an error's status. `key` is what must not appear in a reason, `now` Unix seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    key: Secret | None
    now: float


class Reading(Protocol):
    """One answer while it comes. `feed` never raises; `end` says what became of it."""

    @property
    def done(self) -> bool:
        """Nothing more is worth waiting for."""
        ...

    @property
    def complete(self) -> bool:
        """An answer is there, even if the connection breaks now."""
        ...

    @property
    def reported(self) -> Usage | None:
        """Usage as far as it was reported, for an answer that failed."""
        ...

    def feed(self, chunk: bytes) -> str:
        """Take more of the body; the text that is new in it."""
        ...

    def end(self) -> ModelAnswer:
        """The body is over. Raises ProviderFailed: cut, what an error in it says, or server for nonsense."""
        ...


class Wire(Protocol):
    """One vendor's way of asking. Targets are what stands behind the base address, query included."""

    def profile(self, model: str) -> ModelProfile:
        """What may be asked of a model."""
        ...

    def prepare(self, provider: str, key: str, request: ModelRequest) -> ModelCall:
        """The call of a request. Raises ProviderFailed (invalid) for what cannot be written."""
        ...

    def target(self, call: ModelCall) -> str:
        """Where a call is POSTed to."""
        ...

    def headers(self, key: Secret | None) -> Mapping[str, str]:
        """The headers that carry the key, and what else the vendor wants."""
        ...

    def reading(self, call: ModelCall, key: Secret | None) -> Reading:
        """Reads the answer to a call."""
        ...

    def refusal(self, refusal: Refusal) -> ProviderFailed:
        """The failure that an error's answer is."""
        ...

    def prepare_embedding(
        self, provider: str, key: str, model: str, texts: Sequence[str], dimensions: int | None
    ) -> ModelCall:
        """The call for vectors. Raises ProviderFailed (invalid) where there are none."""
        ...

    def embedding_target(self, call: ModelCall) -> str:
        """Where a call for vectors is POSTed to."""
        ...

    def embeddings(self, call: ModelCall, body: bytes) -> Embeddings:
        """The answer to a call for vectors. Raises ProviderFailed (server)."""
        ...

    def models_target(self, after: str) -> str:
        """Where a page of the list of models is: the first, or the one behind the cursor `after`."""
        ...

    def models(self, body: bytes) -> tuple[Sequence[ListedModel], str]:
        """A page of models and the cursor of the next (empty: none). Raises ProviderFailed (server)."""
        ...


def estimate_tokens(length: int) -> int:
    """Tokens of a text of so many UTF-8 bytes, on the safe side for all scripts; at least one."""
    return max(1, length * 3 // 10)


def believe(figure: int, least: int, estimate: int) -> int:
    """A reported number of tokens where it can be true, else our estimate."""
    return figure if least <= figure <= BELIEVABLE_TOKENS else estimate


def believed(said: Usage, estimate: Usage, written: bool) -> Usage:
    """Reported figures; what cannot be true is replaced by our `estimate`, and then they count as not reported.

    `written`: something was, so that no output cannot be true.
    """
    read = believe(said.input, 1, estimate.input)
    wrote = believe(said.output, 1 if written else 0, estimate.output)
    told = Usage(
        read,
        wrote,
        cached=min(max(said.cached, 0), read),
        cache_write=min(max(said.cache_write, 0), read),
        reasoning=min(max(said.reasoning, 0), wrote),
    )
    return told if told == said else msgspec.structs.replace(told, reported=False)


def no_embeddings(provider: str) -> ProviderFailed:
    """The failure of asking for vectors where there are none."""
    return ProviderFailed("invalid", f"provider {provider} makes no embeddings", retryable=False)
