"""What control commands work with, and the shape of one."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from structlog.typing import FilteringBoundLogger

from quarterdeck.actions.configuration import Configuration
from quarterdeck.actions.connections import Connections
from quarterdeck.actions.deliveries import Deliveries
from quarterdeck.actions.exports import Exports
from quarterdeck.actions.findings import Findings
from quarterdeck.actions.forks import Forks
from quarterdeck.actions.inbox import Inbox
from quarterdeck.actions.invitations import Inviting
from quarterdeck.actions.mind import Mind
from quarterdeck.actions.pairing import Pairings
from quarterdeck.actions.people import People
from quarterdeck.actions.probes import Probes
from quarterdeck.actions.resets import Resets
from quarterdeck.actions.signin import Signin
from quarterdeck.actions.tokens import Tokens
from quarterdeck.api.call import wrong_field
from quarterdeck.api.control.wire import Row
from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.indexing import Indexer
from quarterdeck.flow.intake import Intake
from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.governance.audit import Auditor
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.plugin import Plugin
from quarterdeck.store.database import Store
from quarterdeck.store.datadir import DataDir

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What runs. `url` is where the console is served, empty where no gateway runs; `started_at` is Unix seconds."""

    data: DataDir
    directory: Directory
    store: Store
    intake: Intake
    live: Live
    lanes: Lanes
    clock: Clock
    auditor: Auditor
    new_id: Callable[[str], str]
    log: FilteringBoundLogger
    started_at: float
    version: str
    url: str
    ready: Callable[[], Sequence[str]]
    configuration: Configuration
    connections: Connections
    deliveries: Deliveries
    inbox: Inbox
    inviting: Inviting
    mind: Mind
    pairings: Pairings
    probes: Probes
    people: People
    resets: Resets
    tokens: Tokens
    signin: Signin
    indexer: Indexer
    exports: Exports
    findings: Findings
    forks: Forks
    plugins: Sequence[Plugin]


@dataclass(frozen=True)
class Caller:
    """Who asks: a user of this machine."""

    uid: int

    @property
    def actor(self) -> Actor:
        """How the audit log names it."""
        return Actor(id=f"uid-{self.uid}", kind="operator")


Rows = AsyncGenerator[Row]


@dataclass(frozen=True)
class Command:
    """One command: it gives rows for the arguments as they came. `seconds` is its deadline."""

    run: Callable[[Parts, Caller, dict[str, object]], Rows]
    seconds: float = 30.0


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One by name, or all."""

    id: str = ""


def command(kind: type[T], run: Callable[[Parts, Caller, T], Rows], seconds: float = 30.0) -> Command:
    """A command whose arguments are a `kind`. It raises BadInput for others."""

    def checked(parts: Parts, caller: Caller, arguments: dict[str, object]) -> Rows:
        try:
            return run(parts, caller, msgspec.convert(arguments, kind))
        except msgspec.ValidationError as error:
            field = wrong_field(error)
            raise BadInput(field.field, field.reason, "See `quarterdeck --help`.") from error

    return Command(checked, seconds)
