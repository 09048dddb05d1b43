"""Two gateways on one PostgreSQL: an instruction file that is changed at one is in force at the other at once."""

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.doors.test_two_gateways import Two, database, two
from tests.waiting import until

__all__ = ["database"]

pytestmark = pytest.mark.timeout(120)

GUIDE = """
[assistants.guide]
model = "main/test"
introduce = false
workspace = "{folder}"
"""
FILE = "/api/v1/assistants/guide/files/AGENTS.md"


async def read(both: Two, url: str) -> tuple[str, dict[str, Any]]:
    """Its tag, and what is shown of it."""
    status, tag, shown = await both.guarded("GET", url, FILE, "*", None)
    assert status == 200, shown
    return tag, shown


async def write(both: Two, url: str, text: str, match: str = "*") -> tuple[int, dict[str, Any]]:
    status, _, shown = await both.guarded("PUT", url, FILE, match, {"text": text})
    return status, shown


async def in_force(both: Two, url: str, release: str) -> None:
    """Wait until a gateway answers by it."""

    async def there() -> bool:
        return bool((await read(both, url))[1]["release"] == release)

    await until(there, 10, "the new release at the other gateway")


async def texts(both: Two, url: str) -> list[str]:
    """Of all its versions, the oldest first."""
    _, _, listed = await both.guarded("GET", url, FILE + "/versions", "*", None)
    found = [await both.guarded("GET", url, f"{FILE}/versions/{one['id']}", "*", None) for one in listed["items"]]
    return [shown["text"] for _, _, shown in reversed(found)]


async def test_a_change_at_one_gateway_is_in_force_at_the_other(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "guide"
    folder.mkdir()
    on_disk = folder / "AGENTS.md"
    on_disk.write_text("As it came.\n")
    more = GUIDE.format(folder=folder)
    async with two(tmp_path, database, more, ("chat", "read", "operate")) as both:
        (tag, shown), at_b = await read(both, both.a), await read(both, both.b)
        assert (tag, shown) == at_b
        assert shown["text"] == "As it came.\n"

        times: list[float] = []
        for n in range(5):
            begun = time.monotonic()
            status, changed = await write(both, both.a, f"Be brief {n}.\n")
            assert status == 200
            assert (await read(both, both.b))[1]["text"] == f"Be brief {n}.\n"
            await in_force(both, both.b, changed["release"])
            times.append(time.monotonic() - begun)
        # It is told. By itself the other looks once a second, and each round but the first begins behind such a look.
        assert min(times[1:]) < 0.8, times
        assert (await write(both, both.b, "Unseen.\n", tag))[0] == 412

        for n in range(5):
            tag, _ = await read(both, both.a)
            raced = await asyncio.gather(*(write(both, url, f"{n} at {url}", tag) for url in (both.a, both.b)))
            assert sorted(status for status, _ in raced) == [200, 412]
        assert [len(await texts(both, url)) for url in (both.a, both.b)] == [11, 11]
        assert (await texts(both, both.b))[:2] == ["As it came.\n", "Be brief 0.\n"]
        assert on_disk.read_text() == "As it came.\n"
        assert "instructions.unheeded" not in both.fleet.said()

        on_disk.write_text("By an editor.\n")
        b = both.fleet.gateways[1]
        assert (await b.command("config", "reload"))[0] == 0
        (line,) = [line for line in b.said().splitlines() if "instructions.unheeded" in line]
        assert str(on_disk) in line
        assert (await read(both, both.b))[1]["text"] != "By an editor.\n"
        _, printed = await b.command("doctor")
        checks = [msgspec.json.decode(line) for line in printed.splitlines()]
        (found,) = [one for one in checks if one["id"] == "instructions guide/AGENTS.md"]
        assert found["state"] == "WARN"
        assert str(on_disk) in found["detail"]
