"""Recovery: before anything starts, what a dead process had begun outside of turns gets its outcome.

Turns need nothing here: a lane finds its left turn and closes its open intents when it takes it up.
"""

from quarterdeck.base.supervise import EventLog
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.outbox import Outbox
from quarterdeck.governance.gate import Gate
from quarterdeck.store import intents, outbox
from quarterdeck.store.database import Store
from quarterdeck.store.intents import IntentRow
from quarterdeck.store.operations import ExpectationFailed, operation

PAGE = 200
PATIENCE = 20  # how often others may have closed what was to be closed here


async def recover(
    store: Store, directory: Directory, gate: Gate, sender: Outbox, log: EventLog, process: str | None = None
) -> int:
    """Close every open intent of a dead process (None: of all) that belongs to no turn; how many there were.

    Others may do the same at the same time: an intent has one outcome. Raises ExpectationFailed where that goes on.
    """
    closed = met = 0
    while rows := await intents.opened_without_turn(store, "model", PAGE, process):  # calls for vectors
        try:
            await store.commit(operation("recover", *(gate.close(row, "lost") for row in rows)))
            closed += len(rows)
        except ExpectationFailed as failed:
            met = _met(met, failed)
    while rows := await intents.opened(store, ("send",), PAGE, process):
        for row in rows:
            try:
                await _close_send(store, directory, gate, sender, log, row)
                closed += 1
            except ExpectationFailed as failed:
                met = _met(met, failed)
    return closed


def _met(before: int, failed: ExpectationFailed) -> int:
    """One more that another was faster with, unless that is no accident any more."""
    if before >= PATIENCE:
        raise failed
    return before + 1


async def _close_send(
    store: Store, directory: Directory, gate: Gate, sender: Outbox, log: EventLog, row: IntentRow
) -> None:
    part = await outbox.part(store, row.delivery_id, row.part)
    assert part is not None
    state, move = sender.fate_unknown(part, directory.channel(part.connection), "the process ended in the act")
    close = gate.close(row, "unknown", detail=f"{state} after an unclean end")
    await store.commit(operation("recover", close, move))
    log.info("recovery.send", delivery=row.delivery_id, part=row.part, state=state)
