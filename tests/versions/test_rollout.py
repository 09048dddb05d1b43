"""Can a fleet go over to a later version while it works, with both versions on one database meanwhile?"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chaos.storm import Storm, Trouble, storm
from tests.chaos.troubles import AWAY_S
from tests.crash.configuration import SECRETS
from tests.crash.gateway import Gateway, GatewayFailed
from tests.postgresql import Cluster, own_postgresql
from tests.reading import Reader
from tests.versions.wheels import LATER, NAMES, build
from tests.waiting import slowly, until

__all__ = ["own_postgresql"]
pytestmark = pytest.mark.timeout(400)

ROOMS = 12
TOGETHER_S = 3.0  # for which both versions work and nothing befalls them
LONG = "look {n} [[tool time {}]] [[then]] [[delay 5]]"
HALF_DONE = (
    "SELECT t.id AS id FROM turns t JOIN sessions s ON s.tenant = t.tenant AND s.id = t.session_id"
    " JOIN processes p ON p.id = s.owner JOIN steps w ON w.tenant = t.tenant AND w.turn_id = t.id"
    " WHERE t.state = 'running' AND p.version = ? AND w.step = 'm1.t0'"
)
"""Turns that a process of some version runs and that have a tool's result in their journal."""
HOLDS = (
    "SELECT p.id AS id FROM leases l JOIN processes p ON p.id = l.process"
    " WHERE l.name = 'connection:loop' AND p.version = ?"
)
WENT_ON = (
    "SELECT t.id AS id FROM turns t WHERE t.state = 'ended' AND t.outcome = 'answered' AND EXISTS"
    " (SELECT 1 FROM steps w WHERE w.tenant = t.tenant AND w.turn_id = t.id AND w.form IS NULL)"
)
"""Turns that were answered, and to whose journal this version has written."""
FORMS = "SELECT turn_id, form FROM steps ORDER BY created_at"
TURNS = "SELECT id, session_id FROM turns"
VERSIONS = "SELECT DISTINCT version FROM processes"
MOODS = "SELECT COUNT(*) AS n FROM events WHERE kind = 'turn.mood'"


class Rollout:
    """What happens to a fleet of this version, until it is all of the later one."""

    def __init__(self, this: Path, that: Path) -> None:
        self._this = this
        self._that = that
        self.taken_over: list[str] = []
        self.mixed: list[str] = []

    async def happen(self, storm: Storm) -> None:
        """One process after the other; between them each version is killed in the midst of turns."""
        old, older, new = storm.fleet.gateways
        reader = Reader(storm.database)
        try:
            new.install(self._that)
            assert await _migrated(new) == (0, ["applied", "later"]), "the old ones serve meanwhile"
            await new.stop(last=False)
            await new.ready()
            await slowly(TOGETHER_S)
            assert (await new.command("migrate", "--contract"))[0] == 3, "older ones live"
            older.down = 2 * AWAY_S  # so long the new one is alone, and has all
            await asyncio.gather(old.kill(down=2 * AWAY_S), older.stop(last=False))
            older.down = 0.0
            await until(lambda: reader.rows(HOLDS, (LATER,)), AWAY_S, "the connection at the new one")
            await storm.fleet.ready()  # they begin again, on a schema that they have never heard of
            self.taken_over += await _killed_half_way(storm, reader, new, LATER)
            await slowly(TOGETHER_S)
            self.mixed = _mixed(reader)
            for gateway in (old, older):
                gateway.install(self._that)
                await gateway.stop(last=False)
                await gateway.ready()
            assert await _migrated(new, "--contract") == (0, ["applied", "applied"])
            await slowly(TOGETHER_S)
            await self._too_old(storm, old)
            assert {row["version"] for row in reader.rows(VERSIONS, ())} >= {LATER}
            assert reader.rows(MOODS, ())[0]["n"] > 0
        finally:
            await asyncio.to_thread(reader.close)

    async def _too_old(self, storm: Storm, like: Gateway) -> None:
        """Nobody of this version gets in any more."""
        home = like.data.parent.parent / "late"
        home.mkdir()
        (home / "config.toml").write_text((like.data.parent / "config.toml").read_text())
        late = Gateway(home, SECRETS, (), None)
        late.install(self._this)
        with pytest.raises(GatewayFailed, match=r"ended with 4:[^$]*install the newer version"):
            await asyncio.wait_for(late.keep(), 30)


@pytest.mark.proves("M1", "M2", "M3", "R3")
def test_a_fleet_goes_over_to_a_later_version_while_it_works(postgresql: Cluster, tmp_path: Path) -> None:
    this, that = build(tmp_path)
    rollout = Rollout(this, that)

    async def happen(here: Storm) -> None:
        await rollout.happen(here)

    outcome = asyncio.run(storm(Trouble(happen, site=this), postgresql, tmp_path / "rollout", "0 rollout"))
    assert outcome.fine, str(outcome)
    assert rollout.taken_over, "this version went on with turns of the later one, from its journal"
    assert rollout.mixed, "both have taken turns of the same conversations"


async def _migrated(gateway: Gateway, *more: str) -> tuple[int, Sequence[str]]:
    """The exit status, and the states of what is planted."""
    code, printed = await gateway.command("migrate", *more)
    rows = [json.loads(line) for line in printed.splitlines()]
    return code, [row["state"] for row in rows if row["id"] in NAMES]


async def _killed_half_way(storm: Storm, reader: Reader, gateway: Gateway, version: str) -> list[str]:
    """Kill it when it has turns with a journal; those of them that the others have gone on with and answered."""
    for room in range(ROOMS):
        storm.here.say(LONG, room=f"half{room}")
    had = await until(lambda: {row["id"] for row in reader.rows(HALF_DONE, (version,))}, 30, "turns that are half done")
    await gateway.kill(down=2 * AWAY_S)
    return await until(lambda: [row["id"] for row in reader.rows(WENT_ON, ()) if row["id"] in had], 30, "their answers")


def _mixed(reader: Reader) -> list[str]:
    """Sessions of which this version has taken a turn after the later one had taken one."""
    session = {row["id"]: row["session_id"] for row in reader.rows(TURNS, ())}
    later, found = set[str](), list[str]()
    for row in reader.rows(FORMS, ()):
        if row["form"] is not None:
            later.add(session[row["turn_id"]])
        elif session[row["turn_id"]] in later:
            found.append(session[row["turn_id"]])
    return found
