"""What was taken in, what was run and what was sent: lists for people who operate the gateway."""

from collections.abc import Sequence
from functools import partial

from quarterdeck.actions.deliveries import Deliveries
from quarterdeck.actions.inbox import Inbox
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.api.spent import model_calls, spent
from quarterdeck.base.errors import NotFound
from quarterdeck.model.message import UserMessage, decode
from quarterdeck.model.turn import ModelStep, Step, ToolStep
from quarterdeck.store import inbox, intents, journal, outbox, turns, usage
from quarterdeck.store.inbox import InboxRow
from quarterdeck.store.intents import IntentRow
from quarterdeck.store.operations import Statement
from quarterdeck.store.outbox import ListedDelivery, PartRow
from quarterdeck.store.turns import Turn
from quarterdeck.store.usage import Settled


class WorkDoor:
    """Looks, and settles what only a person can know."""

    def __init__(self, doors: Doors) -> None:
        self._store = doors.store
        self._inbox = Inbox(doors.store, doors.directory, doors.auditor, doors.clock, doors.lanes.wake)
        self._deliveries = Deliveries(doors.store, doors.auditor, doors.outbox, doors.live, doors.clock)

    async def list_inbox(self, call: Call, ask: asked.StateAsk) -> shown.Page[shown.InboxItem]:
        """GET /api/v1/inbox."""
        found = await inbox.listed(self._store, ask.state, ask.limit, ask.cursor)
        return shown.Page([_item(row) for row in found], found[-1].id if len(found) == ask.limit else None)

    async def retry_inbox(self, call: Call, ask: asked.RetryAsk) -> shown.InboxItem:
        """POST /api/v1/inbox/{id}/retry."""
        actor = call.principal.actor
        row = await self._inbox.retry(call.path("id"), actor, ask.reason, lambda back: call.keep(_item(back)))
        return _item(row)

    async def list_turns(self, call: Call, ask: asked.TurnsAsk) -> shown.Page[shown.Turn]:
        """GET /api/v1/turns."""
        found = await turns.listed(self._store, ask.session, ask.limit, ask.cursor)
        calls = await usage.of_turns(self._store, [one.id for one in found])
        return shown.Page(
            [_turn(one, calls.get(one.id, [])) for one in found], found[-1].id if len(found) == ask.limit else None
        )

    async def get_turn(self, call: Call, ask: Nothing) -> shown.TurnDetail:
        """GET /api/v1/turns/{id}."""
        store, turn = self._store, await turns.get(self._store, call.path("id"))
        if turn is None:
            raise NotFound(f"there is no turn {call.path('id')}")
        steps = await journal.read(store, turn.id)
        calls = (await usage.of_turns(store, [turn.id])).get(turn.id, [])
        return shown.TurnDetail(
            turn=_turn(turn, calls),
            steps=[_step(name, step) for name, step in sorted(steps.items(), key=lambda item: _order(item[0]))],
            intents=[_effect(row) for row in await intents.of_turn(store, turn.id)],
            inbox=[row.id for row in await inbox.of_turn(store, turn.id)],
            deliveries=[one.id for one in await outbox.of_turn(store, turn.id)],
            model_calls=model_calls(calls),
        )

    async def list_deliveries(self, call: Call, ask: asked.StateAsk) -> shown.Page[shown.Delivery]:
        """GET /api/v1/deliveries."""
        found = await outbox.listed(self._store, ask.state, ask.limit, ask.cursor)
        return shown.Page([_delivery(one) for one in found], found[-1].id if len(found) == ask.limit else None)

    async def get_delivery(self, call: Call, ask: Nothing) -> shown.DeliveryDetail:
        """GET /api/v1/deliveries/{id}."""
        found = await outbox.summary(self._store, call.path("id"))
        if found is None:
            raise NotFound(f"there is no delivery {call.path('id')}")
        parts = await outbox.parts_of(self._store, found.id)
        return shown.DeliveryDetail(_delivery(found), [_part(one) for one in parts])

    async def settle_delivery(self, call: Call, ask: asked.SettleAsk) -> shown.Settled:
        """POST /api/v1/deliveries/{id}/settle."""
        delivery, riding = call.path("id"), partial(_kept, call)
        count = await self._deliveries.settle(delivery, ask.outcome, call.principal.actor, ask.reason, riding)
        return shown.Settled(delivery, count)

    async def resend_delivery(self, call: Call, ask: asked.ResendAsk) -> shown.Settled:
        """POST /api/v1/deliveries/{id}/resend."""
        delivery, riding = call.path("id"), partial(_kept, call)
        count = await self._deliveries.resend(delivery, call.principal.actor, ask.reason, riding)
        return shown.Settled(delivery, count)

    async def dismiss_delivery(self, call: Call, ask: asked.DismissAsk) -> shown.Settled:
        """POST /api/v1/deliveries/{id}/dismiss."""
        delivery, riding = call.path("id"), partial(_kept, call)
        count = await self._deliveries.dismiss(delivery, call.principal.actor, ask.reason, riding)
        return shown.Settled(delivery, count)


def _kept(call: Call, parts: int) -> list[Statement]:
    return call.keep(shown.Settled(call.path("id"), parts))


def _item(row: InboxRow) -> shown.InboxItem:
    message = decode(row.content)
    return shown.InboxItem(
        id=row.id,
        state=row.state,
        outcome=row.outcome,
        detail=row.detail,
        connection=row.connection,
        session=row.session_id,
        kind=row.kind,
        mode=row.mode,
        position=row.position,
        turn=row.turn_id,
        takes=row.takes,
        text=message.text if isinstance(message, UserMessage) else "",
        created_at=shown.moment(row.created_at),
        ended_at=shown.moment_or_none(row.ended_at),
    )


def _turn(turn: Turn, calls: Sequence[Settled]) -> shown.Turn:
    return shown.Turn(
        id=turn.id,
        state=turn.state,
        outcome=turn.outcome,
        error=turn.error,
        session=turn.session_id,
        attempt=turn.attempt,
        model=turn.model,
        release=turn.release_digest,
        prices=turn.price_digest,
        created_at=shown.moment(turn.started_at),
        ended_at=shown.moment_or_none(turn.ended_at),
        spent=spent(calls),
    )


def _order(step: str) -> list[tuple[int, str]]:
    """`m2` before `m10`, `m1` before `m1.t0`."""
    return [(int("".join(filter(str.isdigit, piece)) or 0), piece) for piece in step.split(".")]


def _step(name: str, step: Step) -> shown.TurnStep:
    match step:
        case ModelStep(answer=answer):
            tools = [call.name for call in answer.message.calls]
            return shown.TurnStep(name, "model", answer.message.text, tools, answer.finish)
        case ToolStep(result=result):
            return shown.TurnStep(name, "tool", result.text, [result.name], result.status)
        case _:
            return shown.TurnStep(name, "other", "", [], "")


def _effect(row: IntentRow) -> shown.Effect:
    return shown.Effect(
        row.id, row.kind, row.step, row.attempt, row.route, row.state,
        shown.moment(row.created_at), shown.moment_or_none(row.closed_at),
    )  # fmt: skip


def _delivery(one: ListedDelivery) -> shown.Delivery:
    return shown.Delivery(
        id=one.id,
        state=one.state,
        kind=one.kind,
        connection=one.connection,
        room=one.room_id,
        session=one.session_id,
        turn=one.turn_id,
        parts=one.parts,
        text=one.words,
        error=one.error or "",
        created_at=shown.moment(one.created_at),
    )


def _part(one: PartRow) -> shown.DeliveryPart:
    return shown.DeliveryPart(
        n=one.n,
        state=one.state,
        text=one.text,
        file=one.attachment.name if one.attachment else "",
        native_id=one.native_id,
        attempts=one.attempts,
        resends=one.resends,
        error=one.error,
        updated_at=shown.moment(one.updated_at),
    )
