"""What does a turn leave in its trace? The root is the turn; under it: wait, take, model calls, tools, sends.

Names follow the GenAI conventions of OpenTelemetry (opentelemetry-semantic-conventions 0.66b2,
`_incubating/attributes/gen_ai_attributes.py`); what those have no name for begins with `quarterdeck.`. Texts that
people, models or tools wrote are never put in, nor who a person is.
"""

from collections.abc import Mapping

from quarterdeck.base.clock import Clock
from quarterdeck.flow import context
from quarterdeck.flow.state import Pending, TurnState
from quarterdeck.governance.gate import Intent
from quarterdeck.model.action import ToolRun
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.observe.traces import Span, Traces
from quarterdeck.ports import ProviderFailed, SendResult, Sent
from quarterdeck.store.outbox import Delivery, PartRow

MODEL_NAME = 200  # characters of what a provider calls its model

Attributes = dict[str, str | int | tuple[str, ...]]


class Tracing:
    """Makes the spans of turns. `vendors`: what the conventions call a configured provider, where they know it."""

    def __init__(self, traces: Traces, clock: Clock, vendors: Mapping[str, str]) -> None:
        self._traces = traces
        self._clock = clock
        self._vendors = vendors

    def taken(self, state: TurnState) -> None:
        """An attempt has taken the turn; the first one ends the waiting of what it is for."""
        seconds = self._clock.monotonic() - state.started
        began = self._clock.now() - seconds
        if state.attempt == 1:
            for row in state.rows:
                about: Attributes = {"quarterdeck.inbox.id": row.id, "quarterdeck.connection": row.connection}
                waited = began - row.created_at
                self._traces.record(Span("wait", state.turn_id, row.id, row.created_at, waited, about))
        attributes: Attributes = {"quarterdeck.turn.attempt": state.attempt}
        name = f"{state.turn_id}.take.{state.attempt}"
        self._traces.record(Span("take", state.turn_id, name, began, seconds, attributes))

    def asked(self, pending: Pending, begun: float, result: ModelAnswer | ProviderFailed | None) -> None:
        """A model call ended: with an answer, with a failure, or cut (None). `begun` is monotonic."""
        call, row = pending.call, pending.intent.row
        attributes: Attributes = {
            "gen_ai.operation.name": "chat",
            **self._model(pending),
            "gen_ai.conversation.id": row.session_id,
            "quarterdeck.step": pending.step,
            "quarterdeck.attempt": row.attempt,
        }
        error = "cut"
        if isinstance(result, ModelAnswer):
            error = ""
            attributes["gen_ai.response.finish_reasons"] = (result.finish,)
            if result.model:
                attributes["gen_ai.response.model"] = result.model[:MODEL_NAME]
        elif result is not None:
            error = result.kind
        if result is not None and result.usage is not None:
            attributes |= _usage(result.usage)
        self._span(f"chat {call.model}", row.turn_id, row.id, begun, attributes, error, client=True)

    def ran(self, run: ToolRun, intent: Intent, begun: float, status: str) -> None:
        """A tool run ended with the status of its result."""
        attributes: Attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": run.tool,
            "gen_ai.tool.type": "function",
            "quarterdeck.step": run.step,
            "quarterdeck.attempt": intent.row.attempt,
        }
        error = "" if status == "ok" else status
        self._span(f"execute_tool {run.tool}", run.turn, intent.row.id, begun, attributes, error)

    def sent(self, delivery: Delivery, part: PartRow, intent: Intent, begun: float, result: SendResult) -> None:
        """A platform call for a turn ended."""
        if not delivery.turn_id:
            return
        attributes: Attributes = {
            "quarterdeck.connection": part.connection,
            "quarterdeck.delivery.id": delivery.id,
            "quarterdeck.part": part.n,
            "quarterdeck.attempt": part.attempts,
        }
        error = "" if isinstance(result, Sent) else type(result).__name__
        name = f"send {part.connection}"
        self._span(name, delivery.turn_id, intent.row.id, begun, attributes, error, client=True)

    def ended(self, state: TurnState, outcome: str) -> None:
        """A turn ended: the root, from the acceptance of its oldest message on."""
        began = min(row.created_at for row in state.rows)
        attributes: Attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": state.assistant.id,
            "gen_ai.conversation.id": state.session.id,
            "quarterdeck.turn.id": state.turn_id,
            "quarterdeck.turn.outcome": outcome,
            "quarterdeck.turn.attempt": state.attempt,
            "quarterdeck.turn.steps": context.model_steps(state.journal),
            "quarterdeck.turn.messages": len(state.rows) + len(state.steered),
            "quarterdeck.connection": state.rules.name,
        }
        if state.pending is not None:
            attributes |= self._model(state.pending)
        error = outcome if outcome in ("failed", "dead_lettered") else ""
        name, seconds = f"invoke_agent {state.assistant.id}", self._clock.now() - began
        self._traces.record(Span(name, state.turn_id, state.turn_id, began, seconds, attributes, error=error))

    def _model(self, pending: Pending) -> Attributes:
        call = pending.call
        vendor = self._vendors.get(call.provider, call.provider)
        return {"gen_ai.provider.name": vendor, "gen_ai.request.model": call.model}

    def _span(
        self,
        name: str,
        turn: str,
        about: str,
        begun: float,
        attributes: Attributes,
        error: str,
        *,
        client: bool = False,
    ) -> None:
        seconds = self._clock.monotonic() - begun
        began = self._clock.now() - seconds
        kind = "client" if client else "internal"
        self._traces.record(Span(name, turn, about, began, seconds, attributes, kind, error))


def _usage(usage: Usage) -> Attributes:
    """Tokens as the provider reported them; `input` holds what came from its cache, as the conventions have it."""
    if not usage.reported:
        return {}
    found = {
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cached,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
    }
    return {name: tokens for name, tokens in found.items() if tokens}
