"""What the doors are built from; wiring fills it once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute
from structlog.typing import FilteringBoundLogger

from quarterdeck.actions.configuration import Configuration
from quarterdeck.actions.connections import Connections
from quarterdeck.actions.doctor import Doctor
from quarterdeck.actions.embeddings import Embedder
from quarterdeck.actions.forks import Forks
from quarterdeck.actions.signin import Signin
from quarterdeck.actions.tokens import Tokens
from quarterdeck.actions.verification import Verification
from quarterdeck.actions.workspaces import Workspaces
from quarterdeck.base.clock import Clock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.secrets import SecretReader
from quarterdeck.base.settings import Config
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.intake import Intake
from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.sending import Sending
from quarterdeck.governance.audit import Auditor
from quarterdeck.observe.metrics import Metrics
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.database import Store


@dataclass(frozen=True, kw_only=True)
class Doors:
    """The running parts. `ready` gives the reasons why the gateway is not ready; `started_at` is Unix seconds.

    `gateways` says how many of them there are on the database.
    """

    config: Config
    directory: Directory
    store: Store
    intake: Intake
    live: Live
    lanes: Lanes
    outbox: Outbox
    sending: Sending
    auditor: Auditor
    blobs: Blobs
    clock: Clock
    new_id: Callable[[str], str]
    metrics: Metrics
    log: FilteringBoundLogger
    crash: CrashPoints
    started_at: float
    tokens: Tokens
    signin: Signin
    embedder: Embedder
    forks: Forks
    connections: Connections
    workspaces: Workspaces
    verification: Verification
    configuration: Configuration
    secrets: SecretReader
    doctor: Doctor
    ready: Callable[[], Sequence[str]]
    gateways: Callable[[], int]
    public_url: str
    version: str
    web_routes: Sequence[BaseRoute] = ()
