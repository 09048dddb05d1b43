"""One thing in full."""

import os
from collections.abc import Sequence

import msgspec

from quarterdeck.api.control.parts import Caller, Nothing, Parts, Rows
from quarterdeck.api.control.wire import Row
from quarterdeck.api.shown import moment, moment_or_none
from quarterdeck.api.spent import spent
from quarterdeck.base.errors import NotFound
from quarterdeck.model.message import (
    AssistantMessage,
    LateResults,
    Message,
    SystemEvent,
    ToolResult,
    UserMessage,
    decode,
)
from quarterdeck.model.turn import CompactStep, FormStep, MediaStep, ModelStep, SteerStep, Step, ToolStep
from quarterdeck.store import alerts, inbox, intents, journal, outbox, processes, sessions, turns, usage, views
from quarterdeck.store.overview import overview
from quarterdeck.store.usage import Settled

MESSAGES = 50
ALERTS = 20


class One(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which one."""

    id: str


async def show_session(parts: Parts, caller: Caller, ask: One) -> Rows:
    """A conversation with its newest messages."""
    session = await sessions.get(parts.store, ask.id)
    if session is None:
        raise NotFound(f"there is no session {ask.id}")
    running = await turns.running(parts.store, session.id)
    newest = await views.messages(parts.store, session.id, session.head + 1, 0, MESSAGES)
    yield {
        "id": session.id,
        "state": session.controller,
        "created_at": moment(session.created_at),
        "updated_at": moment(session.updated_at),
        "assistant": session.assistant,
        "connection": session.connection,
        "room": session.room_id,
        "title": session.title,
        "model": session.model or parts.directory.assistant(session.assistant).model,
        "running_turn": running.id if running else None,
        "waiting": await inbox.count_waiting(parts.store, session.id),
        "messages": [
            {"at": moment(one.created_at), "turn": one.turn_id, **_message(decode(one.content))} for one in newest
        ],
    }


async def show_turn(parts: Parts, caller: Caller, ask: One) -> Rows:
    """A turn: its steps, intents, tool calls, tokens, cost and deliveries."""
    store, turn = parts.store, await turns.get(parts.store, ask.id)
    if turn is None:
        raise NotFound(f"there is no turn {ask.id}")
    calls = (await usage.of_turns(store, [turn.id])).get(turn.id, [])
    yield {
        "id": turn.id,
        "state": turn.outcome or turn.state,
        "created_at": moment(turn.started_at),
        "ended_at": moment_or_none(turn.ended_at),
        "session": turn.session_id,
        "model": turn.model,
        "attempt": turn.attempt,
        "error": turn.error,
        "release": turn.release_digest,
        "policy": turn.policy_digest,
        "prices": turn.price_digest,
        **_spent(calls),
        "inbox": [{"id": row.id, "state": row.outcome or row.state} for row in await inbox.of_turn(store, turn.id)],
        "steps": [_step(name, step) for name, step in (await journal.read(store, turn.id)).items()],
        "intents": [
            {
                "id": row.id,
                "step": row.step,
                "attempt": row.attempt,
                "kind": row.kind,
                "route": row.route,
                "state": row.state,
                "created_at": moment(row.created_at),
                "closed_at": moment_or_none(row.closed_at),
            }
            for row in await intents.of_turn(store, turn.id)
        ],
        "deliveries": [
            {
                "id": delivery.id,
                "part": part.n,
                "kind": delivery.kind,
                "state": part.state,
                "native_id": part.native_id,
                "attempts": part.attempts,
                "resends": part.resends,
                "error": part.error,
            }
            for delivery in await outbox.of_turn(store, turn.id)
            for part in await outbox.parts_of(store, delivery.id)
        ],
    }


def _spent(calls: Sequence[Settled]) -> Row:
    """All model calls together, then one by one; money as people write it."""
    return {
        "tokens": msgspec.to_builtins(spent(calls).tokens),
        "cost": _costs(calls),
        "model_calls": [
            {
                "intent": one.intent_id,
                "step": one.step,
                "model": one.route,
                "state": one.state,
                "input": one.tokens_in,
                "cached": one.tokens_cached,
                "cache_write": one.tokens_cache_write,
                "output": one.tokens_out,
                "reasoning": one.tokens_reasoning,
                "reported": bool(one.reported),
                "cost": _costs((one,)),
                "units": one.amount,
                "currency": one.currency,
                "prices": one.price_version,
            }
            for one in calls
        ],
    }


def _costs(calls: Sequence[Settled]) -> str:
    """Money by currency; what has no price, or is only estimated, is said."""
    found = spent(calls)
    said = [f"{one.amount} {one.currency}" for one in found.cost]
    if found.unpriced:
        said.append("no price" if found.unpriced == found.calls else f"{found.unpriced} calls without a price")
    words = " + ".join(said) or "nothing"
    return f"{words} (estimated)" if found.estimated else words


async def status(parts: Parts, caller: Caller, ask: Nothing) -> Rows:
    """The gateway at a glance."""
    now = parts.clock.now()
    counts, reasons = await overview(parts.store, now), list(parts.ready()) if parts.url else ["no gateway runs"]
    firing = await alerts.firing(parts.store, ALERTS)
    yield {
        "state": "stopped" if not parts.url else "not ready" if reasons else "ready",
        "reasons": reasons,
        "pid": os.getpid() if parts.url else None,
        "url": parts.url or None,
        "version": parts.version,
        "started_at": moment(parts.started_at) if parts.url else None,
        "uptime_seconds": round(now - parts.started_at, 1) if parts.url else None,
        "models": list(parts.directory.models),
        "lanes": {
            "running": parts.lanes.running,
            "waiting": parts.lanes.waiting,
            "messages_waiting": counts.inbox_waiting,
        },
        "outbox": {"ready": counts.parts_ready, "unknown": counts.parts_unknown, "failed": counts.parts_failed},
        "dead_letters": counts.dead_letters,
        "pairings_asked": counts.pairings_asked,
        "audit": {"sealed": counts.audit_sealed, "unsealed": counts.audit_unsealed},
        "alerts": [
            {"id": one.id, "rule": one.rule, "subject": one.subject, "cause": one.cause, "owner": one.owner}
            for one in firing
        ],
        "replicas": [
            {"id": one.id, "host": one.host, "state": one.state, "roles": one.roles.split(",")}
            for one in await processes.living(parts.store)
            if one.lives
        ],
        "plugins": [str(one) for one in parts.plugins],
        "connections": [_health(parts, rules.name) for rules in parts.directory.connections if not rules.rows],
    }


def _health(parts: Parts, name: str) -> Row:
    health = parts.directory.health(name)
    return {
        "id": name,
        "alive": health.alive if health else False,
        "authenticated": health.authenticated if health else False,
        "last_inbound": moment_or_none(health.last_inbound) if health else None,
        "last_outbound": moment_or_none(health.last_outbound) if health else None,
        "detail": health.detail if health else "it does not run",
    }


async def list_summaries(parts: Parts, caller: Caller, ask: One) -> Rows:
    """A conversation's summaries, newest first."""
    for one in await parts.mind.summaries(ask.id):
        yield {
            "id": one.id,
            "state": "dropped" if one.dropped_at else "in force",
            "created_at": moment(one.created_at),
            "messages": one.messages,
            "model": one.model,
            "text": one.text,
        }


def _message(message: Message) -> Row:
    match message:
        case AssistantMessage():
            return {"role": "assistant", "text": message.text, "calls": [call.name for call in message.calls]}
        case ToolResult():
            return {"role": "tool", "text": message.text, "tool": message.name, "status": message.status}
        case SystemEvent():
            return {"role": "event", "text": message.text}
        case LateResults():
            return {"role": "results", "text": "\n".join(result.text for result in message.results)}
        case UserMessage():
            return {"role": "user", "text": message.text, "sender": message.sender}


def _step(name: str, step: Step) -> Row:
    match step:
        case ModelStep(answer=answer):
            calls = [{"name": call.name, "arguments": call.arguments} for call in answer.message.calls]
            return {"step": name, "kind": "model", "text": answer.message.text, "finish": answer.finish, "calls": calls}
        case ToolStep(result=result):
            return {"step": name, "kind": "tool", "text": result.text, "tool": result.name, "status": result.status}
        case SteerStep(inbox_ids=ids):
            return {"step": name, "kind": "steer", "inbox": list(ids)}
        case FormStep(reason=reason):
            return {"step": name, "kind": "form", "text": reason}
        case CompactStep():
            return {"step": name, "kind": "summary", "text": step.summary, "failed": step.failed}
        case MediaStep():
            return {"step": name, "kind": "media"}
