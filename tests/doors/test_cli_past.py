"""Finding, writing down and forking conversations from the command line."""

import json
from pathlib import Path

import pytest

from tests.doors.commands import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_find_write_down_and_fork(desk: Desk) -> None:
    assert (await desk.run("chat", "an apple a day")).code == 0
    (session,) = [str(row["id"]) for row in await desk.rows("sessions", "list")]
    found = await desk.rows("sessions", "search", "day appl")
    assert [(row["session"], row["state"], row["snippet"]) for row in found] == [
        (session, "assistant", "You said: an apple a day"),
        (session, "user", "an apple a day"),
    ]
    assert await desk.rows("sessions", "search", "apple", "--limit", "1", "--cursor", str(found[0]["id"])) == found[1:]
    assert await desk.rows("sessions", "search", "apple", "--session", "ses_0") == []
    table = (await desk.run("sessions", "search", "apple")).out
    assert "SNIPPET" in table
    refused = await desk.run("sessions", "search", "*")
    assert (refused.code, "no word to look for" in refused.err) == (2, True)

    printed = await desk.run("sessions", "export", session)
    assert "> an apple a day" in printed.out
    file = desk.folder / "out.json"
    words = ("sessions", "export", session, "--format", "json", "--output", str(file))
    assert (await desk.run(*words)).code == 0
    assert [one["text"] for one in json.loads(file.read_text())["messages"]] == [
        "an apple a day",
        "You said: an apple a day",
    ]
    again = await desk.run(*words)
    assert (again.code, "cannot be written" in again.err) == (2, True)
    missing = desk.folder / "missing.md"
    assert (await desk.run("sessions", "export", "ses_0", "--output", str(missing))).code == 1
    assert not missing.exists()

    new = (await desk.run("sessions", "fork", session, "--json")).row
    assert (new["state"], new["connection"], new["forked_from"]) == ("assistant", "web", session)
    assert len(await desk.rows("sessions", "list")) == 2
    assert len(await desk.rows("sessions", "search", "apple")) == 4
    assert (await desk.run("sessions", "fork", session, "--at", "0")).code == 2
