"""The command line of a gateway on PostgreSQL: its record, its data directory, what `doctor` says of it."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.doors.commands import SCRIPTED, Desk
from tests.postgresql import Cluster

pytestmark = [pytest.mark.timeout(120), pytest.mark.own_database]
BEND = "UPDATE audit SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), 'turn.end', 'turn.bent'), 'UTF8')"


async def verified(desk: Desk) -> dict[str, Any]:
    """What the running gateway finds when it is asked to verify its record."""
    token = (await desk.run("token", "create", "--name", "auditor", "--scope", "audit", "--json")).row["token"]
    runtime = json.loads((desk.folder / "data/runtime.json").read_text())
    async with (
        aiohttp.ClientSession(headers={"authorization": f"Bearer {token}"}) as http,
        http.post(f"{runtime['url']}/api/v1/audit/verification") as said,
    ):
        assert said.status == 200, await said.text()
        return await said.json()


async def change(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    await connection.execute(sql)
    await connection.close()


@pytest.fixture
def url(postgresql: Cluster) -> str:
    return postgresql.create()


@pytest.fixture
def desk(tmp_path: Path, url: str) -> Desk:
    made = Desk(tmp_path)
    made.write(f'database = "{url}"\n' + SCRIPTED.format(model="scripted/echo"))
    return made


@pytest.mark.proves("A1")
async def test_a_record_in_postgresql_is_verified_and_exported_and_a_change_is_found(desk: Desk, url: str) -> None:
    none = await desk.run("audit", "verify")
    assert (none.code, "there is no record in the database yet" in none.err) == (1, True)
    assert (await desk.run("chat", "hello")).code == 0

    async with desk.gateway():
        beside, second, chat = await asyncio.gather(
            desk.run("audit", "verify", "--json"), desk.run("up"), desk.run("sessions", "list")
        )
        assert (beside.code, beside.row["ok"]) == (0, True), beside
        assert (second.code, "another process holds" in second.err) == (3, True)
        assert chat.code == 0, "the gateway that holds it answers"
        assert (await verified(desk))["state"] == "unchanged"

    assert {row["state"] for row in await desk.rows("audit", "list")} == {"sealed"}
    report: dict[str, Any] = (await desk.run("audit", "verify", "--json")).row
    (log,) = report["logs"]
    assert log["size"] > 0
    assert log["unsealed"] == 0

    elsewhere = {"QUARTERDECK_DATA_DIR": str(desk.folder / "elsewhere")}
    for words in (("verify",), ("export", str(desk.folder / "none"))):
        keyless = await desk.run("audit", *words, environ=elsewhere)
        assert (keyless.code, "audit.key.pub is not here yet" in keyless.err) == (1, True), keyless
    key = str(desk.data / "keys" / "audit.key.pub")
    assert (await desk.run("audit", "verify", "--key", key, environ=elsewhere)).code == 0

    bundle = desk.folder / "bundle"
    assert (await desk.run("audit", "export", str(bundle))).code == 0
    assert (bundle / "0.jsonl").read_bytes().count(b"\n") == log["size"]
    assert "exists already" in (await desk.run("audit", "export", str(bundle))).err

    await change(url, BEND)
    bent = await desk.run("audit", "verify", "--json")
    findings: Any = bent.row["findings"]
    assert (bent.code, bent.row["ok"]) == (1, False)
    assert {one["code"] for one in findings} >= {"row", "root"}
    async with desk.gateway():
        found = await verified(desk)
    assert (found["state"], {"row", "root"} <= set(found["counts"])) == ("changed", True)

    away = await desk.run("audit", "verify", environ={"QUARTERDECK_DATABASE": "postgresql://nobody@127.0.0.1:1/none"})
    assert (away.code, "the database is not reached" in away.err) == (1, True), away


async def checks(desk: Desk, environ: Mapping[str, str] | None = None) -> dict[str, dict[str, object]]:
    said = await desk.run("doctor", "--json", environ=environ)
    return {str(row["id"]): row for row in said.rows}


async def test_doctor_looks_at_the_database_in_use_and_not_at_a_file_that_was_left(desk: Desk) -> None:
    assert (await desk.run("chat", "hello", environ={"QUARTERDECK_DATABASE": "sqlite"})).code == 0
    left = desk.data / "quarterdeck.db"
    left.write_bytes(b"no database" * 1000)
    found = (await checks(desk))["database"]
    assert (found["state"], found["detail"]) == ("OK", "a server of its own")


async def test_doctor_says_which_role_nobody_has(desk: Desk) -> None:
    async with desk.gateway("--role", "gateway"):
        found = (await checks(desk))["processes"]
        assert (found["state"], found["detail"]) == ("FAIL", "none of 1 has the role worker or scheduler")
        assert "quarterdeck up --role worker,scheduler" in str(found["fix"])
    async with desk.gateway():
        found = (await checks(desk))["processes"]
        assert (found["state"], found["detail"]) == ("OK", "1, all roles")


async def test_doctor_says_why_it_is_not_let_in_and_what_to_do(desk: Desk, url: str) -> None:
    said = await desk.run("doctor", "--json", environ={"QUARTERDECK_DATABASE": url + "_nowhere"})
    refused = said.rows[-1]
    assert (said.code, refused["id"], refused["state"]) == (78, "configuration", "FAIL")
    assert "does not exist" in str(refused["detail"])
    assert str(refused["fix"]).startswith("Correct the user, password and name in the address")
