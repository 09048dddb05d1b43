"""Does the tour hold its claims on this machine, notice a broken one, and leave nothing behind?"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import asyncpg
import pytest

from quarterdeck.cli.tour.chatlog import Line, look
from quarterdeck.cli.tour.kill import wait_for_all
from quarterdeck.cli.tour.stage import Stage
from quarterdeck.providers.scripted.provider import HELP
from tests.postgresql import Cluster
from tests.standins import ROOT
from tests.waiting import until

pytestmark = pytest.mark.own_database
TOUR_SECONDS = 180.0
MARK = "(This may be a repeat.)\n"


@dataclass(frozen=True)
class Toured:
    code: int
    out: str
    err: str
    seconds: float

    @property
    def scenes(self) -> dict[str, dict]:
        return {scene["id"]: scene for scene in map(json.loads, self.out.splitlines())}


class Tour:
    """One run of the command in a folder of its own, which is where its temporary folder is made, too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def left(self) -> list[Path]:
        return list(self.folder.glob("quarterdeck-tour-*"))

    @property
    def gateways(self) -> list[Path]:
        return list(self.folder.glob("quarterdeck-tour-*/data/runtime.json"))

    async def run(self, *words: str, columns: int = 80) -> Toured:
        begun = time.monotonic()
        async with self.process(*words, columns=columns) as process, asyncio.timeout(TOUR_SECONDS):
            code = await process.wait()
        out, err = ((self.folder / name).read_text() for name in ("out", "err"))
        return Toured(code, out, err, time.monotonic() - begun)

    @asynccontextmanager
    async def process(self, *words: str, columns: int = 80) -> AsyncIterator[asyncio.subprocess.Process]:
        more = {"TMPDIR": str(self.folder), "COLUMNS": str(columns), "PYTHONPATH": str(ROOT / "src")}
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "quarterdeck", "tour", *words),
                cwd=self.folder,
                env=dict(os.environ) | more,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()  # it ends its children
                async with asyncio.timeout(20):
                    await process.wait()


@pytest.fixture
def tour(tmp_path: Path) -> Tour:
    return Tour(tmp_path)


@pytest.mark.timeout(240)
@pytest.mark.proves("tour.kill", "tour.takeover", "tour.deaf", "tour.proof")
async def test_every_claim_holds(tour: Tour, postgresql: Cluster) -> None:
    done = await tour.run("--json", "--database", postgresql.url("postgres"))
    assert done.code == 0, done.out + done.err
    assert done.seconds < TOUR_SECONDS
    kill, proof = done.scenes["kill"], done.scenes["proof"]
    assert kill["state"] == proof["state"] == "held"
    facts = kill["facts"]
    assert (facts["messages"], facts["answered"]) == (40, 40)
    assert (facts["lost"], facts["doubled"], facts["disordered"]) == (0, 0, 0)
    assert facts["half_written"] > 0
    assert 0 < facts["answered_before"] < 40
    assert facts["half_written"] - facts["marked_repeats"] <= facts["completed_in_place"] <= facts["half_written"]
    assert 0 < kill["seconds"] < done.seconds
    takeover = done.scenes["takeover"]
    assert takeover["state"] == "held", takeover
    facts = takeover["facts"]
    assert (facts["answered"], facts["lost"], facts["doubled"], facts["disordered"]) == (40, 0, 0, 0)
    assert facts["half_written"] > 0
    assert "quarterdeck_tour" not in str(await databases(postgresql))
    deaf = done.scenes["deaf"]
    assert deaf["state"] == "held", deaf
    for rule in ("connection_deaf", "connection_unauthorised"):
        assert 0 < deaf["facts"][f"{rule}_seconds"] < 60
        assert 3 <= deaf["facts"][f"{rule}_over_seconds"] < 60
    assert deaf["facts"]["answered_after_silence"]
    assert proof["facts"]["entries"] > 100
    assert proof["facts"]["named"] == str(proof["facts"]["changed_entry"])
    assert not tour.left


@pytest.mark.timeout(240)
async def test_a_swallowed_answer_fails_the_tour(tour: Tour) -> None:
    done = await tour.run("--json", "--sabotage", "kill")
    assert done.code == 1
    assert set(done.scenes) == {"kill", "deaf", "proof"}, done.err
    kill = done.scenes["kill"]
    assert kill["state"] == "failed"
    assert kill["facts"]["lost"] == 1
    assert kill["failures"] == ["Messages without an answer: 1."]
    assert done.scenes["proof"]["state"] == "held"
    (kept,) = tour.left
    assert str(kept) in done.err


@pytest.mark.timeout(240)
async def test_an_alert_that_nobody_sees_fails_the_tour(tour: Tour) -> None:
    done = await tour.run("--json", "--sabotage", "deaf")
    assert done.code == 1
    assert {name: scene["state"] for name, scene in done.scenes.items()} == {
        "kill": "held",
        "deaf": "failed",
        "proof": "held",
    }
    assert "The operator's room shows no alert connection_deaf." in done.scenes["deaf"]["failures"]
    (kept,) = tour.left
    alerts = [line for line in (kept / "desk.log").read_text().splitlines() if "ALERT" in line]
    assert not alerts  # by the messenger's own log


@pytest.mark.timeout(240)
async def test_a_change_that_is_not_named_fails_the_tour(tour: Tour) -> None:
    """The verifier is given an unchanged copy. And what people read fits a narrow terminal, without colours."""
    done = await tour.run("--sabotage", "proof", columns=60)
    assert done.code == 1
    assert done.out.count("The claim held.") == 2
    assert done.out.count("THE CLAIM FAILED.") == 1
    assert "The verifier did not notice the change." in done.out
    assert "the scene proof, on purpose" in done.out
    assert "Not every claim held, and proof was spoiled on" in done.out
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 60
    (kept,) = tour.left
    assert counted(kept / "messenger.log") == (42, 42)  # the other scenes told the truth


async def databases(postgresql: Cluster) -> list[str]:
    connection = await asyncpg.connect(postgresql.url("postgres"))
    try:
        return [row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")]
    finally:
        await connection.close()


@pytest.mark.timeout(240)
async def test_where_no_database_can_be_made_the_scene_fails_and_the_others_go_on(tour: Tour) -> None:
    done = await tour.run("--json", "--database", "postgresql://nobody@127.0.0.1:9/postgres")
    assert done.code == 1
    assert {name: scene["state"] for name, scene in done.scenes.items()} == {
        "kill": "held",
        "takeover": "failed",
        "deaf": "held",
        "proof": "held",
    }
    assert "the database does not do what the scene needs" in done.scenes["takeover"]["failures"][0]


def counted(log: Path) -> tuple[int, int]:
    """Counted by other means than the tour's: (messages that people wrote, those with one complete answer)."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    shown = {line["id"]: line["text"] for line in lines if line["what"] in ("sent", "edited")}
    ends = [text for text in shown.values() if text.endswith("and start again.")]
    asked = [line["text"] for line in lines if line["what"] == "wrote"]
    return len(asked), sum(sum(question in text for text in ends) == 1 for question in asked)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_stopped_tour_leaves_nothing_behind(tour: Tour, number: signal.Signals) -> None:
    async with tour.process() as process:

        def both() -> list[int]:
            """The messenger and the gateway; the tour kills that one now and then."""
            assert process.returncode is None, (tour.folder / "err").read_text()
            children = children_of(process.pid)
            return children if tour.gateways and len(children) == 2 else []

        children = await until(both, 60, "a gateway and its messenger")
        process.send_signal(number)
        async with asyncio.timeout(20):
            assert await process.wait() == 130
    assert not tour.left
    assert not any(runs(pid) for pid in children)
    assert "nothing of it is left" in (tour.folder / "err").read_text()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


# -- how long the tour waits -----------------------------------------------------------------------------------


class Restarted:
    """A messenger on which nothing was written while its gateway started again; the answer comes after a while."""

    def __init__(self) -> None:
        self.messenger = self
        self.looks = 0

    def lines(self) -> list[Line]:
        self.looks += 1
        long_ago = time.monotonic() - 60
        asked, answered = (
            Line(long_ago, "wrote", "r", "a", "one"),
            Line(long_ago, "sent", "r", "1", f"You said: one\n\n{HELP}"),
        )
        return [asked, answered] if self.looks > 10 else [asked]


def test_the_time_that_a_start_took_is_not_held_against_the_answers() -> None:
    messenger = Restarted()
    wait_for_all(cast(Stage, messenger))
    assert messenger.looks > 10


# -- what the tour concludes from a log ----------------------------------------------------------------------


def said(*lines: tuple[str, str, str]) -> tuple[int, int, int, int, int]:
    """(lost, doubled, repeats, disordered, stray) of a room with these lines; the answer to x is x!."""
    log = [Line(float(n), what, "r", native, text) for n, (what, native, text) in enumerate(lines)]
    seen = look(log, lambda text: f"Re: {text}!", MARK)
    return seen.lost, seen.doubled, seen.repeats, seen.disordered, seen.stray


A, B = ("wrote", "a", "one"), ("wrote", "b", "two")


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((A, ("sent", "1", "Re: one!")), (0, 0, 0, 0, 0)),
        ((A, ("sent", "1", "Re:"), ("edited", "1", "Re: one!")), (0, 0, 0, 0, 0)),
        ((A, B, ("sent", "1", "Re: one!")), (1, 0, 0, 0, 0)),
        ((A, ("sent", "1", "Re:")), (1, 0, 0, 0, 0)),
        ((A, ("sent", "1", "Re: one!"), ("sent", "2", "Re: one!")), (0, 1, 0, 0, 0)),
        ((A, ("sent", "1", "Re: one!"), ("sent", "2", MARK + "Re: one!")), (0, 0, 1, 0, 0)),
        ((A, ("sent", "1", "Re: o"), ("sent", "2", MARK + "Re: one!")), (0, 0, 1, 0, 0)),
        ((A, ("sent", "1", "Re: o"), ("sent", "2", "Re: one!")), (0, 1, 0, 0, 0)),
        ((A, B, ("sent", "1", "Re: one!"), ("sent", "2", "Re:"), ("sent", "3", MARK + "Re: two!")), (0, 0, 1, 0, 0)),
        ((A, B, ("sent", "1", "Re: two!"), ("sent", "2", "Re: one!")), (0, 0, 0, 1, 0)),
        ((A, ("sent", "1", "Re: one!"), ("sent", "2", "Something else")), (0, 0, 0, 0, 1)),
    ],
)
def test_a_log_is_judged(lines: tuple[tuple[str, str, str], ...], found: tuple[int, int, int, int, int]) -> None:
    assert said(*lines) == found
