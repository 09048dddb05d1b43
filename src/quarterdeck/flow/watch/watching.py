"""What the watcher sees, and what it holds that against. Ages are seconds; none of them is a wall clock's difference
where a monotonic one can be had.
"""

from collections.abc import Sequence

import msgspec

from quarterdeck.ports import ChannelHealth


class Limits(msgspec.Struct, frozen=True):
    """From when on something is wrong; see AlertsConfig."""

    dead_seconds: float = 45.0
    deaf_seconds: float = 240.0
    unanswered_seconds: float = 100.0
    lane_seconds: float = 60.0
    outbox_seconds: float = 100.0
    audit_seconds: float = 20.0
    disk_free_bytes: int = 500_000_000
    disk_seconds: float = 14_400.0
    drift_seconds: float = 15.0
    process_seconds: float = 30.0


class Connected(msgspec.Struct, frozen=True):
    """A connection with a wire: its health, since when it is down, and since when it has heard nothing."""

    name: str
    channel: str
    assistant: str
    health: ChannelHealth | None
    down: float
    unheard: float


class Late(msgspec.Struct, frozen=True):
    """`count` things of a connection or an assistant (`subject`) that wait; the oldest for `age`."""

    subject: str
    count: int
    age: float


class Endless(msgspec.Struct, frozen=True):
    """A turn that began nothing for `age`, of an assistant whose turns may take `allowed`."""

    id: str
    assistant: str
    age: float
    allowed: float


class Failing(msgspec.Struct, frozen=True):
    """A model whose newest `count` calls failed, and who asks it."""

    route: str
    count: int
    users: Sequence[str]


class Disk(msgspec.Struct, frozen=True, omit_defaults=True):
    """Free bytes where the data is, and in how many seconds they are used up (None: not in sight).

    `host` and `process` say whose data, where there are several processes.
    """

    free: int
    full_in: float | None = None
    host: str = ""
    process: str = ""


class Drift(msgspec.Struct, frozen=True):
    """A process that for `age` has worked by version `has` of the shared configuration, not by all of the `newest`."""

    process: str
    host: str
    has: int
    newest: int
    reason: str
    age: float


class Gone(msgspec.Struct, frozen=True):
    """A process that died, and that nobody has replaced for `age`; `left` go on."""

    process: str
    host: str
    roles: str
    left: int
    age: float


class Missing(msgspec.Struct, frozen=True):
    """A role that none of the `left` processes has had for `age`."""

    role: str
    left: int
    age: float


class Look(msgspec.Struct, frozen=True):
    """One look at everything."""

    disks: Sequence[Disk]
    connections: Sequence[Connected] = ()
    unanswered: Sequence[Late] = ()
    unworked: Sequence[Late] = ()
    turns: Sequence[Endless] = ()
    unsent: Sequence[Late] = ()
    failing: Sequence[Failing] = ()
    audit_age: float = 0.0
    drifts: Sequence[Drift] = ()
    gone: Sequence[Gone] = ()
    missing: Sequence[Missing] = ()
