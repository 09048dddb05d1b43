"""What does somebody else's tool find who asks everything that our document allows, and much that it does not?

schemathesis makes the requests: examples, values at every bound, and random ones from a fixed seed. It checks that
nothing fails inside, that every answer is one that the document describes, that wrong requests are refused and good
ones are not, and that no route answers without its proof of who asks.
"""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.doors.running import Running

SECONDS = 220.0
ENDLESS = ("session_events", "all_events")
"""Streams: their heads are tested with the events."""

CONFIG = """
[checks]
use_after_free.enabled = false                # of stateful runs
ensure_resource_availability.enabled = false
missing_required_header.expected-statuses = ["401", "428"]
object_level_authorization.enabled = false    # one asker; whose is whose is tested with the conversations
"""
JUDGED = "".join(  # well-formed, and still wrong: another model, file, connection, cursor or tag than there are
    f"""
[[operations]]
include-operation-id = "{name}"
[operations.checks]
positive_data_acceptance.enabled = false
"""
    for name in (
        "change_session",
        "create_token",
        "fork_session",
        "get_usage",
        "get_usage_csv",
        "link_people",
        "list_audit",
        "list_messages",
        "list_sessions",
        "pause_connection",
        "put_file",
        "resume_connection",
        "search",
        "test_connection",
        "unlink_people",
        "write_message",
    )
)
NATIVE = ("^/(api/v1/[a-d]|healthz|readyz)", "^/api/v1/[e-r]", "^/api/v1/[s-z]")
"""Their paths, in parts: each takes a while."""

EXCLUDED = [word for name in ENDLESS for word in ("--exclude-operation-id", name)]


async def fuzz(gateway: Running, folder: Path, token: str, *words: str) -> tuple[int, str]:
    """Run the tool; its exit status and what it said."""
    said, config = folder / "said.txt", folder / "schemathesis.toml"
    config.write_text(CONFIG + JUDGED)
    with said.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "schemathesis.cli",
                "--config-file",
                str(config),
                "run",
                f"{gateway.url}/api/v1/openapi.json",
            ),
            *("--header", f"Authorization: Bearer {token}", "--seed", "1"),
            *("--request-timeout", "20", "--no-color", *EXCLUDED, *words),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        try:
            async with asyncio.timeout(SECONDS):
                status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return status, said.read_text()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("paths", NATIVE)
async def test_the_native_routes_answer_as_described(gateway: Running, tmp_path: Path, paths: str) -> None:
    token = await gateway.token("admin", "chat")
    words = ("--include-path-regex", paths, "--phases", "examples,coverage,fuzzing", "--max-examples", "2")
    status, said = await fuzz(gateway, tmp_path, token, *words)
    assert status == 0, said


@pytest.mark.timeout(240)
async def test_the_routes_in_openais_words_do_not_fail_inside(gateway: Running, tmp_path: Path) -> None:
    checks = "not_a_server_error,content_type_conformance,response_schema_conformance,ignored_auth"
    words = ("--include-path-regex", "^/v1/", "--checks", checks, "--phases", "examples,fuzzing", "--max-examples", "5")
    status, said = await fuzz(gateway, tmp_path, await gateway.token("chat"), *words)
    assert status == 0, said
