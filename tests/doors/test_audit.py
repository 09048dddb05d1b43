"""Is the record shown whole, narrowed truly, and verified by the same verifier, over the API and in the terminal?"""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.actions import records
from quarterdeck.actions.verification import VERIFIER, Verification
from quarterdeck.base.errors import Retry
from quarterdeck.cli.verify_audit import read_key, read_note
from quarterdeck.governance.audit import SYSTEM, Subject
from quarterdeck.store.operations import operation
from tests.doors.commands import Desk
from tests.doors.running import Running
from tests.doors.test_usage import ask
from tests.waiting import until


async def seal(gateway: Running) -> None:
    while await gateway.parts.sealer.seal():
        pass


async def listed(gateway: Running, token: str, query: str = "") -> list[dict[str, Any]]:
    """All pages, each asked for with the cursor of the one before."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        said = await gateway.call("GET", f"/api/v1/audit?{query}&limit=3&cursor={cursor}", token=token)
        assert said.status == 200, said.body
        found += said.json()["items"]
        cursor = said.json()["next_cursor"]
        if not cursor:
            return found


def kinds(rows: list[dict[str, Any]]) -> set[str]:
    return {row["type"] for row in rows}


async def test_the_whole_record_is_listed_newest_first_and_narrowed(gateway: Running) -> None:
    token = await gateway.token("chat", "read", "audit")
    await ask(gateway, token, "default")
    await ask(gateway, token, "slow")
    everything = await listed(gateway, token)
    rows = await gateway.parts.store.fetch("SELECT id FROM audit ORDER BY rowid DESC", {})
    assert [row["id"] for row in everything] == [row[0] for row in rows]
    assert {"message.in", "model.intent", "model.outcome", "change.token.created"} <= kinds(everything)

    async def same(query: str, **wanted: str) -> list[dict[str, Any]]:
        found = await listed(gateway, token, query)
        assert found == [row for row in everything if wanted.items() <= row.items()]
        assert 0 < len(found) < len(everything), query
        return found

    await same("type=model.intent", type="model.intent")
    await same("assistant=slow", assistant="slow")
    allowed = await same("verdict=allow", verdict="allow")
    assert {row["rule"] for row in allowed if row["type"] == "model.intent"} == {"default.model.own"}
    who = next(row["actor"] for row in everything if row["type"] == "message.in")
    await same(f"actor={who}", actor=who)
    assert kinds(await listed(gateway, token, "type=change.token")) == {"change.token.created"}
    assert kinds(await listed(gateway, token, "type=mod")) == set()  # a beginning ends at a dot
    assert await listed(gateway, token, "verdict=deny") == []


async def test_a_time_narrows_the_record(gateway: Running) -> None:
    token = await gateway.token("audit")
    everything = await listed(gateway, token)
    middle = (await gateway.call("GET", "/api/v1/audit", token=await gateway.token("audit"))).json()["items"][0]
    at = middle["created_at"].replace("+00:00", "Z")
    assert [row["id"] for row in await listed(gateway, token, f"since={at}")][-1] == middle["id"]
    assert await listed(gateway, token, f"until={at}") == everything
    assert await listed(gateway, token, "since=2999-01-01") == await listed(gateway, token, "until=1999-01-01") == []
    wrong = await gateway.call("GET", "/api/v1/audit?since=yesterday", token=token)
    assert (wrong.status, wrong.json()["field"]) == (400, "since")


async def test_a_page_that_looked_at_enough_goes_on_behind_it(gateway: Running) -> None:
    looking = records.Records(gateway.parts.store, gateway.parts.clock)
    await gateway.token("audit")
    for _ in range(records.MOST // records.LOOK + 1):  # made at once: the record is long, the wanted entry its oldest
        record = [gateway.parts.auditor.record("turn.end", SYSTEM, Subject()) for _ in range(records.LOOK)]
        await gateway.parts.store.commit(operation("start", *record))
    wanted = records.RecordsAsk(type="change.token.created")
    first = await looking.listed(wanted, 10)
    assert (first.records, bool(first.behind)) == ([], True)
    second = await looking.listed(wanted, 10, first.behind)
    assert [one.leaf.type for one in second.records] == ["change.token.created"]
    assert second.behind == ""


async def test_an_entry_leads_to_the_checkpoint_that_signs_it(gateway: Running) -> None:
    token = await gateway.token("audit")
    (newest, *_) = await listed(gateway, token)
    path = f"/api/v1/audit/{newest['id']}"
    before = (await gateway.call("GET", path, token=token)).json()
    assert (before["entry"]["state"], before["entry"]["position"], before["checkpoint"]) == ("unsealed", None, None)
    await seal(gateway)
    await gateway.token("read")
    await seal(gateway)  # a second checkpoint, which signs it too
    found = (await gateway.call("GET", path, token=token)).json()
    note = read_note(found["checkpoint"]["note"].encode())
    assert note.signed_by(read_key(gateway.parts.data.audit_key.with_name("audit.key.pub")))
    assert found["entry"]["position"] == note.size - 1 == found["checkpoint"]["size"] - 1
    assert found["checkpoint"]["root"] == note.root.hex()
    (leaf,) = await gateway.parts.store.fetch("SELECT leaf FROM audit WHERE id = :id", {"id": newest["id"]})
    assert isinstance(leaf[0], bytes)
    assert found["leaf_hash"] == sha256(b"\x00" + leaf[0]).hexdigest()
    assert found["content_kept"]
    assert (await gateway.call("GET", "/api/v1/audit/aud_nobody", token=token)).status == 404


@pytest.mark.own_database
async def test_verifying_tells_what_was_changed_and_stands_on_record(gateway: Running) -> None:
    token = await gateway.token("audit")
    path = "/api/v1/audit/verification"
    none = (await gateway.call("GET", path, token=token)).json()
    assert (none["state"], none["unsealed"], none["checkpoint"]) == ("none", 1, None)
    assert none["unsealed_seconds"] < 20
    await seal(gateway)
    headers = {"Idempotency-Key": "verify-1"}
    said = await gateway.call("POST", path, token=token, headers=headers)
    assert said.status == 200, said.body
    assert (said.json()["state"], said.json()["entries"], said.json()["findings"]) == ("unchanged", 1, [])
    assert (await gateway.call("POST", path, token=token, headers=headers)).json() == said.json()
    assert [row["type"] for row in await listed(gateway, token)] == ["audit.verified", "change.token.created"]
    with closing(sqlite3.connect(gateway.parts.data.database, timeout=10)) as db, db:
        db.execute("UPDATE audit SET leaf = CAST(replace(leaf, 'done', 'gone') AS BLOB) WHERE rowid = 1")
        db.execute("UPDATE audit SET leaf = x'00' WHERE rowid = 2")
    (second, first) = await listed(gateway, token, "verdict=deny")  # what is damaged passes no filter unseen
    assert (first["state"], second["state"], second["type"]) == ("damaged", "damaged", "audit.unreadable")
    changed = (await gateway.call("POST", path, token=token)).json()
    assert (changed["state"], changed["entries"]) == ("changed", 1)
    assert {"row", "root"} <= set(changed["counts"])
    assert 0 in {one["position"] for one in changed["findings"]}
    assert (await gateway.call("GET", path, token=token)).json()["state"] == "changed"


def verifiers() -> list[str]:
    """The verifiers that run as children of this process, by pid."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in children if VERIFIER in Path(f"/proc/{pid}/cmdline").read_text()]


@pytest.mark.own_database
async def test_a_verifier_that_takes_too_long_is_ended_and_leaves_nothing(
    gateway: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    parts = gateway.parts
    copied: list[Path] = []

    async def copy(file: Path) -> bool:
        shutil.copyfile(parts.data.database, file)  # at once, however little time there is
        copied.append(file)
        return await asyncio.Event().wait()

    for how, limit in ((None, 0.01), (copy, 0.5)):  # a process needs longer than the first to start
        slow = Verification(parts.store, parts.auditor, parts.data, parts.clock, how, limit=limit)
        with pytest.raises(Retry, match=rf"within {limit} s; run `quarterdeck audit verify`"):
            await slow.verify(SYSTEM)
        with pytest.raises(Retry):  # and not Conflict: the next one may begin
            await slow.verify(SYSTEM)
        assert (slow.last, verifiers()) == (None, [])
    assert len(copied) == 2
    assert [file.parent.exists() for file in copied] == [False, False]
    said = await gateway.call("GET", "/api/v1/audit?type=audit.verified", token=await gateway.token("audit"))
    assert said.json()["items"] == []


async def test_the_record_in_the_terminal(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with desk.gateway():
        assert (await desk.run("chat", "hello")).code == 0
        await until(lambda: all_sealed(desk), 20, "a checkpoint that signs all of it")
        everything = await desk.rows("audit", "list", "--limit", "500")
        denied = await desk.rows("audit", "list", "--verdict", "deny")
        models = await desk.rows("audit", "list", "--type", "model")
        first = await desk.rows("audit", "list", "--type", "model", "--limit", "1")
        rest = await desk.rows("audit", "list", "--type", "model", "--cursor", str(first[0]["id"]))
        assert denied == []
        assert first + rest == models == [row for row in everything if str(row["type"]).startswith("model.")]
        assert [row["type"] for row in models] == ["model.outcome", "model.intent"]
        intent = str(models[1]["id"])
        (row,) = await desk.rows("audit", "show", intent)
        assert (row["verdict"], row["rule"], row["state"]) == ("allow", "default.model.own", "sealed")
        wrong = await desk.run("audit", "list", "--verdict", "maybe")
        assert (wrong.code, "verdict" in wrong.err) == (2, True)
    (unchanged,) = await desk.rows("audit", "show", intent)  # no gateway runs: the same answer
    assert unchanged == row


async def all_sealed(desk: Desk) -> bool:
    """Nothing of the record waits for the sealer."""
    return all(row["state"] == "sealed" for row in await desk.rows("audit", "list", "--limit", "500"))
