"""The audit record: entries newest first, and one in full."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from quarterdeck.actions.records import Records, RecordsAsk
from quarterdeck.api.audit import checkpoint, entry
from quarterdeck.api.control.parts import Caller, Parts, Rows
from quarterdeck.api.control.shows import One
from quarterdeck.api.control.wire import Row


class AuditPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much, behind which entry, and which: see actions.records.RecordsAsk."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str = ""
    type: str = ""
    actor: str = ""
    assistant: str = ""
    connection: str = ""
    verdict: Literal["", "allow", "deny"] = ""
    since: str = ""
    until: str = ""


async def list_audit(parts: Parts, caller: Caller, ask: AuditPage) -> Rows:
    """Entries; the whole record is looked through for as many as were asked for."""
    records = Records(parts.store, parts.clock)
    wanted = RecordsAsk(**{name: getattr(ask, name) for name in RecordsAsk.__struct_fields__})
    left, behind = ask.limit, ask.cursor
    while True:
        found = await records.listed(wanted, left, behind)
        for one in found.records:
            yield _row(entry(one))
        left, behind = left - len(found.records), found.behind
        if not left or not behind:
            return


async def show_audit(parts: Parts, caller: Caller, ask: One) -> Rows:
    """One entry."""
    found = await Records(parts.store, parts.clock).one(ask.id)
    leaf, sealed = found.record.leaf, checkpoint(found.sealed)
    yield _row(entry(found.record)) | {
        "actor_kind": leaf.actor.kind,
        "intent": leaf.intent,
        "policy": leaf.decision.policy_digest if leaf.decision else "",
        "commitment": leaf.commitment,
        "content_kept": found.kept,
        "leaf_hash": found.record.leaf_hash.hex(),
        "checkpoint": msgspec.to_builtins(sealed) if sealed else None,
    }


def _row(shown: msgspec.Struct) -> Row:
    return msgspec.to_builtins(shown)
