"""Two gateways on one PostgreSQL: a file that one of them was given is given out and sent by the other."""

from pathlib import Path

import pytest

from tests.crash.configuration import SECRETS
from tests.doors.test_two_gateways import database, two
from tests.standins.loopback import TOKEN, Entry, Inject, LoopbackStandin, Person, Room, loopback_standin
from tests.waiting import until

__all__ = ["database"]

pytestmark = pytest.mark.timeout(120)

LOOP = """
tools = ["send_message"]
[connections.loop]
channel = "loopback"
api_root = "{url}"
token = {{ env = "LOOP_TOKEN" }}
file_bytes = 5000000
dm_policy = "open"
"""
TABLE = bytes(range(256)) * 6_000
"""More than one part of it fits into."""

SEND = '[[tool send_message {"connection": "loop", "room": "r1", "text": "here it is", "files": ["table.bin"]}]]'


def files(platform: LoopbackStandin) -> list[bytes]:
    """What the room was sent."""
    sent: list[Entry] = platform.messages("r1")
    return [platform.file(entry.file.id) for entry in sent if entry.file is not None]


def left_in(folder: Path) -> list[Path]:
    """Files that a gateway has kept for itself."""
    return [path for path in folder.glob("g*/data/blobs/**/*") if path.is_file()]


async def test_a_file_of_one_gateway_is_served_and_sent_by_the_other(database: str, tmp_path: Path) -> None:
    assert SECRETS["LOOP_TOKEN"] == TOKEN
    async with loopback_standin() as platform, two(tmp_path, database, LOOP.format(url=platform.url)) as both:
        platform.inject(Inject(room=Room("r1"), sender=Person("p1"), text="here I am"))
        await until(lambda: len(platform.messages("r1")) == 2, 20, "an answer")
        holder = both.holds("connection:loop")
        urls = [both.a, both.b]
        sender, other = urls[holder], urls[1 - holder]
        digest = await both.upload(other, TABLE, "table.bin")
        assert await both.download(sender, digest) == await both.download(other, digest) == TABLE
        session = await both.begin()
        message = {"text": f"pass it on {SEND}", "attachments": [{"digest": digest, "name": "table.bin"}]}
        await both.post(other, f"/api/v1/sessions/{session}/messages", message)
        await until(lambda: files(platform) == [TABLE], 20, "the file in the room")
        assert both.holds("connection:loop") == holder
        await until(lambda: not left_in(tmp_path), 20, "the end of what was open while it was sent")
