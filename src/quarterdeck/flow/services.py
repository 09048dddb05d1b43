"""What a turn works with, given once by wiring."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from quarterdeck.base.clock import Clock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.supervise import EventLog
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.history import History
from quarterdeck.flow.hooks import Hooks
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.peers import ALONE, Peers
from quarterdeck.flow.sending import RoomNames, Sending
from quarterdeck.flow.tracing import Tracing
from quarterdeck.governance.audit import Auditor
from quarterdeck.governance.gate import Gate
from quarterdeck.observe.metrics import Metrics
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.database import Store


class DocumentReader(Protocol):
    """Reads the text out of files that people sent."""

    def reads(self, name: str, mime: str) -> bool:
        """Whether such a file has a text that can be read out."""
        ...

    async def text(self, path: Path, name: str, mime: str) -> str:
        """Its text, cut with a mark where it is long. Raises Refused with the reason why it cannot be had."""
        ...


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
    peers: Peers = ALONE
    tracing: Tracing | None = None

    @property
    def hooks(self) -> Hooks | None:
        """Hooks, where some are configured."""
        return self.sending.hooks
