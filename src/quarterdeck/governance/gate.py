"""The gate: every effect passes here, there is no second way.

verdict = gate.check(action, scope)        Intent | Denied: statements for the next operation
receipt = await store.commit(...)          the intent is on disk, or it is not
permit  = gate.permit(intent, receipt)     the only maker of Permits; None: a stop left the intent out
... the effect, under the permit ...
statements = gate.close(intent, ...)       the outcome, in the operation of the fact
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import NotAllowed
from quarterdeck.base.standing import ALONE, Standing
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor, Decision
from quarterdeck.governance.policy import POLICY_DIGEST, Allow, Deny, Facts, decide
from quarterdeck.governance.pricebook import PriceBook
from quarterdeck.model.action import Action, ModelCall, Part, StreamTo, ToolRun
from quarterdeck.model.permit import MintingKey, Permit, PresencePermit, StreamPermit
from quarterdeck.model.turn import Usage
from quarterdeck.store import intents, ledger
from quarterdeck.store.intents import IntentRow
from quarterdeck.store.ledger import Reservation
from quarterdeck.store.operations import Receipt, Statement

CloseState = Literal["done", "failed", "lost", "unknown"]


class Scope(msgspec.Struct, frozen=True):
    """For whom and at which place of a turn an effect is. `position` None: no session's stop covers it.

    `connection` and `identity` are where the call's cost is counted, beside assistant and session.
    """

    assistant: str
    session: str
    turn: str
    step: str
    attempt: int
    position: int | None
    facts: Facts
    delivery: str = ""
    part: int = 0
    connection: str = ""
    identity: str = ""


class Intent(msgspec.Struct, frozen=True):
    """An allowed action, not yet committed. Put `statements` into the next operation."""

    row: IntentRow
    action: Action
    assistant: str
    statements: tuple[Statement, ...]


class Denied(msgspec.Struct, frozen=True):
    """The policy's no, with what people and the model are told; `statements` record it."""

    rule: str
    reason: str
    next_step: str
    statements: tuple[Statement, ...]

    @property
    def sentence(self) -> str:
        """Rule, reason and next step in one line."""
        return f"Denied by {self.rule}: {self.reason}. {self.next_step}"


Verdict = Intent | Denied


class Gate:
    """Checks actions, mints permits, records outcomes."""

    def __init__(
        self,
        clock: Clock,
        new_id: Callable[[str], str],
        auditor: Auditor,
        prices: PriceBook | None = None,
        standing: Standing = ALONE,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self.prices = prices or PriceBook()
        self.process = standing.process
        self._key = MintingKey(standing)

    def check(self, action: Action, scope: Scope, *, riding: bool = False) -> Verdict:
        """Ask the policy. A `riding` intent shares its operation with another outcome (see intents.insert)."""
        decision = decide(action, scope.facts)
        match decision:
            case Deny():
                return self._denied(action, scope, decision)
            case Allow():
                return self._intent(action, scope, decision, riding)

    def permit(self, intent: Intent, receipt: Receipt) -> Permit | None:
        """The permit for one attempt of a committed intent; None when a stop left the intent out."""
        if not self._committed(intent, receipt):
            return None
        return Permit(self._key, intent.row.id, intent.row.digest, intent.row.route)

    def stream_permit(self, intent: Intent, receipt: Receipt) -> StreamPermit | None:
        """The permit to show a growing answer; None when a stop left the intent out."""
        if not isinstance(intent.action, StreamTo):
            raise NotAllowed("permit.stream", "only a stream's intent allows updates", "Check a StreamTo.")
        if not self._committed(intent, receipt):
            return None
        return StreamPermit(self._key, intent.row.id, intent.row.digest)

    def presence(self, connection: str, room: str) -> PresencePermit:
        """A turn's permit for presence signals in its own room; the turn closes it."""
        return PresencePermit(self._key, f"{connection}/{room}")

    def close(
        self,
        row: IntentRow,
        state: CloseState,
        *,
        assistant: str = "",
        usage: Usage | None = None,
        detail: str = "",
    ) -> list[Statement]:
        """The outcome of an intent, once. A model call without usage is settled at the reserved amount."""
        now = self._clock.now()
        statements = [intents.close(row.id, state, now)]
        if row.kind == "model":
            statements.append(self._settlement(row, usage, now))
        statements += self._auditor.record(
            f"{row.kind}.outcome",
            Actor(id=assistant or "quarterdeck", kind="assistant" if assistant else "system"),
            Subject(
                assistant=assistant,
                session=row.session_id,
                turn=row.turn_id,
                resource=row.delivery_id or ("" if row.kind == "stream" else row.route),
            ),
            intent=row.id,
            outcome=state,
            content=detail.encode(),
        )
        return statements

    def _committed(self, intent: Intent, receipt: Receipt) -> bool:
        touched = receipt.touched.get(f"intent:{intent.row.id}")
        if touched is None:
            raise NotAllowed("permit", "the receipt is of another operation", "Commit the intent first.")
        return touched == 1

    def _intent(self, action: Action, scope: Scope, decision: Allow, riding: bool) -> Intent:
        now = self._clock.now()
        row = IntentRow(
            id=self._new_id("int"),
            kind=action.kind,
            session_id=scope.session,
            turn_id=scope.turn,
            step=scope.step,
            attempt=scope.attempt,
            delivery_id=scope.delivery,
            part=scope.part,
            route=action.route,
            digest=action.digest(),
            repeatable=int(isinstance(action, ToolRun) and action.repeatable),
            state="open",
            created_at=now,
            process=self.process,
        )
        statements = [intents.insert(row, scope.position, riding=riding)]
        if isinstance(action, ModelCall):
            statements.append(self._reservation(row.id, action, scope, now))
        statements += self._auditor.record(
            f"{row.kind}.intent",
            Actor(id=scope.assistant or "quarterdeck", kind="assistant" if scope.assistant else "system"),
            self._about(action, scope),
            record_id=row.id,
            decision=Decision(effect="allow", policy_digest=POLICY_DIGEST, rule=decision.rule),
            riding=riding,
        )
        return Intent(row, action, scope.assistant, tuple(statements))

    def _denied(self, action: Action, scope: Scope, decision: Deny) -> Denied:
        denied = Denied(decision.rule, decision.reason, decision.next_step, ())
        named = isinstance(action, Part | StreamTo)  # its reason names the room, and that may be a person's own id
        statements = self._auditor.record(
            f"{action.kind}.denied",
            Actor(id=scope.assistant or "quarterdeck", kind="assistant" if scope.assistant else "system"),
            self._about(action, scope),
            decision=Decision(effect="deny", policy_digest=POLICY_DIGEST, rule=decision.rule),
            content=b"" if named else denied.sentence.encode(),
        )
        return msgspec.structs.replace(denied, statements=tuple(statements))

    def _about(self, action: Action, scope: Scope) -> Subject:
        resource = action.route
        if isinstance(action, Part | StreamTo):  # its route names the room, and that may be a person's own id
            resource = action.delivery if isinstance(action, StreamTo) else scope.delivery
        return Subject(assistant=scope.assistant, session=scope.session, turn=scope.turn, resource=resource)

    def _reservation(self, intent_id: str, call: ModelCall, scope: Scope, now: float) -> Statement:
        amount, currency = self.prices.reserve(call.route, call.reserve_in, call.reserve_out, now)
        return ledger.reserve(
            Reservation(
                intent_id, call.route, call.reserve_in, call.reserve_out, amount, currency, self.prices.version,
                scope.assistant, scope.session, scope.connection, scope.identity, now,
            )
        )  # fmt: skip

    def _settlement(self, row: IntentRow, usage: Usage | None, now: float) -> Statement:
        """A call has the price of when it began."""
        if usage is None:
            return ledger.settle_at_reserve(row.id, now)
        amount, currency = self.prices.cost(row.route, usage, row.created_at)
        return ledger.settle(row.id, usage, amount, currency, self.prices.version, now)
