"""What does the audit record say? Its entries for people, filtered, one in full, and how far the sealer is behind.

Entries hold their facts in the bytes that were hashed, so a filter reads them one by one. A look is bounded: a page may
be short, or empty, and still have more behind it.
"""

from collections.abc import Sequence
from datetime import UTC
from typing import Literal

import msgspec

from quarterdeck.actions.moments import moment
from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput, NotFound
from quarterdeck.governance.audit import SYSTEM
from quarterdeck.governance.leaf import Leaf, verify_leaf
from quarterdeck.governance.tree import hash_leaf
from quarterdeck.store import audit
from quarterdeck.store.audit import Sealed
from quarterdeck.store.database import Store
from quarterdeck.store.overview import audit_row
from quarterdeck.store.tenancy import TENANT

LOOK = 500  # entries in one read
MOST = 20_000  # entries that one page looks at
DISORDER = 60.0  # seconds: entries are stamped before their commit, and clocks are corrected now and then

UNREADABLE = "audit.unreadable"

Verdict = Literal["", "allow", "deny"]


class RecordsAsk(msgspec.Struct, frozen=True):
    """Which entries; what is empty lets all through. Times are dates or RFC 3339, `until` is not included.

    `type` is an entry's type or the beginning of one: `change` is every change, `change.token` those of tokens.
    """

    type: str = ""
    actor: str = ""
    assistant: str = ""
    connection: str = ""
    verdict: Verdict = ""
    since: str = ""
    until: str = ""


class Record(msgspec.Struct, frozen=True):
    """An entry; `position` None: not sealed yet. One is not `intact` when its bytes are not those that were hashed;
    where they cannot even be read, the leaf is an empty one.
    """

    id: str
    position: int | None
    leaf: Leaf
    leaf_hash: bytes
    intact: bool

    @property
    def at(self) -> float:
        """Unix seconds."""
        return self.leaf.time_us / 1e6


class Found(msgspec.Struct, frozen=True):
    """A page, newest first. `behind` is the id of the entry that was looked at last; empty: there is nothing more."""

    records: Sequence[Record]
    behind: str


class Detail(msgspec.Struct, frozen=True):
    """One entry in full: the first checkpoint that signs it, and whether what it commits to is still kept."""

    record: Record
    sealed: Sealed | None
    kept: bool


class Lag(msgspec.Struct, frozen=True):
    """How far sealing is: the newest checkpoint, how many entries wait, and for how long the oldest does (seconds)."""

    sealed: Sealed | None
    waiting: int
    seconds: float


class Records:
    """Looks."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def listed(self, ask: RecordsAsk, limit: int, behind: str = "") -> Found:
        """A page, behind the entry `behind`. Raises NotFound, BadInput about a time."""
        wanted, left = _Wanted(ask), MOST
        before = await self._row(behind) if behind else await wanted.first_row(self._store)
        found: list[Record] = []
        while left > 0:
            entries = await audit.listed(self._store, min(LOOK, left), before)
            for entry in entries:
                record = _record(entry)
                if wanted.is_over(record):
                    return Found(found, "")
                if wanted.takes(record):
                    found.append(record)
                    if len(found) == limit:
                        return Found(found, entry.id)
            if len(entries) < min(LOOK, left):
                return Found(found, "")
            left -= len(entries)
            before, behind = entries[-1].rowid, entries[-1].id
        return Found(found, behind)

    async def one(self, audit_id: str) -> Detail:
        """One entry. Raises NotFound."""
        entry = await audit.get(self._store, audit_id)
        if entry is None:
            raise NotFound(f"there is no audit entry {audit_id}")
        record = _record(entry)
        sealed = None if record.position is None else await audit.covering(self._store, record.position)
        return Detail(record, sealed, await audit.has_content(self._store, audit_id))

    async def lag(self) -> Lag:
        """How far sealing is now."""
        newest, sealed = await audit.checkpoint(self._store), await audit.newest_seal(self._store)
        waiting, leaf = await audit.unsealed_since(self._store, newest.last_rowid if newest else 0)
        if not waiting:
            return Lag(sealed, 0, 0.0)
        try:
            since = verify_leaf(leaf).time_us / 1e6
        except BadInput:
            since = sealed.sealed_at if sealed else 0.0
        return Lag(sealed, waiting, max(0.0, self._clock.now() - since))

    async def _row(self, audit_id: str) -> int:
        if row := await audit_row(self._store, audit_id):
            return row
        raise NotFound(f"there is no audit entry {audit_id} to go on behind")


class _Wanted:
    """A filter, with its times read."""

    def __init__(self, ask: RecordsAsk) -> None:
        self._ask = ask
        self._since = moment(ask.since, "since", UTC) if ask.since else float("-inf")
        self._until = moment(ask.until, "until", UTC) if ask.until else float("inf")

    async def first_row(self, store: Store) -> int:
        """Behind which row to begin; 0: at the newest. What is stamped before `until` was sealed soon after it."""
        return await audit.row_sealed_by(store, self._until + DISORDER) if self._ask.until else 0

    def is_over(self, record: Record) -> bool:
        """Whether all that follows is too old."""
        return record.intact and record.at < self._since - DISORDER

    def takes(self, record: Record) -> bool:
        """Whether it is one of those that were asked for; one that is not intact always is."""
        if not record.intact:
            return True
        leaf, ask = record.leaf, self._ask
        effect = leaf.decision.effect if leaf.decision else ""
        pairs = (
            (ask.actor, leaf.actor.id), (ask.assistant, leaf.assistant), (ask.connection, leaf.connection),
            (ask.verdict, effect),
        )  # fmt: skip
        kind = f"{leaf.type}.".startswith(f"{ask.type.rstrip('.')}.") if ask.type else True
        return kind and self._since <= record.at < self._until and all(want in ("", has) for want, has in pairs)


def _record(entry: audit.AuditEntry) -> Record:
    try:
        leaf, read = verify_leaf(entry.leaf), True
    except BadInput:
        leaf, read = Leaf(actor=SYSTEM, id=entry.id, tenant=TENANT, time_us=0, type=UNREADABLE), False
    intact = read and hash_leaf(entry.leaf) == entry.leaf_hash
    return Record(entry.id, entry.position if entry.position >= 0 else None, leaf, entry.leaf_hash, intact)
