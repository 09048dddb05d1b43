"""Recovery: before anything starts, what a dead process had begun outside of turns gets its outcome.

Turns need nothing here: a lane finds its left turn and closes its open intents when it takes it up.
"""

from quarterdeck.base.supervise import EventLog
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.outbox import Outbox
from quarterdeck.governance.gate import Gate
from quarterdeck.store import intents, outbox
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation

PAGE = 200


async def recover(store: Store, directory: Directory, gate: Gate, sender: Outbox, log: EventLog) -> int:
    """Close every open intent that belongs to no turn; how many there were."""
    closed = 0
    while rows := await intents.opened_without_turn(store, "model", PAGE):  # calls for vectors
        await store.commit(operation("recover", *(gate.close(row, "lost") for row in rows)))
        closed += len(rows)
    while rows := await intents.opened(store, ("send",), PAGE):
        for row in rows:
            part = await outbox.part(store, row.delivery_id, row.part)
            assert part is not None
            state, move = sender.fate_unknown(part, directory.channel(part.connection), "the process ended in the act")
            close = gate.close(row, "unknown", detail=f"{state} after an unclean end")
            await store.commit(operation("recover", close, move))
            log.info("recovery.send", delivery=row.delivery_id, part=row.part, state=state)
        closed += len(rows)
    return closed
