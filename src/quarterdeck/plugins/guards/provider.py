"""What of a plugin's provider reaches a turn: sound answers, bounded deltas, and ProviderFailed for all the rest."""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import get_args

from quarterdeck.base.errors import NotAllowed
from quarterdeck.base.supervise import EventLog
from quarterdeck.model.action import ModelCall
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.plugins.guards.sound import FAULTS, Nonsense, asked_to_stop, sound, within
from quarterdeck.ports import (
    Delta,
    Embeddings,
    FailureKind,
    ListedModel,
    ModelProfile,
    ModelRequest,
    OnDelta,
    Provider,
    ProviderFailed,
)

MAX_TEXT = 1_000_000  # characters of an answer
MAX_DELTAS = 200_000
MAX_TOKENS = 100_000_000
MAX_WAIT_S = 86_400.0
MAX_MODELS = 5_000
CALL_SECONDS = 300.0  # what no turn bounds
CLOSE_SECONDS = 5.0


class GuardedProvider:
    """Implements ports.Provider around a plugin's."""

    def __init__(self, inner: Provider, name: str, log: EventLog) -> None:
        self._inner = inner
        self._name = name
        self._log = log

    def profile(self, model: str) -> ModelProfile:
        """See ports.Provider.profile. Raises ProviderFailed when the plugin does not say it."""
        with self._failing("profile"):
            return sound(self._inner.profile(model), ModelProfile)

    def prepare(self, request: ModelRequest) -> ModelCall:
        """See ports.Provider.prepare."""
        with self._failing("prepare"):
            return self._call(self._inner.prepare(request), request.model)

    async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
        """See ports.Provider.complete."""
        grown = _Grown(on_delta)
        with self._failing("complete"):
            try:
                answer = sound(await self._inner.complete(call, permit, grown.take), ModelAnswer)
            finally:
                grown.closed = True
            if grown.flooded or len(answer.message.text) > MAX_TEXT:
                raise Nonsense(f"its answer is longer than {MAX_TEXT} characters or {MAX_DELTAS} pieces")
            self._spent(permit)
            _check_usage(answer.usage)
            return answer

    def prepare_embedding(self, model: str, texts: Sequence[str], dimensions: int | None) -> ModelCall:
        """See ports.Provider.prepare_embedding."""
        with self._failing("prepare_embedding"):
            return self._call(self._inner.prepare_embedding(model, texts, dimensions), model)

    async def embed(self, call: ModelCall, permit: Permit) -> Embeddings:
        """See ports.Provider.embed."""
        with self._failing("embed"):
            async with asyncio.timeout(CALL_SECONDS):
                found = sound(await self._inner.embed(call, permit), Embeddings)
            self._spent(permit)
            _check_usage(found.usage)
            return found

    async def models(self) -> Sequence[ListedModel]:
        """See ports.Provider.models: at most 5,000."""
        with self._failing("models"):
            async with asyncio.timeout(CALL_SECONDS):
                listed = await self._inner.models()
            return tuple(sound(one, ListedModel) for one in tuple(listed)[:MAX_MODELS])

    async def close(self) -> None:
        """See ports.Provider.close; at most 5 s."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._inner.close()
        except FAULTS as error:
            self._log.error("plugin.failed", provider=self._name, where="close", exc_info=error)

    def _call(self, value: object, model: str) -> ModelCall:
        call = sound(value, ModelCall)
        within(call.reserve_in, MAX_TOKENS, "reserve_in")
        within(call.reserve_out, MAX_TOKENS, "reserve_out")
        if (call.provider, call.model) != (self._name, model):
            raise Nonsense(f"it prepared a call of {call.route}, not of {self._name}/{model}")
        return call

    def _spent(self, permit: Permit) -> None:
        if not permit.spent:
            raise Nonsense("it did not spend its permit")

    @contextmanager
    def _failing(self, where: str) -> Generator[None]:
        try:
            yield
        except NotAllowed:
            raise
        except ProviderFailed as failed:
            raise _known(failed) from failed
        except asyncio.CancelledError as error:
            if asked_to_stop():
                raise
            raise self._broken(where, error) from error
        except FAULTS as error:
            raise self._broken(where, error) from error

    def _broken(self, where: str, error: BaseException) -> ProviderFailed:
        self._log.error("plugin.failed", provider=self._name, where=where, exc_info=error)
        told = str(error) if isinstance(error, Nonsense) else type(error).__name__
        return ProviderFailed("invalid", f"the plugin of {self._name} failed in {where}: {told}", retryable=False)


class _Grown:
    """Counts what grows; late pieces are dropped, a flood ends the call."""

    def __init__(self, on_delta: OnDelta) -> None:
        self._on_delta = on_delta
        self._size = 0
        self._count = 0
        self.flooded = False
        self.closed = False

    def take(self, delta: object) -> None:
        """One piece."""
        if self.closed:
            return
        if not isinstance(delta, Delta) or not isinstance(delta.text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise Nonsense(f"a piece of its answer is a {type(delta).__name__}")
        self._size += len(delta.text)
        self._count += 1
        if self._size > MAX_TEXT or self._count > MAX_DELTAS:
            self.flooded = True
            raise Nonsense("its answer does not end")
        self._on_delta(delta)


def _known(failed: ProviderFailed) -> ProviderFailed:
    """The same failure, if everything that it says is known; the plugin made it."""
    if failed.kind not in get_args(FailureKind):
        return ProviderFailed("invalid", f"{failed} (of the unknown kind {failed.kind!r})", retryable=False)
    try:
        within(failed.retry_after, MAX_WAIT_S, "retry_after")
        if failed.usage is not None:
            _check_usage(sound(failed.usage, Usage))
    except (Nonsense, TypeError) as error:
        return ProviderFailed(failed.kind, f"{failed} ({error})", retryable=False)
    return failed


def _check_usage(usage: Usage) -> None:
    for name in ("input", "output", "cached", "cache_write", "reasoning"):
        within(getattr(usage, name), MAX_TOKENS, f"usage.{name}")
