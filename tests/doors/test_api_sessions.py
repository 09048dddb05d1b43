"""Conversations over the native API: begin, write, read, stop; and what is refused by name."""

import io
from typing import Any

import pytest

from quarterdeck.store import outbox
from quarterdeck.store.operations import Statement, operation
from tests.doors.running import Running
from tests.waiting import until


async def begin(gateway: Running, token: str, **wish: str) -> str:
    said = await gateway.call("POST", "/api/v1/sessions", token=token, json=wish)
    assert said.status == 201, said.body
    return str(said.json()["id"])


async def write(gateway: Running, token: str, session: str, text: str, key: str = "", **more: Any) -> dict[str, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    path = f"/api/v1/sessions/{session}/messages"
    said = await gateway.call("POST", path, token=token, json={"text": text, **more}, headers=headers)
    assert said.status == 202, said.body
    return dict(said.json())


async def history(gateway: Running, token: str, session: str, query: str = "") -> dict[str, Any]:
    said = await gateway.call("GET", f"/api/v1/sessions/{session}/messages{query}", token=token)
    assert said.status == 200, said.body
    return dict(said.json())


async def answered(gateway: Running, token: str, session: str, count: int) -> list[dict[str, Any]]:
    """The history once it holds so many answers."""

    async def look() -> list[dict[str, Any]]:
        items = (await history(gateway, token, session, "?limit=200"))["items"]
        return items if sum(one["role"] == "assistant" for one in items) == count else []

    return await until(look, what=f"{count} answers")


async def test_a_message_is_answered_and_kept(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token, title="First")
    receipt = await write(gateway, token, session, "hello")
    assert (receipt["state"], receipt["session_id"], receipt["outcome"]) == ("accepted", session, "")
    items = await answered(gateway, token, session, 1)
    assert [(one["role"], one["text"]) for one in items] == [("user", "hello"), ("assistant", "You said: hello")]
    assert items[0]["created_at"].endswith("Z")
    shown = (await gateway.call("GET", f"/api/v1/sessions/{session}", token=token)).json()
    assert (shown["title"], shown["connection"], shown["assistant"], shown["model"]) == (
        "First",
        "web",
        "default",
        "script/echo",
    )
    assert shown["running_turn"] is None
    listed = (await gateway.call("GET", "/api/v1/sessions?connection=web", token=token)).json()
    assert [one["id"] for one in listed["items"]] == [session]
    assert (await gateway.call("GET", "/api/v1/sessions?connection=tg", token=token)).json()["items"] == []


async def test_the_same_key_is_the_same_message(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    first = await write(gateway, token, session, "hello", key="k1")
    await answered(gateway, token, session, 1)
    again = await write(gateway, token, session, "hello", key="k1")
    assert (again["state"], again["outcome"]) == ("duplicate", "answered")
    assert (again["inbox_id"], again["position"]) == (first["inbox_id"], first["position"])
    other = await write(gateway, token, await begin(gateway, token), "hello", key="k1")
    assert other["state"] == "accepted"
    assert len(await answered(gateway, token, session, 1)) == 2


async def test_stop_ends_the_turn_and_what_waits(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token, assistant="slow")
    first = await write(gateway, token, session, "one")
    second = await write(gateway, token, session, "two")
    shown = await history(gateway, token, session)
    assert [(one["text"], one["status"] in ("taken", "waiting")) for one in shown["items"]] == [
        ("one", True),
        ("two", True),
    ]
    stopped = await gateway.call("POST", f"/api/v1/sessions/{session}/stop", token=token)
    assert (stopped.status, stopped.json()["outcome"]) == (202, "command")

    async def outcomes() -> dict[str, str]:
        items = (await gateway.call("GET", "/api/v1/inbox", token=token)).json()["items"]
        return {one["id"]: one["outcome"] for one in items}

    async def both() -> bool:
        found = await outcomes()
        return found[first["inbox_id"]] == found[second["inbox_id"]] == "stopped"

    await until(both, what="both messages to be stopped")


async def test_reset_hides_what_was_said(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    await write(gateway, token, session, "one")
    await answered(gateway, token, session, 1)
    said = await gateway.call("POST", f"/api/v1/sessions/{session}/reset", token=token)
    assert (said.status, said.json()["outcome"]) == (202, "command")
    row = await gateway.parts.store.fetch("SELECT history_from, head FROM sessions WHERE id = :id", {"id": session})
    assert row[0][0] == row[0][1]


async def test_a_message_is_always_its_senders_own(gateway: Running) -> None:
    mine, other, looker = await gateway.token("chat"), await gateway.token("chat"), await gateway.token("chat", "read")
    session = await begin(gateway, mine)
    path = f"/api/v1/sessions/{session}"
    for action, body in (("messages", {"text": "x"}), ("stop", {}), ("reset", {})):
        said = await gateway.call("POST", f"{path}/{action}", token=other, json=body)
        assert said.status == 404  # it may not even know
        said = await gateway.call("POST", f"{path}/{action}", token=looker, json=body)
        assert (said.status, said.json()["rule"]) == (403, "session.own")
    assert (await gateway.call("GET", f"{path}/events", token=other)).status == 404
    assert (await gateway.call("GET", path, token=looker)).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": "  "}, "text"),
        ({"text": 5}, "text"),
        ({"text": "x", "mode": "later"}, "mode"),
        ({"text": "x", "colour": "red"}, "colour"),
        ({"text": "x", "attachments": ["0" * 64]}, "attachments"),
        ({"text": "x", "attachments": [{"name": "a"}]}, "attachments[0].digest"),
    ],
)
async def test_a_wrong_body_names_the_field(gateway: Running, body: dict[str, Any], field: str) -> None:
    token = await gateway.token("chat")
    session = await begin(gateway, token)
    said = await gateway.call("POST", f"/api/v1/sessions/{session}/messages", token=token, json=body)
    problem = said.json()
    assert (said.status, problem["code"], problem["field"]) == (400, "bad_input", field)
    assert said.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "about:blank"
    assert problem["detail"]
    assert problem["next_step"]


@pytest.mark.parametrize(
    ("data", "field"), [(b"{", "body"), (b"[]", "body"), (b'{"text": "\xff"}', "body"), (b"nul", "body")]
)
async def test_what_is_no_json_is_refused(gateway: Running, data: bytes, field: str) -> None:
    token = await gateway.token("chat")
    path, headers = f"/api/v1/sessions/{await begin(gateway, token)}/messages", {"Content-Type": "application/json"}
    said = await gateway.call("POST", path, token=token, data=data, headers=headers)
    assert (said.status, said.json()["field"]) == (400, field)


async def test_a_form_is_refused(gateway: Running) -> None:
    token = await gateway.token("chat")
    said = await gateway.call("POST", "/api/v1/sessions", token=token, data={"title": "x"})
    assert (said.status, said.json()["code"]) == (415, "wrong_media")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_is_refused(gateway: Running, chunked: bool) -> None:
    token = await gateway.token("chat")
    body = b'{"title": "' + b"x" * (1024 * 1024) + b'"}'

    async def pieces() -> Any:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    headers = {"Content-Type": "application/json"}
    said = await gateway.call(
        "POST", "/api/v1/sessions", token=token, data=pieces() if chunked else io.BytesIO(body), headers=headers
    )
    assert (said.status, said.json()["code"]) == (413, "too_large")
    assert (await gateway.call("GET", "/healthz")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/v1/sessions/ses_none", 404),
        ("GET", "/api/v1/sessions/ses_none/messages", 404),
        ("GET", "/api/v1/sessions/ses_none/events", 404),
        ("POST", "/api/v1/sessions/ses_none/stop", 404),
        ("GET", "/api/v1/turns/turn_none", 404),
        ("GET", "/api/v1/nothing", 404),
        ("POST", "/api/v1/me", 405),
        ("GET", "/api/v1/sessions?limit=0", 400),
        ("GET", "/api/v1/sessions?limit=ten", 400),
        ("GET", "/api/v1/sessions?page=2", 400),
        ("GET", "/api/v1/sessions?cursor=abc", 400),
    ],
)
async def test_what_is_not_there(gateway: Running, method: str, path: str, code: int) -> None:
    said = await gateway.call(method, path, token=await gateway.token("admin"))
    assert said.status == code
    assert said.headers["content-type"] == "application/problem+json"
    assert said.json()["next_step"]


async def test_an_unknown_assistant_is_named(gateway: Running) -> None:
    said = await gateway.call(
        "POST", "/api/v1/sessions", token=await gateway.token("chat"), json={"assistant": "nobody"}
    )
    assert said.status == 404
    assert "nobody" in said.json()["detail"]


async def test_closed_intake_says_when_to_come_back(gateway: Running) -> None:
    token = await gateway.token("chat")
    session = await begin(gateway, token)
    gateway.parts.intake.open = False
    said = await gateway.call("POST", f"/api/v1/sessions/{session}/messages", token=token, json={"text": "x"})
    assert (said.status, said.json()["code"], said.headers["retry-after"]) == (503, "retry", "2")
    ready = await gateway.call("GET", "/readyz")
    assert (ready.status, ready.json()) == (503, {"ready": False, "reasons": ["intake is closed"]})
    assert (await gateway.call("GET", "/healthz")).status == 200


async def test_pages_have_no_gap_and_no_double(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    for n in range(4):
        await write(gateway, token, session, f"m{n}")
        await answered(gateway, token, session, n + 1)
    whole = [one["text"] for one in (await history(gateway, token, session, "?limit=200"))["items"]]
    for limit in (1, 3, 8):
        pages: list[list[str]] = []
        query = f"?limit={limit}"
        while True:
            page = await history(gateway, token, session, query)
            pages.insert(0, [one["text"] for one in page["items"]])
            if page["next_cursor"] is None:
                break
            query = f"?limit={limit}&cursor={page['next_cursor']}"
        assert [text for page in pages for text in page] == whole, limit


@pytest.mark.parametrize("what", ["sessions", "inbox", "turns", "deliveries", "tokens"])
async def test_every_list_pages(gateway: Running, what: str) -> None:
    token = await gateway.token("admin")
    for n in range(5):
        await gateway.token("read")
        session = await begin(gateway, token)
        await write(gateway, token, session, f"m{n}")
        await answered(gateway, token, session, 1)
    whole = (await gateway.call("GET", f"/api/v1/{what}?limit=200", token=token)).json()["items"]
    assert len(whole) >= 5
    found: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        page = (await gateway.call("GET", f"/api/v1/{what}?limit=2&cursor={cursor}", token=token)).json()
        found += page["items"]
        cursor = page["next_cursor"]
    assert [one["id"] for one in found] == [one["id"] for one in whole]
    assert all({"id", "state", "created_at"} <= one.keys() for one in found)


async def test_a_turn_shows_its_steps_effects_and_tokens(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    receipt = await write(gateway, token, session, "hello")
    await answered(gateway, token, session, 1)
    turn = (await gateway.call("GET", f"/api/v1/turns?session={session}", token=token)).json()["items"][0]
    assert (turn["state"], turn["outcome"]) == ("ended", "answered")
    detail = (await gateway.call("GET", f"/api/v1/turns/{turn['id']}", token=token)).json()
    assert detail["inbox"] == [receipt["inbox_id"]]
    assert [(one["step"], one["text"]) for one in detail["steps"]] == [("m1", "You said: hello")]
    assert [(one["kind"], one["state"]) for one in detail["intents"]] == [("model", "done")]
    assert detail["turn"]["spent"]["tokens"]["input"] > 0
    delivery = (await gateway.call("GET", "/api/v1/deliveries", token=token)).json()["items"][0]
    assert delivery["id"] == detail["deliveries"][0]
    assert (delivery["text"], delivery["state"], delivery["kind"]) == ("You said: hello", "sent", "answer")


async def test_status_and_connections(gateway: Running) -> None:
    token = await gateway.token("read")
    status = (await gateway.call("GET", "/api/v1/status", token=token)).json()
    assert status["ready"] is True
    assert status["url"] == gateway.url
    names = [one["id"] for one in (await gateway.call("GET", "/api/v1/connections", token=token)).json()["items"]]
    assert names == ["api", "terminal", "web"]


async def test_a_person_settles_a_delivery(gateway: Running) -> None:
    token = await gateway.token("chat", "operate")
    session = await begin(gateway, token)
    await write(gateway, token, session, "hello")
    await answered(gateway, token, session, 1)
    delivery = (await gateway.call("GET", "/api/v1/deliveries", token=token)).json()["items"][0]["id"]
    path = f"/api/v1/deliveries/{delivery}"
    early = await gateway.call("POST", f"{path}/settle", token=token, json={"outcome": "failed"})
    assert (early.status, early.json()["code"]) == (409, "conflict")
    wrong = await gateway.call("POST", f"{path}/settle", token=token, json={"outcome": "lost"})
    assert (wrong.status, wrong.json()["field"]) == (400, "outcome")
    unknown = outbox.move(delivery, 0, "sent", "unknown", gateway.parts.clock.now())
    await gateway.parts.store.commit(operation("settle", unknown))
    said = await gateway.call("POST", f"{path}/settle", token=token, json={"outcome": "failed", "reason": "I asked"})
    assert (said.status, said.json()) == (200, {"id": delivery, "parts": 1})
    listed = await gateway.call("GET", "/api/v1/deliveries?state=failed", token=token)
    assert [one["id"] for one in listed.json()["items"]] == [delivery]
    again = await gateway.call("POST", f"{path}/resend", token=token, json={})
    assert (again.status, again.json()["parts"]) == (200, 1)


async def test_a_failed_delivery_is_left_as_it_is(gateway: Running) -> None:
    token = await gateway.token("chat", "read", "operate", "audit")
    session = await begin(gateway, token)
    await write(gateway, token, session, "hello")
    await answered(gateway, token, session, 1)
    delivery = (await gateway.call("GET", "/api/v1/deliveries", token=token)).json()["items"][0]["id"]
    path = f"/api/v1/deliveries/{delivery}"
    early = await gateway.call("POST", f"{path}/dismiss", token=token, json={})
    assert (early.status, early.json()["code"]) == (409, "conflict")
    failed = outbox.move(delivery, 0, "sent", "failed", gateway.parts.clock.now(), error="blocked")
    await gateway.parts.store.commit(operation("settle", failed))
    key = {"Idempotency-Key": "leave-it"}
    for _ in range(2):  # the answer is kept: done once
        said = await gateway.call("POST", f"{path}/dismiss", token=token, json={"reason": "seen"}, headers=key)
        assert (said.status, said.json()) == (200, {"id": delivery, "parts": 1})
    shown = (await gateway.call("GET", path, token=token)).json()
    assert (shown["delivery"]["id"], shown["delivery"]["state"]) == (delivery, "dismissed")
    assert [(one["n"], one["state"], one["error"]) for one in shown["parts"]] == [(0, "dismissed", "blocked")]
    for state, ids in (("failed", []), ("dismissed", [delivery])):
        found = await gateway.call("GET", f"/api/v1/deliveries?state={state}", token=token)
        assert [one["id"] for one in found.json()["items"]] == ids
    recorded = await gateway.call("GET", "/api/v1/audit?type=change.delivery.dismiss", token=token)
    assert [one["resource"] for one in recorded.json()["items"]] == [delivery]
    missing = await gateway.call("GET", "/api/v1/deliveries/dlv_9", token=token)
    assert (missing.status, missing.json()["code"]) == (404, "not_found")


async def test_a_message_that_failed_is_tried_again(gateway: Running) -> None:
    token = await gateway.token("chat", "read", "operate")
    session = await begin(gateway, token)
    inbox_id = (await write(gateway, token, session, "hello"))["inbox_id"]
    await answered(gateway, token, session, 1)
    path = f"/api/v1/inbox/{inbox_id}/retry"
    early = await gateway.call("POST", path, token=token, json={})
    assert (early.status, early.json()["code"]) == (409, "conflict")
    failed = Statement("inbox.fail", "UPDATE inbox SET outcome = 'failed' WHERE id = :id", {"id": inbox_id}, expect=1)
    await gateway.parts.store.commit(operation("settle", failed))
    key = {"Idempotency-Key": "once-more"}
    for _ in range(2):
        said = await gateway.call("POST", path, token=token, json={"reason": "it is back"}, headers=key)
        assert (said.status, said.json()["id"], said.json()["state"]) == (200, inbox_id, "waiting")
        assert said.json()["outcome"] is None
    await answered(gateway, token, session, 2)
    (row,) = (await gateway.call("GET", "/api/v1/inbox", token=token)).json()["items"]
    assert (row["id"], row["outcome"]) == (inbox_id, "answered")
