"""Audit: what is on record, one entry with the checkpoint that signs it, and whether all of it is as it was signed."""

from collections.abc import Sequence

import msgspec

from quarterdeck.actions.records import Records, RecordsAsk, Verdict
from quarterdeck.actions.verification import SECONDS, Verification
from quarterdeck.flow.directory import Directory
from quarterdeck.web.console import lists, words
from quarterdeck.web.console.visit import Done, Page, Visit

HERE = "/console/audit"
TYPES = ("change", "change.token", "config", "message", "turn", "model", "tool", "part", "export", "audit")
"""Beginnings of types that are offered; any other may be typed."""
LATE = 5.0  # seconds after which the sealer is late


class Shown(msgspec.Struct, frozen=True):
    """Which entries, and behind which one the page begins."""

    type: str = ""
    actor: str = ""
    assistant: str = ""
    connection: str = ""
    verdict: Verdict = ""
    since: str = ""
    until: str = ""
    before: str = ""


class AuditPage:
    """The list, one entry, and verifying."""

    def __init__(self, records: Records, verification: Verification, directory: Directory) -> None:
        self._records = records
        self._verification = verification
        self._directory = directory

    async def show(self, visit: Visit) -> Page:
        """GET /console/audit."""
        ask = visit.ask(Shown)
        asked = {name: str(getattr(ask, name)).strip() for name in RecordsAsk.__struct_fields__}
        found = await self._records.listed(msgspec.convert(asked, RecordsAsk), lists.PAGE, ask.before)
        data: dict[str, object] = {
            "found": found.records,
            "ask": ask,
            "narrowed": any(asked.values()),
            "types": TYPES,
            "assistants": self._directory.assistants,
            "connections": _names(self._directory),
            "older": lists.address(HERE, **asked, before=found.behind) if found.behind else "",
            "newest": not ask.before,
            "lag": await self._records.lag(),
            "late": LATE,
            "last": self._verification.last,
            "seconds": SECONDS,
        }
        return Page("audit.html", "Audit", data, lists.address("/api/v1/audit", **asked))

    async def one(self, visit: Visit) -> Page:
        """GET /console/audit/{id}."""
        name = visit.path("id")
        found = await self._records.one(name)
        data = {"found": found, "one": found.record, "leaf": found.record.leaf}
        return Page("record.html", found.record.leaf.type, data, f"/api/v1/audit/{name}")

    async def verify(self, visit: Visit) -> Done:
        """POST /console/audit/verification."""
        verified = await self._verification.verify(visit.actor)
        size = words.count(verified.log.size, "entry", "entries")
        if verified.state == "unchanged":
            return Done(f"Unchanged: {size} checked in {words.seconds(verified.seconds)}.", HERE)
        return Done(f"Changed: of {size} not all are as they were signed. What was found stands below.", HERE)


def _names(directory: Directory) -> Sequence[str]:
    return sorted(one.name for one in directory.connections)
