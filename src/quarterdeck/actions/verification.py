"""Has the record been changed? Runs the offline verifier beside the gateway and keeps what it said last.

It runs as anybody would run it, in a process of its own: it shares no code with what writes the record, and the event
loop goes on meanwhile.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, Retry
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store.database import Store
from quarterdeck.store.datadir import DataDir
from quarterdeck.store.operations import Riding, nothing_rides, operation

VERIFIER = "quarterdeck.cli.verify_audit"
SECONDS = 25.0
SHOWN = 50  # findings; the command line shows all
SAID = 300  # characters of what a verifier that could not do it wrote


class Finding(msgspec.Struct, frozen=True):
    """What is wrong with one entry (its position), or with the whole (None), and what that means."""

    code: str
    position: int | None
    what: str
    meaning: str


class Log(msgspec.Struct, frozen=True):
    """How much was checked: sealed entries, checkpoints, the last one's root (hex) and when (microseconds)."""

    size: int
    checkpoints: int
    root: str
    sealed_us: int
    unsealed: int


class _Report(msgspec.Struct, frozen=True):
    """What the verifier prints."""

    ok: bool
    key: str
    logs: tuple[Log, ...]
    counts: dict[str, int]
    findings: tuple[Finding, ...]


class Verified(msgspec.Struct, frozen=True):
    """What the verifier found, when (Unix seconds) and for whom. `key` is the fingerprint of the key that it checked
    signatures with; of the findings the first few are here, `counts` has all by code.
    """

    state: Literal["unchanged", "changed"]
    at: float
    by: str
    seconds: float
    key: str
    log: Log
    counts: dict[str, int]
    findings: Sequence[Finding]


class Verification:
    """The use case of verifying, one at a time. `last` is None until one has ended since the start.

    The verifier reads a file of SQLite: `copy` makes one of a record that is elsewhere, and says whether there is one.
    Both together may take `limit` seconds; what was begun is ended then.
    """

    def __init__(
        self,
        store: Store,
        auditor: Auditor,
        data: DataDir,
        clock: Clock,
        copy: Callable[[Path], Awaitable[bool]] | None,
        limit: float = SECONDS,
    ) -> None:
        self._copy = copy
        self._limit = limit
        self._store = store
        self._auditor = auditor
        self._data = data
        self._clock = clock
        self._one = asyncio.Lock()
        self.last: Verified | None = None

    async def verify(self, actor: Actor, riding: Riding[Verified] = nothing_rides) -> Verified:
        """Verify all of it. Raises Conflict while another one runs, Retry when it takes too long."""
        if self._one.locked():
            raise Conflict("the record is being verified already")
        async with self._one:
            began = self._clock.now()
            report = await self._within()
            now = self._clock.now()
            log = report.logs[0] if report.logs else Log(0, 0, "", 0, 0)
            state = "unchanged" if report.ok else "changed"
            found = report.findings[:SHOWN]
            verified = Verified(state, now, actor.id, now - began, report.key, log, report.counts, found)
            record = self._auditor.record(
                "audit.verified", actor, Subject(resource=str(log.size)), outcome=state,
                content=msgspec.json.encode(report.counts),
            )  # fmt: skip
            await self._store.commit(operation("verify", record, riding(verified)))
            self.last = verified
            return verified

    async def _within(self) -> _Report:
        try:
            async with asyncio.timeout(self._limit):
                if self._copy is None:
                    return await self._run(self._data.database)
                with tempfile.TemporaryDirectory(prefix="quarterdeck-audit-") as folder:  # nobody else may read it
                    copy = Path(folder) / "record.db"
                    await self._copy(copy)
                    return await self._run(copy)
        except TimeoutError:
            raise Retry(
                f"the record is too long to be verified here within {self._limit:g} s; "
                "run `quarterdeck audit verify` on the machine"
            ) from None

    async def _run(self, record: Path) -> _Report:
        key = self._data.audit_key
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", VERIFIER, str(record)),
            *("--key", str(key.with_name(f"{key.name}.pub")), "--json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},  # it needs nothing of ours, least of all our secrets
            start_new_session=True,  # an interrupt typed at the terminal is for the gateway
        )
        try:
            said, complaint = await child.communicate()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        try:
            return msgspec.json.decode(said, type=_Report)
        except msgspec.DecodeError as error:
            reason = complaint.decode(errors="replace")[-SAID:] or str(error)
            raise Retry(f"the verifier could not do it: {reason}") from error
