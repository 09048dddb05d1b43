"""The demo model while it is being fetched: the gateway works at once, and whoever asks meanwhile is answered then."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from quarterdeck.base.errors import Conflict, GiveUp, Retry
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.model.action import ModelCall
from quarterdeck.model.message import AssistantMessage
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.ports import Delta, Embeddings, ListedModel, ModelProfile, ModelRequest, OnDelta, Provider
from quarterdeck.providers.local.pull import Progress, pull
from quarterdeck.providers.local.shelf import ModelStatus, status

AGAIN_S = 30.0
STILL_S = 60.0  # nobody waits longer for a download that does not move

Pull = Callable[[Path, Callable[[Progress], None]], Awaitable[ModelStatus]]


class Fetching:
    """One download of the demo model, as a service of the gateway."""

    def __init__(self, data_dir: Path, log: EventLog, pulling: Pull = pull, still_seconds: float = STILL_S) -> None:
        self._data_dir = data_dir
        self._log = log
        self._pull = pulling
        self._still_seconds = still_seconds
        self._progress: Progress | None = None
        self._trouble = ""
        self._moved = asyncio.Event()
        self.ready = status(data_dir).state == "ready"

    async def run(self, life: Life) -> None:
        """Fetch until it is there, the process stops, or it can never work on this machine."""
        life.ready()
        while not self.ready and not life.stopping.is_set():
            try:
                found = await self._pull(self._data_dir, self._note)
                self.ready = found.state == "ready"
                self._trouble = "" if self.ready else f"this machine lacks {' and '.join(found.lacks)} for it"
                self._log.info("model.fetched", ready=self.ready)
            except (Retry, Conflict) as error:
                self._trouble = str(error)
                self._log.warning("model.fetch_failed", reason=str(error))
            except GiveUp as error:
                self._trouble = str(error)
                self._log.error("model.cannot_run", reason=str(error))
                break
            finally:
                self._tell()
            if not self.ready:
                await _pause(life)
        await life.stopping.wait()

    async def settled(self) -> None:
        """Wait while the download moves: until the model is there, or something stands in its way."""
        while not self.ready and not self._trouble:
            try:
                async with asyncio.timeout(self._still_seconds):
                    await self._moved.wait()
            except TimeoutError:
                return

    def said(self) -> str:
        """What to tell a person who asks meanwhile."""
        if self._trouble:
            return f"The demo model is not here yet: {self._trouble}"
        if self._progress is None:
            return "The demo model is about to be fetched. Please ask again in a moment."
        at = self._progress
        far = f" ({at.done * 100 // at.total} %)" if at.total else ""
        return f"The demo model is being fetched: {at.phase}{far}. Please ask again in a moment."

    def _note(self, progress: Progress) -> None:
        self._trouble = ""
        if self._progress is None or progress.phase != self._progress.phase:
            self._log.info("model.fetching", phase=progress.phase)
        self._progress = progress
        self._tell()

    def _tell(self) -> None:
        """Wake those who wait; who waits on waits for the next time."""
        self._moved.set()
        self._moved = asyncio.Event()


class UntilFetched:
    """A provider that waits for the model behind it, and says what is in the way where it does not come.

    How long a turn may wait is the turn's own limit.
    """

    def __init__(self, inner: Provider, fetching: Fetching) -> None:
        self._inner = inner
        self._fetching = fetching

    def profile(self, model: str) -> ModelProfile:
        """See ports.Provider.profile."""
        return self._inner.profile(model)

    def prepare(self, request: ModelRequest) -> ModelCall:
        """See ports.Provider.prepare."""
        return self._inner.prepare(request)

    async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
        """See ports.Provider.complete."""
        await self._fetching.settled()
        if self._fetching.ready:
            return await self._inner.complete(call, permit, on_delta)
        permit.spend(call)
        text = self._fetching.said()
        on_delta(Delta(text))
        return ModelAnswer(AssistantMessage(text), "stop", Usage(), call.model)

    def prepare_embedding(self, model: str, texts: Sequence[str], dimensions: int | None) -> ModelCall:
        """See ports.Provider.prepare_embedding."""
        return self._inner.prepare_embedding(model, texts, dimensions)

    async def embed(self, call: ModelCall, permit: Permit) -> Embeddings:
        """See ports.Provider.embed."""
        return await self._inner.embed(call, permit)

    async def models(self) -> Sequence[ListedModel]:
        """See ports.Provider.models."""
        return await self._inner.models() if self._fetching.ready else ()

    async def close(self) -> None:
        """The inner provider is its owner's to close."""


async def _pause(life: Life) -> None:
    try:
        async with asyncio.timeout(AGAIN_S):
            await life.stopping.wait()
    except TimeoutError:
        return
