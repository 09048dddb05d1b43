"""Idempotency keys: the same request under the same key is done once and answered alike, another one is refused."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from quarterdeck.store import answers
from quarterdeck.store.answers import KEPT_SECONDS
from quarterdeck.store.operations import operation
from tests.doors.running import Answer, Running
from tests.doors.test_api_sessions import begin
from tests.gateway_database import everything

KEY = "5a0d9c1e-64a1-4b6f-9c55-2f0a3ad7a001"


async def post(gateway: Running, path: str, token: str, body: Any, key: str = KEY, **more: str) -> Answer:
    sent = {"data": body} if isinstance(body, bytes) else {"json": body}
    return await gateway.call("POST", path, token=token, headers={"Idempotency-Key": key, **more}, **sent)


async def count(gateway: Running, table: str) -> int:
    return int((await gateway.parts.store.fetch(f"SELECT COUNT(*) FROM {table}", {}))[0][0] or 0)


CASES = [
    ("/api/v1/sessions", {"title": "One"}, {"title": "Two"}, "sessions"),
    ("/api/v1/tokens", {"name": "one", "scopes": ["chat"]}, {"name": "two", "scopes": ["chat"]}, "tokens"),
    ("/api/v1/blobs", b"one", b"two", "uploads"),
]


@pytest.mark.parametrize(("path", "body", "other", "table"), CASES)
async def test_once_under_a_key(gateway: Running, path: str, body: Any, other: Any, table: str) -> None:
    token = await gateway.token("admin")
    before = await count(gateway, table)
    first = await post(gateway, path, token, body)
    again = await post(gateway, path, token, body)
    assert first.status == again.status == 201
    assert first.body == again.body
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert await count(gateway, table) == before + 1
    refused = await post(gateway, path, token, other)
    assert (refused.status, refused.json()["code"]) == (409, "key_reused")
    assert (await post(gateway, path, token, other, KEY + "2")).status == 201
    assert await count(gateway, table) == before + 2


@pytest.mark.parametrize(("path", "body", "other", "table"), CASES)
async def test_many_at_once_under_a_key_are_one(gateway: Running, path: str, body: Any, other: Any, table: str) -> None:
    token = await gateway.token("admin")
    before = await count(gateway, table)
    answers = await asyncio.gather(*(post(gateway, path, token, body) for _ in range(12)))
    assert {one.status for one in answers} == {201}
    assert len({one.body for one in answers}) == 1
    assert await count(gateway, table) == before + 1
    assert sum("idempotency-replayed" not in one.headers for one in answers) == 1


async def test_a_key_belongs_to_one_asker_and_one_address(gateway: Running) -> None:
    one, two = await gateway.token("chat"), await gateway.token("chat")
    first = await post(gateway, "/api/v1/sessions", one, {})
    assert (await post(gateway, "/api/v1/sessions", two, {})).json()["id"] != first.json()["id"]
    assert (await post(gateway, "/api/v1/blobs", one, b"x")).status == 201


async def test_what_was_refused_may_be_tried_again_under_its_key(gateway: Running) -> None:
    token = await gateway.token("chat")
    assert (await post(gateway, "/api/v1/sessions", token, {"assistant": "nobody"})).status == 404
    assert (await post(gateway, "/api/v1/sessions", token, {})).status == 201


async def test_a_tokens_text_is_in_no_database(gateway: Running) -> None:
    admin = await gateway.token("admin")
    short = await post(gateway, "/api/v1/tokens", admin, {"name": "a", "scopes": ["chat"]}, "short")
    assert (short.status, short.json()["field"]) == (400, "Idempotency-Key")
    made = await post(gateway, "/api/v1/tokens", admin, {"name": "a", "scopes": ["chat"]})
    turned = await post(gateway, f"/api/v1/tokens/{made.json()['id']}/rotate", admin, {})
    again = await post(gateway, f"/api/v1/tokens/{made.json()['id']}/rotate", admin, {})
    assert turned.status == 200
    assert turned.body == again.body
    database = everything(gateway.parts.data.root.parent)
    for secret in (made.json()["token"], turned.json()["token"], KEY):
        assert secret.encode() not in database


async def test_old_answers_go(gateway: Running) -> None:
    token = await gateway.token("chat")
    for n in range(3):
        await post(gateway, "/api/v1/sessions", token, {}, f"k{n}")
    first = await gateway.parts.store.fetch("SELECT MIN(created_at) FROM kept_answers", {})
    assert KEPT_SECONDS >= 24 * 3600
    drop = answers.drop_old(float(first[0][0] or 0) + KEPT_SECONDS)
    await gateway.parts.store.commit(operation("session", drop))
    assert await count(gateway, "kept_answers") == 3
    drop = answers.drop_old(float(first[0][0] or 0) + KEPT_SECONDS + 60)
    await gateway.parts.store.commit(operation("session", drop))
    assert await count(gateway, "kept_answers") == 0


@pytest.mark.parametrize(
    "change", [{"text": "other"}, {"attachments": []}, {"mode": "steer"}, {"attachments": ["", ""]}]
)
async def test_a_messages_key_is_for_that_message(gateway: Running, change: Mapping[str, Any]) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    digest = (await gateway.call("POST", "/api/v1/blobs", token=token, data=b"x")).json()["digest"]
    if "attachments" in change:
        change = {"attachments": [digest for _ in change["attachments"]]}
    body = {"text": "hello", "attachments": [digest], "mode": "followup"}
    path = f"/api/v1/sessions/{session}/messages"
    assert (await post(gateway, path, token, body)).json()["state"] == "accepted"
    assert (await post(gateway, path, token, body)).json()["state"] == "duplicate"
    refused = await post(gateway, path, token, {**body, **change})
    assert (refused.status, refused.json()["code"]) == (409, "key_reused")
    assert refused.json()["next_step"].startswith("Take a new key")


async def test_stop_and_reset_under_a_key(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    session = await begin(gateway, token)
    path = f"/api/v1/sessions/{session}"
    for what in ("stop", "reset"):
        first = (await post(gateway, f"{path}/{what}", token, {}, "k")).json()
        again = (await post(gateway, f"{path}/{what}", token, {}, "k")).json()
        assert (first["state"], again["state"], again["inbox_id"]) == ("accepted", "duplicate", first["inbox_id"])
