"""S6: does a turn cost the same with much behind it?"""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.cpu import per_turn
from bench.figures import Measured
from bench.lab import Lab
from bench.seeding import seed
from bench.world import world

FEW, SOME, MANY = 10, 1_000, 100_000
ROOMS = 8  # sessions that people write in; a few turns in each, so that short histories stay short
WARM_ROOM, WARM = 9999, 60


async def measure(lab: Lab) -> Measured:
    """Turns in sessions with short and long histories of one database, then in databases with few and many sessions."""
    turns = lab.count(8, quick=4)
    many = lab.count(MANY, quick=5_000)
    rooms = {size: range(100 * n, 100 * n + ROOMS) for n, size in enumerate((FEW, SOME, many))}
    past = {room: size for size, some in rooms.items() for room in some}
    history = await _costs(lab, "history", past, list(rooms.values()), turns)
    (few_known,) = await _costs(lab, "few", dict.fromkeys(range(FEW), 2), [range(FEW)], turns)
    (many_known,) = await _costs(lab, "many", dict.fromkeys(range(many), 2), [range(FEW)], turns)
    by_messages, by_sessions = max(history) / history[0], many_known / few_known
    values = {
        "CPU per turn, most over least": max(by_messages, by_sessions),
        "1,000 to 10 stored messages": history[1] / history[0],
        "100,000 to 10 stored messages": history[2] / history[0],
        "100,000 to 10 sessions": by_sessions,
        "CPU per turn, 10 stored messages": history[0],
        "CPU per turn, 1,000 stored messages": history[1],
        "CPU per turn, 100,000 stored messages": history[2],
        "CPU per turn, 10 sessions": few_known,
        "CPU per turn, 100,000 sessions": many_known,
    }
    return Measured(values, turns * ROOMS)


async def _costs(
    lab: Lab, name: str, past: Mapping[int, int], groups: Sequence[Sequence[int]], turns: int
) -> list[float]:
    """ms of CPU per turn in each group of rooms, over a copy of a database with this past.

    The groups come in another order in each round, so that what drifts does not always hit the same one. The first
    turn in each room is not measured: it sums up the long pasts, which no turn here had the occasion to do.
    """
    database = lab.folder(name) / "data" / "quarterdeck.db"
    await asyncio.to_thread(_database, lab.root / f"{name}.db", past, database)
    costs = [0.0] * len(groups)
    async with world(database.parent.parent) as here, here.gateway() as gateway:
        await here.talk([WARM_ROOM] * WARM)
        for place in range(len(groups)):
            n = (place + lab.round) % len(groups)
            await here.talk(groups[n])
            talk = [room for _ in range(turns) for room in groups[n]]
            costs[n] = 1000 * (await per_turn(gateway, len(talk), here.talk(talk))).total
    return costs


def _database(seeded: Path, past: Mapping[int, int], copy: Path) -> None:
    if not seeded.exists():
        seed(seeded, past)
    copy.parent.mkdir()
    shutil.copyfile(seeded, copy)
