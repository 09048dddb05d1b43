"""What a turn works with, given once by wiring."""

from collections.abc import Callable
from dataclasses import dataclass

from quarterdeck.base.clock import Clock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.supervise import EventLog
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.history import History
from quarterdeck.flow.hooks import Hooks
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.sending import RoomNames, Sending
from quarterdeck.governance.audit import Auditor
from quarterdeck.governance.gate import Gate
from quarterdeck.observe.metrics import Metrics
from quarterdeck.ports import DocumentReader
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.database import Store


@dataclass(frozen=True)
class Services:
    """Every field is shared by all turns; none holds anything of one turn."""

    store: Store
    directory: Directory
    gate: Gate
    auditor: Auditor
    sending: Sending
    outbox: Outbox
    rooms: RoomNames
    history: History
    blobs: Blobs
    documents: DocumentReader
    live: Live
    clock: Clock
    new_id: Callable[[str], str]
    crash: CrashPoints
    metrics: Metrics
    log: EventLog

    @property
    def hooks(self) -> Hooks | None:
        """Hooks, where some are configured."""
        return self.sending.hooks
