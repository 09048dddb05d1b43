"""Vectors of texts: a model call outside of any turn, with intent, permit, settlement and record like every other."""

import asyncio
import random
from collections.abc import Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import BadInput, NotAllowed, NotFound, QuarterdeckError, Retry
from quarterdeck.base.supervise import EventLog
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.gate import Denied, Gate, Intent, Scope
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.policy import Facts
from quarterdeck.model.action import ModelCall
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import Usage
from quarterdeck.observe.metrics import Metrics
from quarterdeck.ports import Embeddings, Provider, ProviderFailed
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement, operation

AT_ONCE = 32  # calls under way
SECONDS = 120.0  # for one request with all its attempts, waiting for a place included
BACKOFF_S = 0.5
STEP = "embedding"


class EmbeddingFailed(QuarterdeckError):
    """The provider gave no vectors, and asking again at once would not help."""

    code = "embedding_failed"


class Embedder:
    """The use case of making vectors."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        gate: Gate,
        auditor: Auditor,
        clock: Clock,
        crash: CrashPoints,
        metrics: Metrics,
        log: EventLog,
    ) -> None:
        self._store = store
        self._directory = directory
        self._gate = gate
        self._auditor = auditor
        self._clock = clock
        self._crash = crash
        self._metrics = metrics
        self._log = log
        self._places = asyncio.Semaphore(AT_ONCE)

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None, actor: Actor) -> Embeddings:
        """One vector for each text. Raises NotFound, NotAllowed, BadInput, Retry or EmbeddingFailed."""
        route = self._route(model)
        provider = self._directory.provider(route.partition("/")[0])
        try:
            async with asyncio.timeout(SECONDS), self._places:
                return await self._attempts(provider, route, texts, dimensions, actor)
        except TimeoutError as error:
            raise Retry(f"no vectors within {SECONDS:.0f} s") from error
        except ProviderFailed as failed:
            raise _told(failed) from failed

    def _route(self, model: str) -> str:
        """Who is asked: a route as it is, else the default for its own name and for assistants."""
        rules = self._directory.embeddings
        if model.partition("/")[0] in self._directory.providers and "/" in model:
            return model
        if rules.default and (model == rules.default.partition("/")[2] or model in self._directory.assistants):
            return rules.default
        known = ", ".join(rules.allowed) or "none; [embeddings] model names one"
        raise NotFound(f"there is no embedding model {model!r}; there are: {known}")

    async def _attempts(
        self, provider: Provider, route: str, texts: Sequence[str], dimensions: int | None, actor: Actor
    ) -> Embeddings:
        """Attempts, as far as they help. Each has an intent of its own, committed with the failed one's outcome."""
        tries, closing = 0, list[Statement]()
        while True:
            tries += 1
            call = provider.prepare_embedding(route.partition("/")[2], texts, dimensions)
            intent, permit = await self._permitted(call, tries, closing, actor)
            try:
                found = await self._ask(provider, call, permit)
            except ProviderFailed as failed:
                self._log.warning("embedding.failed", route=route, kind=failed.kind, reason=str(failed))
                closing = self._gate.close(intent.row, "failed", usage=failed.usage, detail=str(failed))
                if not failed.retryable or tries > self._directory.retries(call.provider):
                    await self._close(closing)
                    raise
                wait = BACKOFF_S * 2 ** (tries - 1) if failed.retry_after is None else failed.retry_after
                try:
                    await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311  spreading load is no secret
                except asyncio.CancelledError:
                    await self._close(closing)
                    raise
            except BaseException:  # cut: nobody knows what was used
                await self._close(self._gate.close(intent.row, "lost"))
                raise
            else:
                await self._close(self._gate.close(intent.row, "done", usage=found.usage))
                return found

    async def _permitted(
        self, call: ModelCall, tries: int, closing: list[Statement], actor: Actor
    ) -> tuple[Intent, Permit]:
        """Commit the intent, and what became of the attempt before it. Raises NotAllowed."""
        allowed = Facts(models=self._directory.embeddings.allowed)
        verdict = self._gate.check(call, Scope("", "", "", STEP, tries, None, allowed))
        asked = self._auditor.record("embedding.asked", actor, Subject(resource=call.route))
        if isinstance(verdict, Denied):
            await self._store.commit(operation("embedding_outcome", closing, asked, verdict.statements))
            raise NotAllowed(
                verdict.rule, f"{call.route} is no model for embeddings here", "Add it to [embeddings] allow."
            )
        receipt = await self._store.commit(operation("embedding_intent", closing, asked, verdict.statements))
        permit = self._gate.permit(verdict, receipt)
        assert permit is not None  # no session's stop covers it
        return verdict, permit

    async def _ask(self, provider: Provider, call: ModelCall, permit: Permit) -> Embeddings:
        begun, found = self._clock.monotonic(), None
        try:
            self._crash.reach("provider.before")
            found = await provider.embed(call, permit)
            self._crash.reach("provider.after")
            return found
        finally:
            usage, seconds = found.usage if found else Usage(), self._clock.monotonic() - begun
            self._metrics.model(call.provider, "answered" if found else "failed", seconds, usage.input, usage.output)

    async def _close(self, statements: list[Statement]) -> None:
        await commit_patiently(self._store, operation("embedding_outcome", statements), self._log)


def _told(failed: ProviderFailed) -> QuarterdeckError:
    """A provider's failure as whoever asked is told of it."""
    match failed.kind:
        case "invalid" | "context":
            return BadInput("input", str(failed), "Change the input, the dimensions or the model.")
        case "rate" | "overload" | "network" | "timeout" | "cut" | "server":
            return Retry(f"the provider failed ({failed.kind})", failed.retry_after)
        case "auth" | "credit" | "access":
            return EmbeddingFailed(f"the provider refused our key ({failed.kind}); whoever runs this has to look")
