"""Who is who, over HTTP and from the command line."""

from pathlib import Path
from typing import Any

import pytest

from quarterdeck.flow.directory import ConnectionRules, EmbeddingRules
from quarterdeck.model.inbound import Inbound, Room, Sender
from quarterdeck.store import people
from tests.doors.commands import Desk
from tests.doors.running import Running
from tests.waiting import until


async def spoke(gateway: Running, connection: str, who: str) -> str:
    """Somebody has spoken on a messenger that needs no wire here; the session."""
    directory = gateway.parts.directory
    rules = {one.name: one for one in directory.connections}
    rules[connection] = ConnectionRules(connection, "test", "default", "open")
    assistants = {name: directory.assistant(name) for name in directory.assistants}
    directory.replace(assistants, rules, directory.limits, EmbeddingRules())
    act = Inbound(connection, f"act-{who}", Room(f"room-{who}"), Sender(who, who.title()), f"hello from {who}")
    accepted = await gateway.parts.intake.accept(act)

    async def ended() -> bool:
        rows = await gateway.parts.store.fetch("SELECT state FROM inbox WHERE id = :id", {"id": accepted.inbox_id})
        return rows[0][0] == "ended"

    await until(ended, what="an answer")
    return accepted.session_id


async def test_link_and_part_over_http(gateway: Running) -> None:
    token, reader = await gateway.token("operate"), await gateway.token("read")
    await spoke(gateway, "one", "ada")
    newer = await spoke(gateway, "two", "adele")
    listed = (await gateway.call("GET", "/api/v1/people?limit=1", token=reader)).json()
    rest = (await gateway.call("GET", f"/api/v1/people?cursor={listed['next_cursor']}", token=reader)).json()
    found: dict[str, Any] = {one["native_id"]: one for one in (*listed["items"], *rest["items"])}
    assert {name: (one["connection"], one["person"]) for name, one in found.items()} == {
        "ada": ("one", None),
        "adele": ("two", None),
    }
    both = {"identity": found["ada"]["id"], "other": found["adele"]["id"]}
    assert (await gateway.call("POST", "/api/v1/people/link", token=reader, json=both)).status == 403
    linked = await gateway.call("POST", "/api/v1/people/link", token=token, json={**both, "reason": "she said so"})
    assert (linked.status, linked.json()["goes_on"]) == (200, {"default": newer})
    again = await gateway.call("POST", "/api/v1/people/link", token=token, json=both)
    assert again.status == 409
    people_now = (await gateway.call("GET", "/api/v1/people", token=reader)).json()["items"]
    assert {one["person"] for one in people_now} == {linked.json()["person"]}
    parted = await gateway.call("POST", "/api/v1/people/unlink", token=token, json={"identity": found["ada"]["id"]})
    assert parted.status == 200
    assert parted.json()["person"] != linked.json()["person"]
    kinds = [one["type"] for one in await gateway.record()]
    assert [kind for kind in kinds if kind.startswith("change.people")] == [
        "change.people.link",
        "change.people.unlink",
    ]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_what_the_command_line_says(desk: Desk) -> None:
    assert (await desk.run("chat", "hello")).code == 0
    (row,) = await desk.rows("people", "list")
    assert (row["connection"], row["native_id"], row["person"]) == ("terminal", "owner", None)
    assert row["id"] == people.identity_id("terminal", "owner")
    refused = await desk.run("people", "link", str(row["id"]), str(row["id"]))
    assert (refused.code, "cannot be shared" in refused.err) == (2, True)
    unknown = await desk.run("people", "unlink", "idy_0")
    assert (unknown.code, "there is no identity" in unknown.err) == (1, True)
