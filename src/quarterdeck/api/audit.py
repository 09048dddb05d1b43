"""The audit record over HTTP: its entries, one in full, and whether it is as it was signed."""

from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from quarterdeck.actions.records import Lag, Record, Records, RecordsAsk
from quarterdeck.actions.verification import Verified
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.store.audit import Sealed
from quarterdeck.store.operations import Statement

Time = Annotated[str, Meta(max_length=40, description="A date or RFC 3339, in UTC.")]


class AuditAsk(asked.Paged, frozen=True):
    """Which entries; what is empty lets all through. `type` may be the beginning of one, such as `change.token`;
    `until` is not included.
    """

    type: asked.Name = ""
    actor: asked.Name = ""
    assistant: asked.Name = ""
    connection: asked.Name = ""
    verdict: Literal["", "allow", "deny"] = ""
    since: Time = ""
    until: Time = ""


class Entry(msgspec.Struct, frozen=True):
    """An entry. `state` is sealed, unsealed, or damaged: its bytes are not those that were hashed. `verdict` and `rule`
    are what the gate answered, empty where it was not asked.
    """

    id: str
    state: str
    created_at: shown.Moment
    position: int | None
    type: str
    actor: str
    outcome: str
    verdict: str
    rule: str
    assistant: str
    connection: str
    session: str
    turn: str
    resource: str


class Checkpoint(msgspec.Struct, frozen=True):
    """A signed state of the record: its size, its root (hex), when, and the note as it was signed."""

    size: int
    root: str
    sealed_at: shown.Moment
    note: str


class EntryDetail(msgspec.Struct, frozen=True):
    """An entry in full. `checkpoint` is the first one that signs it; `intent` the entry that this one closes.

    `commitment` is to what was said or given; `content_kept` whether that is still stored (it may be erased).
    """

    entry: Entry
    actor_kind: str
    intent: str
    policy: str
    commitment: str
    content_kept: bool
    leaf_hash: str
    checkpoint: Checkpoint | None


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it was signed; `position` null: not about one sealed entry."""

    code: str
    position: int | None
    what: str
    meaning: str


class Verification(msgspec.Struct, frozen=True):
    """What the verifier found last; `state` is unchanged, changed, or none: not since the start. `counts` are findings
    by code, of which the first are in `findings`. `unsealed` entries wait for the sealer, the oldest for
    `unsealed_seconds`.
    """

    state: Literal["unchanged", "changed", "none"]
    verified_at: shown.Moment | None
    verified_by: str
    entries: int
    checkpoints: int
    root: str
    key: str
    counts: dict[str, int]
    findings: list[Finding]
    unsealed: int
    unsealed_seconds: float
    checkpoint: Checkpoint | None


class AuditDoor:
    """Looks, and verifies."""

    def __init__(self, doors: Doors) -> None:
        self._records = Records(doors.store, doors.clock)
        self._verification = doors.verification

    async def list_audit(self, call: Call, ask: AuditAsk) -> shown.Page[Entry]:
        """GET /api/v1/audit."""
        wanted = RecordsAsk(**{name: getattr(ask, name) for name in RecordsAsk.__struct_fields__})
        found = await self._records.listed(wanted, ask.limit, ask.cursor)
        return shown.Page([entry(one) for one in found.records], found.behind or None)

    async def get_entry(self, call: Call, ask: Nothing) -> EntryDetail:
        """GET /api/v1/audit/{id}."""
        found = await self._records.one(call.path("id"))
        leaf = found.record.leaf
        return EntryDetail(
            entry(found.record), leaf.actor.kind, leaf.intent, leaf.decision.policy_digest if leaf.decision else "",
            leaf.commitment, found.kept, found.record.leaf_hash.hex(), checkpoint(found.sealed),
        )  # fmt: skip

    async def get_verification(self, call: Call, ask: Nothing) -> Verification:
        """GET /api/v1/audit/verification."""
        return verification(self._verification.last, await self._records.lag())

    async def verify_audit(self, call: Call, ask: Nothing) -> Verification:
        """POST /api/v1/audit/verification."""
        lag = await self._records.lag()
        verified = await self._verification.verify(call.principal.actor, partial(_kept, call, lag))
        return verification(verified, lag)


def entry(record: Record) -> Entry:
    """An entry as doors show it."""
    leaf, state = record.leaf, "unsealed" if record.position is None else "sealed"
    return Entry(
        record.id, state if record.intact else "damaged", shown.moment(record.at), record.position, leaf.type,
        leaf.actor.id, leaf.outcome, leaf.decision.effect if leaf.decision else "",
        leaf.decision.rule if leaf.decision else "", leaf.assistant, leaf.connection, leaf.session, leaf.turn,
        leaf.resource,
    )  # fmt: skip


def checkpoint(sealed: Sealed | None) -> Checkpoint | None:
    """A checkpoint as doors show it."""
    return sealed and Checkpoint(sealed.size, sealed.root.hex(), shown.moment(sealed.sealed_at), sealed.note)


def verification(verified: Verified | None, lag: Lag) -> Verification:
    """What was found last, and how far sealing is."""
    behind, seconds, newest = lag.waiting, round(lag.seconds, 3), checkpoint(lag.sealed)
    if verified is None:
        return Verification("none", None, "", 0, 0, "", "", {}, [], behind, seconds, newest)
    findings = [Finding(one.code, one.position, one.what, one.meaning) for one in verified.findings]
    return Verification(
        verified.state, shown.moment(verified.at), verified.by, verified.log.size, verified.log.checkpoints,
        verified.log.root, verified.key, verified.counts, findings, behind, seconds, newest,
    )  # fmt: skip


def _kept(call: Call, lag: Lag, verified: Verified) -> list[Statement]:
    return call.keep(verification(verified, lag))
