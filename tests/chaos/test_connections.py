"""Has a connection that allows one poller exactly one, whatever happens to the fleet? The platform's log says."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.chaos.storm import Storm, storm
from tests.postgresql import Cluster
from tests.waiting import slowly

pytestmark = [pytest.mark.timeout(400), pytest.mark.proves("R4", "channel.telegram")]


def test_one_process_polls_at_a_time(postgresql: Cluster, tmp_path: Path) -> None:
    statuses: list[int] = []

    async def trouble(here: Storm) -> None:
        for gateway in here.fleet.gateways:
            here.here.tell_bot("hello {n}")
            await slowly(1.0)
            await gateway.stop(last=False)
            await gateway.ready()
        for _ in range(2):
            here.here.tell_bot("still there? {n}")
            await here.chance.choice(here.fleet.gateways).kill(down=6.0)
            here.here.tell_bot("and now? {n}")
            await slowly(2.0)
        lines = [json.loads(line) for line in (here.here.folder / "telegram.jsonl").read_text().splitlines()]
        polls = {line["n"] for line in lines if line["event"] == "request" and line["method"].lower() == "getupdates"}
        statuses.extend(line["status"] for line in lines if line["event"] == "response" and line["request"] in polls)

    outcome = asyncio.run(storm(trouble, postgresql.create(), tmp_path / "bot", "0 bot", telegram=True))
    assert outcome.fine, str(outcome)
    assert 200 in statuses
    assert 409 not in statuses, "two have polled at once"
