"""Trying a model: one small live call, with intent, permit, settlement and record like every other."""

import asyncio

from quarterdeck.base.clock import Clock
from quarterdeck.base.supervise import EventLog
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.gate import CloseState, Denied, Gate, Scope
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.policy import Facts
from quarterdeck.model.message import UserMessage
from quarterdeck.model.turn import Usage
from quarterdeck.ports import ModelRequest, Provider, ProviderFailed
from quarterdeck.store import people
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation

SECONDS = 60.0
QUESTION = "Answer with the word ok."
TOKENS = 16  # the least that some wires take
STEP = "probe"
CONNECTION = "terminal"  # whoever tries a model sits at the machine


class Probes:
    """The use case of trying a model."""

    def __init__(
        self, store: Store, directory: Directory, gate: Gate, auditor: Auditor, clock: Clock, log: EventLog
    ) -> None:
        self._store = store
        self._directory = directory
        self._gate = gate
        self._auditor = auditor
        self._clock = clock
        self._log = log

    async def ask(self, route: str, actor: Actor) -> float:
        """One call to a model that an assistant uses; the seconds that it took. Raises ProviderFailed."""
        provider = self._directory.provider(route.partition("/")[0])
        return await self.ask_of(provider, route, Facts(models=self._directory.models), actor)

    async def ask_of(self, provider: Provider, route: str, facts: Facts, actor: Actor) -> float:
        """The same of a provider that need not be configured. Raises ProviderFailed."""
        model, who = route.partition("/")[2], people.identity_id(CONNECTION, actor.id)
        call = provider.prepare(ModelRequest(model, "", (UserMessage(QUESTION),), max_tokens=TOKENS))
        verdict = self._gate.check(call, Scope("", "", "", STEP, 1, None, facts, connection=CONNECTION, identity=who))
        if isinstance(verdict, Denied):
            raise ProviderFailed("invalid", verdict.sentence, retryable=False)
        asked = self._auditor.record("probe.asked", actor, Subject(resource=route))
        receipt = await self._store.commit(operation("probe_intent", asked, verdict.statements))
        permit = self._gate.permit(verdict, receipt)
        assert permit is not None  # no session's stop covers it
        begun, detail = self._clock.monotonic(), ""
        state: CloseState = "lost"
        usage: Usage | None = None
        try:
            async with asyncio.timeout(SECONDS):
                answer = await provider.complete(call, permit, lambda delta: None)
            state, usage = "done", answer.usage
        except TimeoutError as error:
            raise ProviderFailed("timeout", f"no answer within {SECONDS:.0f} s", retryable=True) from error
        except ProviderFailed as failed:
            state, usage, detail = "failed", failed.usage, str(failed)
            raise
        finally:
            closing = self._gate.close(verdict.row, state, usage=usage, detail=detail)
            await commit_patiently(self._store, operation("probe_outcome", closing), self._log)
        return self._clock.monotonic() - begun


def reach(error: ProviderFailed) -> str:
    """A provider's failure as what a person does about it."""
    match error.kind:
        case "auth":
            return "wrong_key"
        case "credit":
            return "no_credit"
        case "access":
            return "no_access"
        case "network" | "timeout" | "cut":
            return "unreachable"
        case _:
            return "failed"
