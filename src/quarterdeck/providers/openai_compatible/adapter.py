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
from quarterdeck.ports import Delta, ModelProfile, ModelRequest, OnDelta, ProviderFailed
from quarterdeck.providers.openai_compatible import failure, wire
from quarterdeck.providers.openai_compatible.answer import Reading
from quarterdeck.providers.openai_compatible.settings import read_settings, read_timeouts
from quarterdeck.providers.openai_compatible.wire import Dialect

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
LAST_WORDS_S = 0.1
"""How long the end of the body is awaited after [DONE], so that the connection can be used again."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where to ask: `base_url` ends before `/chat/completions`; `key` is the bearer token, if one is needed."""

    base_url: str
    key: Secret | None


EndpointSource = Callable[[], Awaitable[Endpoint]]
"""Asked before every call. It keeps its own deadline; Retry, Refused and GiveUp become ProviderFailed."""


class OpenAICompatible:
    """A source of models behind an OpenAI-compatible endpoint. The client is shared and stays its owner's."""

    def __init__(
        self,
        name: str,
        client: Client,
        endpoint: EndpointSource,
        clock: Clock,
        *,
        profile: ModelProfile | None = None,
        dialect: Dialect | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._name = name
        self._client = client
        self._endpoint = endpoint
        self._clock = clock
        self._profile = profile or ModelProfile()
        self._dialect = dialect or Dialect()
        self._headers = {
            **(headers or {}),
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
        }
        self._timeouts = timeouts or Timeouts()

    def profile(self, model: str) -> ModelProfile:
        """The same for every model of this provider."""
        return self._profile

    def prepare(self, request: ModelRequest) -> ModelCall:
        """Encode the request for the wire. Raises ProviderFailed (invalid) for a tool without a JSON schema."""
        return wire.encode(self._name, request, self._dialect)

    async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
        """Make one attempt. `on_delta` gets the text as it comes, merged to one piece for each read of the socket.

        Raises NotAllowed before anything is sent when the permit or the call is for something else, and
        ProviderFailed for everything that can go wrong afterwards. Cancelling closes the connection.
        """
        permit.spend(call)
        if call.provider != self._name:
            raise NotAllowed("permit.route", f"{call.route} is not a route of {self._name}", "Ask its provider.")
        endpoint = await self._reach()
        reading = Reading(call, endpoint.key)
        try:
            async with self._client.stream(self._request(endpoint, "/chat/completions", call.body)) as answer:
                await self._check(answer, endpoint)
                await _read(answer, reading, on_delta)
        except NetError as error:
            if not reading.complete:
                raise failure.unreached(error, reading.reported) from error
        return reading.end()

    async def models(self) -> Sequence[str]:
        """Names of the models that the key can reach, in the endpoint's order. Raises ProviderFailed."""
        endpoint = await self._reach()
        try:
            async with self._client.stream(self._request(endpoint, "/models", None)) as answer:
                await self._check(answer, endpoint)
                body = b"".join([chunk async for chunk in answer.chunks()])
        except NetError as error:
            raise failure.unreached(error, None) from error
        return wire.model_names(body)

    async def close(self) -> None:
        """Nothing is held."""

    async def _reach(self) -> Endpoint:
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await self._endpoint()
        except TimeoutError:
            raise ProviderFailed(
                "timeout", "the endpoint was not ready in time", retryable=True, usage=failure.NOTHING_USED
            ) from None
        except Retry as error:
            raise ProviderFailed(
                "overload",
                str(error),
                retryable=True,
                retry_after=error.retry_after,
                usage=failure.NOTHING_USED,
            ) from error
        except (Refused, GiveUp) as error:
            kind = "auth" if isinstance(error, ConfigRefused) else "invalid"
            raise ProviderFailed(kind, str(error), retryable=False, usage=failure.NOTHING_USED) from error

    def _request(self, endpoint: Endpoint, path: str, body: bytes | None) -> Outgoing:
        headers = self._headers
        if endpoint.key is not None:
            headers = {**headers, "Authorization": f"Bearer {endpoint.key.reveal()}"}
        return Outgoing(
            method="GET" if body is None else "POST",
            url=endpoint.base_url.rstrip("/") + path,
            trusted=True,
            headers=headers,
            body=body,
            timeouts=self._timeouts,
            max_bytes=MAX_ANSWER_BYTES,
        )

    async def _check(self, answer: Streamed, endpoint: Endpoint) -> None:
        """Raises ProviderFailed unless an answer follows."""
        if answer.status >= 300:
            body = await _error_body(answer)
            raise failure.refusal(answer.status, answer.headers, body, endpoint.key, self._clock.now())
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            reason = "answered with a web page; is base_url right (does it lack /v1)?"
            raise ProviderFailed("invalid", reason, retryable=False, usage=failure.NOTHING_USED)


def configured(
    name: str, config: ProviderConfig, *, client: Client, secrets: SecretReader, clock: Clock
) -> OpenAICompatible:
    """The provider that `[providers.NAME]` describes. Raises ConfigRefusals for its own settings.

    The first key is read anew for every call, so that a replaced one is in use as soon as `secrets` allows.
    """
    settings = read_settings(name, config)
    base_url = config.base_url
    if base_url is None:
        raise ConfigRefused(f"providers.{name}.base_url", "this kind needs an address", "Write base_url")

    async def endpoint() -> Endpoint:
        ref = config.api_keys[0] if config.api_keys else None
        key = None if ref is None else await secrets.read(ref, f"providers.{name}.api_keys[0]")
        return Endpoint(base_url, key)

    return OpenAICompatible(
        name,
        client,
        endpoint,
        clock,
        profile=settings.profile(),
        dialect=Dialect(settings.max_tokens_field, settings.temperature),
        headers=settings.headers,
        timeouts=read_timeouts(config),
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
