"""How is one attempt made? Permit first, then one request with its deadlines, then an answer or ProviderFailed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import ConfigRefused, GiveUp, NotAllowed, Refused, Retry
from quarterdeck.base.secrets import Secret, SecretReader
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.action import ModelCall
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import ModelAnswer
from quarterdeck.net.client import Client, NetError, Streamed
from quarterdeck.net.outgoing import Outgoing, Timeouts
from quarterdeck.ports import Delta, Embeddings, ListedModel, ModelProfile, ModelRequest, OnDelta, ProviderFailed
from quarterdeck.providers.http.failure import NOTHING_USED, unreached
from quarterdeck.providers.http.keys import KeyHealth, KeyRing
from quarterdeck.providers.http.wire import Reading, Refusal, Wire

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
MAX_MODELS = 5_000
LAST_WORDS_S = 0.1
"""How long the end of the body is awaited after the last event, so that the connection can be used again."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where to ask: `base_url` ends before a wire's target; `key` is the secret, if one is needed."""

    base_url: str
    key: Secret | None


EndpointSource = Callable[[str], Awaitable[Endpoint]]
"""Asked before every call, with the name of the key that it is made with. It keeps its own deadline; Retry, Refused
and GiveUp become ProviderFailed."""


class HttpProvider:
    """A source of models that speaks `wire`. The client is shared and stays its owner's."""

    def __init__(
        self,
        name: str,
        client: Client,
        endpoint: EndpointSource,
        clock: Clock,
        wire: Wire,
        *,
        keys: int = 0,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._name = name
        self._client = client
        self._endpoint = endpoint
        self._clock = clock
        self._wire = wire
        self._ring = KeyRing(keys, clock)
        self._headers = {
            **(headers or {}),
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
        }
        self._timeouts = timeouts or Timeouts()

    def profile(self, model: str) -> ModelProfile:
        """See ports.Provider.profile."""
        return self._wire.profile(model)

    def prepare(self, request: ModelRequest) -> ModelCall:
        """See ports.Provider.prepare. Raises ProviderFailed (invalid) for what the wire cannot write."""
        return self._wire.prepare(self._name, self._ring.pick(), request)

    async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
        """Make one attempt. `on_delta` gets the text as it comes, merged to one piece for each read of the socket.

        Raises NotAllowed before anything is sent when the permit or the call is for something else, and
        ProviderFailed for everything that can go wrong afterwards. Cancelling closes the connection.
        """
        self._spend(call, permit)
        try:
            answer = await self._complete(call, on_delta)
        except ProviderFailed as failed:
            raise self._another_key(call, failed) from failed
        self._ring.answered(call.key)
        return answer

    def prepare_embedding(self, model: str, texts: Sequence[str], dimensions: int | None) -> ModelCall:
        """See ports.Provider.prepare_embedding."""
        return self._wire.prepare_embedding(self._name, self._ring.pick(), model, texts, dimensions)

    async def embed(self, call: ModelCall, permit: Permit) -> Embeddings:
        """See ports.Provider.embed."""
        self._spend(call, permit)
        try:
            body = await self._whole(call.key, self._wire.embedding_target(call), call.body)
            found = self._wire.embeddings(call, body)
        except ProviderFailed as failed:
            raise self._another_key(call, failed) from failed
        self._ring.answered(call.key)
        return found

    async def models(self) -> Sequence[ListedModel]:
        """See ports.Provider.models: in the endpoint's order, at most 5,000."""
        found: list[ListedModel] = []
        after = ""
        while len(found) < MAX_MODELS:
            body = await self._whole(self._ring.pick(), self._wire.models_target(after), None)
            page, following = self._wire.models(body)
            found += page
            if not following or following == after or not page:
                break
            after = following
        return tuple(found)

    def keys(self) -> tuple[KeyHealth, ...]:
        """How its keys are."""
        return self._ring.health()

    async def close(self) -> None:
        """Nothing is held."""

    def _spend(self, call: ModelCall, permit: Permit) -> None:
        permit.spend(call)
        if call.provider != self._name:
            raise NotAllowed("permit.route", f"{call.route} is not a route of {self._name}", "Ask its provider.")

    async def _complete(self, call: ModelCall, on_delta: OnDelta) -> ModelAnswer:
        endpoint = await self._reach(call.key)
        reading = self._wire.reading(call, endpoint.key)
        try:
            async with self._client.stream(self._request(endpoint, self._wire.target(call), call.body)) as answer:
                await self._check(answer, endpoint)
                await _read(answer, reading, on_delta)
        except NetError as error:
            if not reading.complete:
                raise unreached(error, reading.reported) from error
        return reading.end()

    async def _whole(self, key: str, target: str, body: bytes | None) -> bytes:
        """The body of an answer that is not streamed."""
        endpoint = await self._reach(key)
        try:
            async with self._client.stream(self._request(endpoint, target, body)) as answer:
                await self._check(answer, endpoint)
                return b"".join([chunk async for chunk in answer.chunks()])
        except NetError as error:
            raise unreached(error, None) from error

    def _another_key(self, call: ModelCall, failed: ProviderFailed) -> ProviderFailed:
        """The same failure, to be tried again at once where another key is ready."""
        if not self._ring.refused(call.key, failed.kind, failed.retry_after):
            return failed
        return ProviderFailed(failed.kind, str(failed), retryable=True, retry_after=0.0, usage=failed.usage)

    async def _reach(self, key: str) -> Endpoint:
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await self._endpoint(key)
        except TimeoutError:
            reason = "the endpoint was not ready in time"
            raise ProviderFailed("timeout", reason, retryable=True, usage=NOTHING_USED) from None
        except Retry as error:
            raise ProviderFailed(
                "overload", str(error), retryable=True, retry_after=error.retry_after, usage=NOTHING_USED
            ) from error
        except (Refused, GiveUp) as error:
            kind = "auth" if isinstance(error, ConfigRefused) else "invalid"
            raise ProviderFailed(kind, str(error), retryable=False, usage=NOTHING_USED) from error

    def _request(self, endpoint: Endpoint, target: str, body: bytes | None) -> Outgoing:
        return Outgoing(
            method="GET" if body is None else "POST",
            url=endpoint.base_url.rstrip("/") + target,
            trusted=True,
            headers={**self._headers, **self._wire.headers(endpoint.key)},
            body=body,
            timeouts=self._timeouts,
            max_bytes=MAX_ANSWER_BYTES,
        )

    async def _check(self, answer: Streamed, endpoint: Endpoint) -> None:
        """Raises ProviderFailed unless an answer follows."""
        if answer.status >= 300:
            body = await _error_body(answer)
            raise self._wire.refusal(Refusal(answer.status, answer.headers, body, endpoint.key, self._clock.now()))
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            reason = "answered with a web page; is base_url right (does it lack /v1)?"
            raise ProviderFailed("invalid", reason, retryable=False, usage=NOTHING_USED)


def configured(
    name: str,
    config: ProviderConfig,
    wire: Wire,
    base_url: str | None,
    *,
    client: Client,
    secrets: SecretReader,
    clock: Clock,
    headers: Mapping[str, str] | None = None,
) -> HttpProvider:
    """The provider that `[providers.NAME]` describes, at `base_url` unless the table names an address.

    A key is read anew for every call, so that a replaced one is in use as soon as `secrets` allows. Raises
    ConfigRefused without an address.
    """
    address = config.base_url or base_url
    if address is None:
        raise ConfigRefused(f"providers.{name}.base_url", "this kind needs an address", "Write base_url")

    async def endpoint(key: str) -> Endpoint:
        if not key:
            return Endpoint(address, None)
        n = int(key.removeprefix("k"))
        return Endpoint(address, await secrets.read(config.api_keys[n], f"providers.{name}.api_keys[{n}]"))

    timeouts = Timeouts(first_byte=config.first_byte_seconds, idle=config.idle_seconds, total=config.total_seconds)
    return HttpProvider(
        name, client, endpoint, clock, wire, keys=len(config.api_keys), headers=headers, timeouts=timeouts
    )


async def _read(answer: Streamed, reading: Reading, on_delta: OnDelta) -> None:
    """Read until the answer is done. Raises NetError when the connection breaks before."""
    chunks = answer.chunks()
    async for chunk in chunks:
        fresh = reading.feed(chunk)
        if fresh:
            on_delta(Delta(fresh))
        if reading.done:
            await _last_words(chunks)
            return


async def _last_words(chunks: AsyncIterator[bytes]) -> None:
    """Let the body come to its end. The answer is complete: whatever goes wrong here only costs the connection."""
    try:
        async with asyncio.timeout(LAST_WORDS_S):
            async for _ in chunks:
                continue
    except (TimeoutError, NetError):
        return


async def _error_body(answer: Streamed) -> bytes:
    """The beginning of an error's body; the status alone says enough where it cannot be read."""
    body = b""
    try:
        async for chunk in answer.chunks():
            body += chunk
            if len(body) > MAX_ERROR_BYTES:
                break
    except NetError:
        return body
    return body
