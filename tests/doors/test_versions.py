"""Every text of an instruction file is kept: who wrote it, what changed, also what an editor did on the disk."""

from pathlib import Path

import pytest

from quarterdeck.actions.workspaces import Instructions, Workspaces
from quarterdeck.base.errors import BadInput, Conflict, NotFound
from quarterdeck.governance.audit import SYSTEM
from quarterdeck.store.instruction_folders import FolderInstructions
from tests.doors.running import Running
from tests.store.mortal import Killed, Mortal

FILE = "/api/v1/assistants/default/files/AGENTS.md"
ANY = {"If-Match": "*"}


def on_disk(gateway: Running) -> Path:
    return Path(gateway.parts.configuration.current.assistants["default"].workspace) / "AGENTS.md"


def anything(there: Instructions) -> None:
    """Whatever is there may be replaced."""


async def states(workspaces: Workspaces) -> list[tuple[str, str]]:
    """(state, text) of all versions, the oldest first."""
    found = await workspaces.history("default", "AGENTS.md", 50)
    return [(row.state, (await workspaces.version("default", "AGENTS.md", row.id)).text) for row in reversed(found)]


async def test_what_was_written_can_be_looked_up_compared_and_written_again(gateway: Running) -> None:
    token = await gateway.token("operate")
    for text in ("Be brief.\n", "Be brief.\nBe kind.\n"):
        assert (await gateway.call("PUT", FILE, token=token, json={"text": text}, headers=ANY)).status == 200
    newest, oldest = (await gateway.call("GET", f"{FILE}/versions", token=token)).json()["items"]
    assert [one["state"] for one in (newest, oldest)] == ["written", "written"]
    assert newest["actor"].startswith("tok_")
    found = (await gateway.call("GET", f"{FILE}/versions/{newest['id']}", token=token)).json()
    assert found["text"] == "Be brief.\nBe kind.\n"
    assert found["difference"] == ["@@ -1 +1,2 @@", " Be brief.", "+Be kind."]
    first = (await gateway.call("GET", f"{FILE}/versions/{oldest['id']}", token=token)).json()
    assert first["difference"] == ["@@ -0,0 +1 @@", "+Be brief."]
    page = await gateway.call("GET", f"{FILE}/versions?limit=1&cursor={newest['id']}", token=token)
    assert [one["id"] for one in page.json()["items"]] == [oldest["id"]]
    other = f"/api/v1/assistants/slow/files/AGENTS.md/versions/{newest['id']}"
    for path in (other, f"{FILE}/versions/ver_0"):
        assert (await gateway.call("GET", path, token=token)).status == 404
    await gateway.parts.workspaces.restore("default", "AGENTS.md", oldest["id"], SYSTEM, anything)
    assert (await gateway.call("GET", FILE, token=token)).json()["text"] == "Be brief.\n"
    assert len(await states(gateway.parts.workspaces)) == 3


@pytest.mark.own_database
async def test_what_an_editor_did_is_a_version_without_a_name(gateway: Running) -> None:
    use, file = gateway.parts.workspaces, on_disk(gateway)
    assert await states(use) == []
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("From an editor.\n")
    (row,) = await use.history("default", "AGENTS.md", 50)
    assert (row.state, row.actor) == ("written", "")
    assert len(await use.history("default", "AGENTS.md", 50)) == 1  # seen before
    file.write_text("Changed again.\n")
    await use.write("default", "AGENTS.md", "By hand.\n", SYSTEM, anything)
    assert await states(use) == [
        ("written", "From an editor.\n"),
        ("written", "Changed again.\n"),
        ("written", "By hand.\n"),
    ]
    file.unlink()
    assert (await states(use))[-1] == ("written", "")


@pytest.mark.own_database
async def test_whoever_saw_another_text_changes_nothing(gateway: Running) -> None:
    use, file = gateway.parts.workspaces, on_disk(gateway)

    def refuse(there: Instructions) -> None:
        raise Conflict(f"there is {there.text!r} now")

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("Theirs.\n")
    with pytest.raises(Conflict, match="Theirs"):
        await use.write("default", "AGENTS.md", "Mine.\n", SYSTEM, refuse)
    assert file.read_text() == "Theirs.\n"
    assert await states(use) == [("written", "Theirs.\n")]
    with pytest.raises(NotFound):
        await use.write("default", "NOTES.md", "x", SYSTEM, anything)
    with pytest.raises(BadInput, match="bytes"):
        await use.write("default", "AGENTS.md", "\u00e9" * 200_000, SYSTEM, anything)
    assert file.read_text() == "Theirs.\n"


@pytest.mark.own_database
@pytest.mark.parametrize(
    ("side", "commit", "kept", "then"),
    [
        ("before", 1, "Old.\n", []),
        ("after", 1, "Old.\n", [("unwritten", "New.\n")]),
        ("before", 2, "New.\n", [("written", "New.\n")]),
        ("after", 2, "New.\n", [("written", "New.\n")]),
    ],
)
async def test_a_save_that_is_cut_off_says_how_far_it_came(
    gateway: Running, side: str, commit: int, kept: str, then: list[tuple[str, str]]
) -> None:
    p, file = gateway.parts, on_disk(gateway)
    await p.workspaces.write("default", "AGENTS.md", "Old.\n", SYSTEM, anything)
    dying = Mortal(p.store)
    dying.side, dying.dies_in = side, commit
    before = Workspaces(
        p.configuration, p.directory, dying, p.auditor, p.blobs, FolderInstructions(), p.clock, p.new_id
    )
    with pytest.raises(Killed):
        await before.write("default", "AGENTS.md", "New.\n", SYSTEM, anything)
    assert file.read_text() == kept
    assert await states(p.workspaces) == [("written", "Old.\n"), *then]
    await p.workspaces.write("default", "AGENTS.md", "Newest.\n", SYSTEM, anything)
    assert (await states(p.workspaces))[-1] == ("written", "Newest.\n")
