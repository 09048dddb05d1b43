"""Who can go on with a schema that it has never heard of, on both databases, by the command?"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from quarterdeck.base.errors import NewerSchema
from quarterdeck.store.readers import check, is_contract, oldest_reader, to_apply
from tests.doors.commands import SCRIPTED, Desk
from tests.postgresql import Cluster
from tests.versions.wheels import NAMES, build

pytestmark = pytest.mark.timeout(300)  # a dozen commands, one after the other


class Version(Desk):
    """Commands of an installed version."""

    def __init__(self, folder: Path, site: Path) -> None:
        super().__init__(folder)
        self._site = str(site)

    def environ(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return super().environ(more) | {"PYTHONPATH": self._site}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(tmp_path_factory.mktemp("versions"))


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    """What `database` says; a server's database is empty."""
    if request.param == "sqlite":
        return "sqlite"
    cluster: Cluster = request.getfixturevalue("postgresql")
    return cluster.create()


async def test_this_version_goes_on_until_something_is_taken_away(
    address: str, tmp_path: Path, sites: tuple[Path, Path]
) -> None:
    this, that = (Version(tmp_path, site) for site in sites)
    this.write(f"database = {json.dumps(address)}\n" + SCRIPTED.format(model="scripted/echo"))
    assert (await this.run("chat", "one")).out == "You said: one\n"
    assert (await that.run("chat", "two")).out == "You said: two\n"
    assert await _states(that) == ["applied", "later"]
    assert (await this.run("chat", "three")).out == "You said: three\n"
    (session,) = await this.rows("sessions", "list")
    said = (await this.run("sessions", "show", str(session["id"]))).out
    assert all(word in said for word in ("one", "two", "three"))
    assert await _states(that, "--contract") == ["applied", "applied"]
    assert (await that.run("chat", "four")).out == "You said: four\n"
    refused = await this.run("chat", "five")
    assert refused.code == 4
    assert "needs a version with schema" in refused.err


async def _states(desk: Desk, *more: str) -> list[object]:
    return [row["state"] for row in await desk.rows("migrate", *more) if row["id"] in NAMES]


@pytest.mark.parametrize(
    ("first", "oldest", "waits"),
    [("-- expand", 0, False), ("-- contract 16", 16, True), ("-- What it holds.", 17, False)],
)
def test_the_first_line_says_who_goes_on(first: str, oldest: int, waits: bool) -> None:
    sql = f"{first}\nCREATE TABLE more (id TEXT);\n"
    assert (oldest_reader(17, sql), is_contract(sql)) == (oldest, waits)


@pytest.mark.parametrize(
    ("applied", "newest", "goes_on"),
    [
        ({15: 15}, 15, True),
        ({15: 15, 16: 0}, 15, True),
        ({15: 15, 16: 0, 17: 16}, 15, False),
        ({15: 15, 16: 0, 17: 16}, 16, True),
        ({15: 15, 16: 16}, 15, False),
        ({15: 15, 16: 16, 17: 0}, 15, False),
    ],
)
def test_a_version_goes_on_where_nothing_that_it_does_not_know_needs_a_newer_one(
    applied: dict[int, int], newest: int, goes_on: bool
) -> None:
    if goes_on:
        check(applied, newest)
    else:
        with pytest.raises(NewerSchema, match=rf"this one has {newest}"):
            check(applied, newest)


def test_a_contract_waits_unless_nobody_works_with_the_database_yet() -> None:
    one, two, three = (1, "core", ""), (2, "less", "-- contract 1\n"), (3, "more", "-- expand\n")
    assert to_apply([one, two, three], (), contract=False) == [one, two, three]
    assert to_apply([one, two, three], {1}, contract=False) == [three]
    assert to_apply([one, two, three], {1, 3}, contract=True) == [two]
