"""Recording what has happened: it may take the store a while, but it is not given up while the process lives."""

import asyncio

from quarterdeck.base.errors import Retry
from quarterdeck.base.supervise import EventLog
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Operation, Receipt

AGAIN_S = 1.0


async def commit_patiently(store: Store, operation: Operation, log: EventLog) -> Receipt:
    """Commit the record of what was already done, again while the store cannot take it now (full queue, full disk).

    A Retry means that nothing was kept, and an operation is a value, so repeating it is harmless. Whoever waits here
    is cancelled with the process, and recovery then calls the effect unknown.
    """
    while True:
        try:
            return await store.commit(operation)
        except Retry as error:
            log.error("commit.late", operation=operation.name, reason=str(error))
            await asyncio.sleep(error.retry_after or AGAIN_S)
