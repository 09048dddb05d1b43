"""What can be edited: only as it was read, on record, and in force for the next turn."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.doors.running import CONFIG, Running, running
from tests.doors.test_api_sessions import answered, begin, write

FILE = "/api/v1/assistants/default/files/AGENTS.md"


async def leaves(gateway: Running, kind: bytes) -> list[bytes]:
    rows = await gateway.parts.store.fetch("SELECT leaf FROM audit ORDER BY rowid", {})
    return [leaf for (leaf,) in rows if isinstance(leaf, bytes) and b'"' + kind + b'"' in leaf]


async def test_a_conversation_gets_another_title_if_nobody_was_faster(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token, title="First")
    path = f"/api/v1/sessions/{session}"
    tag = (await gateway.call("GET", path, token=token)).headers["etag"]
    missing = await gateway.call("PATCH", path, token=token, json={"title": "x"})
    assert (missing.status, missing.json()["code"]) == (428, "unguarded")
    for match in ('"other"', f"W/{tag}", tag.strip('"')):
        refused = await gateway.call("PATCH", path, token=token, json={"title": "x"}, headers={"If-Match": match})
        assert (refused.status, refused.json()["code"]) == (412, "not_the_same"), match
    changed = await gateway.call("PATCH", path, token=token, json={"title": "Second"}, headers={"If-Match": tag})
    assert (changed.status, changed.json()["title"], changed.json()["model"]) == (200, "Second", "script/echo")
    again = await gateway.call("PATCH", path, token=token, json={"title": "Third"}, headers={"If-Match": tag})
    assert again.status == 412
    seen = await gateway.call("GET", path, token=token)
    assert (seen.json()["title"], seen.headers["etag"]) == ("Second", changed.headers["etag"])
    some = {"If-Match": f'"a", {seen.headers["etag"]}'}
    assert (await gateway.call("PATCH", path, token=token, json={"title": "Third"}, headers=some)).status == 200
    assert len(await leaves(gateway, b"change.session.edited")) == 2


async def test_of_many_edits_at_once_one_is_made(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    path = f"/api/v1/sessions/{await begin(gateway, token)}"
    tag = {"If-Match": (await gateway.call("GET", path, token=token)).headers["etag"]}
    edits = [gateway.call("PATCH", path, token=token, json={"title": f"t{n}"}, headers=tag) for n in range(8)]
    assert sorted(one.status for one in await asyncio.gather(*edits)) == [200] + [412] * 7


async def test_the_model_of_a_conversation(tmp_path: Path) -> None:
    config = CONFIG.replace('model = "script/help"', 'model = "script/help"\nfallback = ["script/echo"]')
    async with running(tmp_path, config) as gateway:
        token = await gateway.token("chat", "read")
        session = await begin(gateway, token, assistant="slow")
        path, any_tag = f"/api/v1/sessions/{session}", {"If-Match": "*"}
        wrong = await gateway.call("PATCH", path, token=token, json={"model": "script/none"}, headers=any_tag)
        assert (wrong.status, wrong.json()["field"]) == (400, "model")
        assert "script/help, script/echo" in wrong.json()["next_step"]
        chosen = await gateway.call("PATCH", path, token=token, json={"model": "script/echo"}, headers=any_tag)
        assert chosen.json()["model"] == "script/echo"
        await write(gateway, token, session, "hello")
        await answered(gateway, token, session, 1)
        (turn,) = (await gateway.call("GET", f"/api/v1/turns?session={session}", token=token)).json()["items"]
        assert turn["model"] == "script/echo"
        back = await gateway.call("PATCH", path, token=token, json={"model": ""}, headers=any_tag)
        assert back.json()["model"] == "script/help"


async def test_somebody_elses_conversation_is_changed_by_operators_only(gateway: Running) -> None:
    path = f"/api/v1/sessions/{await begin(gateway, await gateway.token('chat'))}"
    for scopes, status in ((("chat",), 404), (("chat", "read"), 403), (("operate",), 200)):
        token = await gateway.token(*scopes)
        said = await gateway.call("PATCH", path, token=token, json={"title": "x"}, headers={"If-Match": "*"})
        assert said.status == status, scopes


async def test_an_instruction_file_is_written_as_it_was_read(gateway: Running) -> None:
    token = await gateway.token("operate", "chat")
    seen = await gateway.call("GET", FILE, token=token)
    assert (seen.status, seen.json()["text"]) == (200, "")
    assert (await gateway.call("PUT", FILE, token=token, json={"text": "x"})).status == 428
    tag = {"If-Match": seen.headers["etag"]}
    put = await gateway.call("PUT", FILE, token=token, json={"text": "Be brief. \u00e9\n"}, headers=tag)
    assert put.status == 200
    assert put.json()["release"] != seen.json()["release"]
    assert (await gateway.call("PUT", FILE, token=token, json={"text": "x"}, headers=tag)).status == 412
    again = await gateway.call("GET", FILE, token=token)
    assert (again.body, again.headers["etag"]) == (put.body, put.headers["etag"])
    session = await begin(gateway, token)
    await write(gateway, token, session, "hello")
    await answered(gateway, token, session, 1)
    (turn,) = (await gateway.call("GET", "/api/v1/turns", token=token)).json()["items"]
    assert turn["release"] == put.json()["release"]
    *_, written = await leaves(gateway, b"change.workspace")
    assert b'"written"' in written


@pytest.mark.own_database
async def test_an_instruction_file_is_in_its_workspace(gateway: Running) -> None:
    token = await gateway.token("operate")
    sent = {"json": {"text": "Be brief. \u00e9\n"}, "headers": {"If-Match": "*"}}
    assert (await gateway.call("PUT", FILE, token=token, **sent)).status == 200
    folder = Path(gateway.parts.configuration.current.assistants["default"].workspace)
    assert os.listdir(folder) == ["AGENTS.md"]
    assert (folder / "AGENTS.md").read_text() == "Be brief. \u00e9\n"
    begun, _ = await leaves(gateway, b"change.workspace")
    assert b'"begun"' in begun


async def test_no_other_file_can_be_reached(gateway: Running) -> None:
    token = await gateway.token("operate")
    for path in ("default/files/..%2f..%2fquarterdeck.toml", "default/files/x.md", "nobody/files/AGENTS.md"):
        for method, body in (("GET", {}), ("PUT", {"json": {"text": "x"}})):
            said = await gateway.call(
                method, f"/api/v1/assistants/{path}", token=token, headers={"If-Match": "*"}, **body
            )
            assert said.status == 404, path
