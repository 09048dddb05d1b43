"""Files up and down, and how they are kept from running in a browser."""

import hashlib
import io

from tests.doors.running import Running
from tests.doors.test_api_sessions import answered, begin, write

EVIL = b"<script>alert(1)</script>"


async def test_a_file_goes_up_into_a_message_and_down(gateway: Running) -> None:
    token = await gateway.token("chat", "read")
    headers = {"Content-Type": "text/html", "X-File-Name": "a%20b.html"}
    up = await gateway.call("POST", "/api/v1/blobs", token=token, data=EVIL, headers=headers)
    digest = hashlib.sha256(EVIL).hexdigest()
    assert (up.status, up.json()) == (
        201,
        {"digest": digest, "size": len(EVIL), "mime": "text/html", "name": "a b.html"},
    )
    down = await gateway.call("GET", f"/api/v1/blobs/{digest}", token=token)
    assert (down.status, down.body) == (200, EVIL)
    assert down.headers["content-disposition"].startswith("attachment")
    assert down.headers["x-content-type-options"] == "nosniff"
    assert down.headers["content-security-policy"] == "sandbox; default-src 'none'"
    session = await begin(gateway, token)
    await write(gateway, token, session, "see", attachments=[digest, {"digest": digest, "name": "b.html"}])
    files = (await answered(gateway, token, session, 1))[0]["attachments"]
    assert [(one["name"], one["digest"], one["size"]) for one in files] == [
        (digest[:12], digest, len(EVIL)),
        ("b.html", digest, len(EVIL)),
    ]
    leaves = await gateway.parts.store.fetch("SELECT leaf FROM audit", {})
    assert sum(b"change.blob.stored" in leaf for (leaf,) in leaves if isinstance(leaf, bytes)) == 1


async def test_a_file_that_is_not_there(gateway: Running) -> None:
    token = await gateway.token("read")
    assert (await gateway.call("GET", f"/api/v1/blobs/{'0' * 64}", token=token)).status == 404
    assert (await gateway.call("GET", "/api/v1/blobs/..%2f..%2fquarterdeck.db", token=token)).status == 404


async def test_a_strange_type_is_bytes(gateway: Running) -> None:
    token = await gateway.token("chat")
    for sent in ("", "text", "text/html\u00e9", "x" * 300):
        up = await gateway.call("POST", "/api/v1/blobs", token=token, data=b"x", headers={"Content-Type": sent})
        assert (up.status, up.json()["mime"]) == (201, "application/octet-stream")


async def test_a_file_that_is_too_large(gateway: Running) -> None:
    token = await gateway.token("chat")
    size = 20 * 1024 * 1024
    said = await gateway.call("POST", "/api/v1/blobs", token=token, data=io.BytesIO(b"x" * (size + 1)))
    assert (said.status, said.json()["code"]) == (413, "too_large")
    fits = await gateway.call("POST", "/api/v1/blobs", token=token, data=io.BytesIO(b"x" * size))
    assert (fits.status, fits.json()["size"]) == (201, size)
    files = {path.name for path in gateway.parts.data.blobs.rglob("*") if path.is_file()}
    rows = {str(row[0]) for row in await gateway.parts.store.fetch("SELECT digest FROM blob_parts", {})}
    assert files | rows == {fits.json()["digest"]}


async def test_who_only_chats_attaches_only_its_own_files(gateway: Running) -> None:
    one, two = await gateway.token("chat"), await gateway.token("chat")
    digest = (await gateway.call("POST", "/api/v1/blobs", token=one, data=b"secret")).json()["digest"]
    session = await begin(gateway, two)
    path, body = f"/api/v1/sessions/{session}/messages", {"text": "see", "attachments": [digest]}
    refused = await gateway.call("POST", path, token=two, json=body)
    unknown = await gateway.call("POST", path, token=two, json={**body, "attachments": ["0" * 64]})
    assert (refused.status, refused.json()["field"]) == (400, "attachments")
    assert refused.body.replace(digest.encode(), b"") == unknown.body.replace(b"0" * 64, b"")
    await write(gateway, one, await begin(gateway, one), "see", attachments=[digest])
    reader = await gateway.token("chat", "read")
    await write(gateway, reader, await begin(gateway, reader), "see", attachments=[digest])
    again = await gateway.call("POST", "/api/v1/blobs", token=two, data=b"secret")
    assert again.json()["digest"] == digest
    await write(gateway, two, session, "see", attachments=[digest])
