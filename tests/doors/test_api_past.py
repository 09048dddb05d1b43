"""Histories over the native API: found, given out as files, and begun anew from."""

from typing import Any

import pytest

from quarterdeck.actions.forks import whole
from quarterdeck.flow.history import History
from quarterdeck.model.message import AssistantMessage, Message, ToolCall, ToolResult, UserMessage, encode
from quarterdeck.store import sessions
from quarterdeck.store.messages import StoredMessage
from tests.doors.running import Answer, Running
from tests.doors.test_api_sessions import answered, begin, history, write
from tests.waiting import until

HOSTILE = "</pre><script>alert(1)</script>\n# Heading\n\n**assistant** (2020)\n&amp; \"quoted\" 'too'"


async def said(gateway: Running, token: str, *texts: str) -> str:
    """A conversation in which these were answered."""
    session = await begin(gateway, token, title="About <cake>")
    for n, text in enumerate(texts):
        await write(gateway, token, session, text)
        await answered(gateway, token, session, n + 1)
    return session


async def get(gateway: Running, token: str, path: str) -> Answer:
    return await gateway.call("GET", f"/api/v1{path}", token=token)


async def test_what_was_said_is_found(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await said(gateway, token, "apple pie", "pear")
    other = await said(gateway, token, "apple juice")

    async def both() -> list[dict[str, Any]]:
        items = (await get(gateway, token, "/search?q=app")).json()["items"]
        return items if len(items) == 4 else []

    items: list[dict[str, Any]] = await until(both, what="four messages that can be found")
    assert [(one["session"], one["role"], one["snippet"]) for one in items] == [
        (other, "assistant", "You said: apple juice"),
        (other, "user", "apple juice"),
        (session, "assistant", "You said: apple pie"),
        (session, "user", "apple pie"),
    ]
    within = (await get(gateway, token, f"/search?q=apple&session={session}&limit=1")).json()
    assert [one["snippet"] for one in within["items"]] == ["You said: apple pie"]
    rest = await get(gateway, token, f"/search?q=apple&session={session}&cursor={within['next_cursor']}")
    assert [one["snippet"] for one in rest.json()["items"]] == ["apple pie"]
    shown = await history(gateway, token, session)
    assert (items[3]["position"], items[3]["part"]) == (shown["items"][0]["position"], shown["items"][0]["part"])

    async def caught_up() -> bool:
        return b"quarterdeck_search_lag_seconds 0.0" in (await gateway.call("GET", "/metrics", token=token)).body

    await until(caught_up, what="an index that is not behind")


async def test_a_search_needs_the_right_to_read_and_a_word(gateway: Running) -> None:
    chat, read = await gateway.token("chat"), await gateway.token("read")
    session = await said(gateway, await gateway.token("chat", "read"), "apple")
    assert (await get(gateway, chat, "/search?q=apple")).status == 403
    assert (await get(gateway, "", "/search?q=apple")).status == 401
    assert (await get(gateway, chat, f"/sessions/{session}/export")).status == 403
    refused = await get(gateway, read, "/search?q=%22*")
    assert (refused.status, refused.json()["field"]) == (400, "q")
    assert (await get(gateway, read, "/search")).json()["field"] == "q"
    assert (await get(gateway, read, "/search?q=apple&cursor=x")).json()["field"] == "cursor"


async def test_an_export_in_json_has_everything(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await said(gateway, token, "one", "two")
    answer = await get(gateway, token, f"/sessions/{session}/export?format=json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == f'attachment; filename="{session}.json"'
    found = answer.json()
    assert (found["version"], found["session"]["id"], found["session"]["title"]) == (1, session, "About <cake>")
    assert [(one["role"], one["text"]) for one in found["messages"]] == [
        ("user", "one"),
        ("assistant", "You said: one"),
        ("user", "two"),
        ("assistant", "You said: two"),
    ]
    assert [(one["outcome"], one["model"]) for one in found["turns"]] == [("answered", "script/echo")] * 2
    assert {one["turn"] for one in found["messages"]} == {one["id"] for one in found["turns"]}
    assert [(one["session"], one["outcome"]) for one in await gateway.record() if one["type"] == "export.session"] == [
        (session, "json")
    ]


async def test_hostile_text_stays_text(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await said(gateway, token, HOSTILE)
    page = (await get(gateway, token, f"/sessions/{session}/export?format=html")).body.decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<title>About &lt;cake&gt;</title>" in page
    assert "default-src 'none'" in page
    assert page.endswith("</html>\n")
    assert "http://" not in page
    assert "https://" not in page
    notes = (await get(gateway, token, f"/sessions/{session}/export?format=markdown")).body.decode()
    own = [line for line in notes.splitlines() if line and not line.startswith(">")]
    assert sum(line.startswith("#") for line in own) == 1
    assert sum(line.startswith("**assistant**") for line in own) == 1
    assert "> # Heading" in notes


async def test_other_forms_and_sessions_are_refused(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await said(gateway, token, "one")
    assert (await get(gateway, token, f"/sessions/{session}/export?format=pdf")).json()["field"] == "format"
    assert (await get(gateway, token, "/sessions/ses_none/export")).status == 404


# --- forks ----------------------------------------------------------------------------------------------------


async def fork(gateway: Running, token: str, session: str, at: str = "") -> Answer:
    return await gateway.call("POST", f"/api/v1/sessions/{session}/fork", token=token, json={"at": at})


@pytest.mark.proves("event.message.copied")
async def test_a_fork_goes_on_from_a_copy(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await said(gateway, token, "one", "two")
    before = await history(gateway, token, session)
    made = await fork(gateway, token, session, str(before["items"][1]["position"]))
    assert made.status == 201, made.body
    new = made.json()
    assert (new["forked_from"], new["state"], new["connection"]) == (session, "assistant", "web")
    copied = (await history(gateway, token, new["id"]))["items"]
    assert [one["text"] for one in copied] == ["one", "You said: one"]
    assert [one["created_at"] for one in copied] == [one["created_at"] for one in before["items"][:2]]
    await write(gateway, token, new["id"], "three")
    after = await answered(gateway, token, new["id"], 2)
    assert [one["text"] for one in after] == ["one", "You said: one", "three", "You said: three"]
    assert await history(gateway, token, session) == before
    assert (await get(gateway, token, f"/sessions/{session}")).json()["forked_from"] is None
    async with gateway.events(f"/api/v1/sessions/{new['id']}/events?cursor=0", token) as stream:
        seen = await stream.until("inbox.accepted")
    assert [(one.kind, one.data.get("role"), one.data["text"]) for one in seen[:2]] == [
        ("message.copied", "user", "one"),
        ("message.copied", "assistant", "You said: one"),
    ]
    told = [
        (one["session"], one["resource"], one["outcome"])
        for one in await gateway.record()
        if one["type"] == "change.session.fork"
    ]
    assert told == [(new["id"], session, "begun"), (new["id"], session, "done")]


async def test_a_place_before_everything_or_of_another_kind_is_refused(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await said(gateway, token, "one")
    for at in ("0", "-1", "1.x", "x", "1.2.3"):
        refused = await fork(gateway, token, session, at)
        assert (refused.status, refused.json()["field"]) == (400, "at"), at


async def test_what_the_model_had_forgotten_stays_forgotten(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await said(gateway, token, "one")
    assert (await gateway.call("POST", f"/api/v1/sessions/{session}/reset", token=token)).status == 202
    await write(gateway, token, session, "two")
    await answered(gateway, token, session, 2)
    new = (await fork(gateway, token, session)).json()["id"]
    store = gateway.parts.store
    copy = await sessions.get(store, new)
    assert copy is not None
    shown = await History(store, 0).read(copy)
    assert [getattr(one, "text", None) for one in shown.messages] == ["two", "You said: two"]
    assert len((await history(gateway, token, new))["items"]) == 4


def stored(*said: Message) -> list[StoredMessage]:
    return [StoredMessage(1, n, encode(one), "t", "", 1.0) for n, one in enumerate(said)]


CALL = AssistantMessage("", (ToolCall("a", "look", "{}"), ToolCall("b", "look", "{}")))
RESULT = ToolResult("a", "look", "seen")


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ((UserMessage("q"), CALL, RESULT, RESULT, AssistantMessage("done")), 4),
        ((UserMessage("q"), CALL, RESULT, RESULT), 3),
        ((UserMessage("q"), CALL, RESULT), 0),
        ((UserMessage("q"), CALL), 0),
        ((CALL, RESULT), None),
        ((), None),
    ],
)
def test_no_call_is_parted_from_its_result(said: tuple[Message, ...], part: int | None) -> None:
    end = whole(stored(*said))
    assert (end.part if end else None) == part
