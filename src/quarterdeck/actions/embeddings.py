"""Vectors of texts: a model call outside of any turn, with hooks, intent, permit, settlement and record as always."""

import asyncio
import random
from collections.abc import Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import BadInput, NotAllowed, NotFound, QuarterdeckError, Retry
from quarterdeck.base.supervise import EventLog
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.hooks import Hooks
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.gate import Denied, Gate, Intent, Scope
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.policy import Facts
from quarterdeck.model.action import ModelCall
from quarterdeck.model.hook import HookContext, HookOutcome, ModelSubject, ShownMessage
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import Usage
from quarterdeck.observe.metrics import Metrics
from quarterdeck.ports import Embeddings, Provider, ProviderFailed
from quarterdeck.store import people
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement, operation

AT_ONCE = 32  # calls under way
SECONDS = 120.0  # for one request with all its attempts, waiting for a place included
BACKOFF_S = 0.5
STEP = "embedding"
CONNECTION = "api"  # where such calls come from


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
        hooks: Hooks | None = None,
    ) -> None:
        self._store = store
        self._directory = directory
        self._gate = gate
        self._auditor = auditor
        self._clock = clock
        self._crash = crash
        self._metrics = metrics
        self._log = log
        self._hooks = hooks
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
        about = HookContext(connection=CONNECTION, step=STEP, person=people.identity_id(CONNECTION, actor.id))
        while True:
            tries += 1
            subject = ModelSubject(route, "", tuple(ShownMessage("user", text) for text in texts))
            subject, noted = await self._screened(subject, about, closing)
            shown = [message.text for message in subject.messages]
            call = provider.prepare_embedding(route.partition("/")[2], shown, dimensions)
            intent, permit = await self._permitted(call, tries, [*closing, *noted], actor)
            try:
                found = await self._ask(provider, call, permit, intent.row.created_at)
            except ProviderFailed as failed:
                self._tell(subject, about, HookOutcome("failed", detail=str(failed)))
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
                self._tell(subject, about, HookOutcome("failed"))
                await self._close(self._gate.close(intent.row, "lost"))
                raise
            else:
                self._tell(subject, about, HookOutcome("done"))
                await self._close(self._gate.close(intent.row, "done", usage=found.usage))
                return found

    async def _screened(
        self, subject: ModelSubject, about: HookContext, closing: list[Statement]
    ) -> tuple[ModelSubject, list[Statement]]:
        """The texts as hooks want them, and what is to be recorded of it. Raises NotAllowed, which is recorded."""
        if self._hooks is None:
            return subject, []
        try:
            judged = await self._hooks.before(subject, about, _unusable)
        except BaseException:
            if closing:
                await self._close(closing)
            raise
        if (denied := judged.denied) is not None:
            await self._close([*closing, *judged.statements])
            raise NotAllowed(denied.rule, denied.reason, denied.next_step or "Ask whoever runs this.")
        return judged.subject, judged.statements

    def _tell(self, subject: ModelSubject, about: HookContext, outcome: HookOutcome) -> None:
        if self._hooks is not None:
            self._hooks.after(subject, about, outcome)

    async def _permitted(
        self, call: ModelCall, tries: int, closing: list[Statement], actor: Actor
    ) -> tuple[Intent, Permit]:
        """Commit the intent, and what became of the attempt before it. Raises NotAllowed."""
        allowed = Facts(models=self._directory.embeddings.allowed)
        who = people.identity_id(CONNECTION, actor.id)
        scope = Scope("", "", "", STEP, tries, None, allowed, connection=CONNECTION, identity=who)
        verdict = self._gate.check(call, scope)
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

    async def _ask(self, provider: Provider, call: ModelCall, permit: Permit, at: float) -> Embeddings:
        begun, result = self._clock.monotonic(), "failed"
        usage: Usage | None = None
        try:
            self._crash.reach("provider.before")
            found = await provider.embed(call, permit)
            self._crash.reach("provider.after")
            result, usage = "answered", found.usage
            return found
        except ProviderFailed as failed:
            usage = failed.usage
            raise
        finally:
            self._metrics.model(call.provider, result, self._clock.monotonic() - begun)
            if usage is not None:
                cost = self._gate.prices.cost(call.route, usage, at)
                self._metrics.used(call.provider, call.model, usage, *cost)

    async def _close(self, statements: list[Statement]) -> None:
        await commit_patiently(self._store, operation("embedding_outcome", statements), self._log)


def _unusable(subject: ModelSubject) -> str:
    return "" if all(message.text for message in subject.messages) else "a text is empty"


def _told(failed: ProviderFailed) -> QuarterdeckError:
    """A provider's failure as whoever asked is told of it."""
    match failed.kind:
        case "invalid" | "context":
            return BadInput("input", str(failed), "Change the input, the dimensions or the model.")
        case "rate" | "overload" | "network" | "timeout" | "cut" | "server":
            return Retry(f"the provider failed ({failed.kind})", failed.retry_after)
        case "auth" | "credit" | "access":
            return EmbeddingFailed(f"the provider refused our key ({failed.kind}); whoever runs this has to look")
