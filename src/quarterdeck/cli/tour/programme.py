"""`quarterdeck tour`: which scenes are there, in which order, and how does the command end?"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from quarterdeck.base.errors import BadInput
from quarterdeck.cli.command import Command
from quarterdeck.cli.tour import deaf, kill, proof, takeover
from quarterdeck.cli.tour.account import Account, Paper, paper
from quarterdeck.cli.tour.stage import Stage, StageFailed, stage

REAL = "the gateway (`quarterdeck up`, a process of its own), its database, the kill, the alerts, the verifier"
STAND_INS = (
    "the messengers (small programs on this machine, with logs of their own) and the model (a script that talks slowly)"
)
STOPPED = "quarterdeck: the tour was stopped; nothing of it is left"

Play = Callable[[Stage, Account], None]


def tour(command: Command, given: argparse.Namespace) -> int:
    """Play every scene; 1 when a claim failed. It needs no configuration and touches none."""
    if given.database and not given.database.startswith("postgresql://"):
        raise BadInput("--database", "this is no address of a PostgreSQL", "Give one that begins with postgresql://")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    shown = None if given.json else paper()
    folder = Path(tempfile.mkdtemp(prefix="quarterdeck-tour-"))
    begun, held, keep = time.monotonic(), False, True
    try:
        if shown:
            _welcome(shown, given.sabotage, 4 if given.database else 3)
        with stage(folder, swallow=int(given.sabotage == "kill")) as made:
            held = _play(made, shown, scenes(given.sabotage, given.database))
        keep = not held
    except KeyboardInterrupt:
        keep = False
        print(STOPPED, file=sys.stderr)
        raise
    finally:
        if keep:
            print(f"quarterdeck: what happened is in {folder}; remove it when you have looked", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    if shown:
        _farewell(shown, held, given.sabotage, time.monotonic() - begun)
    return 0 if held else 1


def scenes(sabotage: str | None, server: str | None) -> Sequence[tuple[str, str, Play]]:
    """Name, claim and play of each scene, in their order; `server` is a PostgreSQL that may be used."""
    return (
        ("kill", kill.CLAIM, kill.kill),
        *((("takeover", takeover.CLAIM, partial(takeover.takeover, server=server)),) if server else ()),
        ("deaf", deaf.CLAIM, partial(deaf.deaf, swallow_it=sabotage == "deaf")),
        ("proof", proof.CLAIM, partial(proof.proof, leave_it=sabotage == "proof")),
    )


def _play(made: Stage, shown: Paper | None, programme: Sequence[tuple[str, str, Play]]) -> bool:
    """Every scene, also after one that failed; whether all claims held."""
    held = True
    for number, (name, claim, play) in enumerate(programme, 1):
        if shown:
            shown.title(f"{number}. {name.capitalize()}")
            shown.line("Claim", claim)
        account = Account(name, claim, shown.line if shown else _silent)
        try:
            play(made, account)
        except StageFailed as error:
            account.hold(False, f"It could not be shown: {error}.")
        if shown:
            shown.verdict(account.held)
        else:
            print(account.as_json(), flush=True)
        held = held and account.held
    return held


def _welcome(shown: Paper, sabotage: str | None, claims: int) -> None:
    number = "four" if claims == 4 else "three"
    shown.title(f"Quarterdeck tour: {number} claims, tried on this machine. A minute, no key, no network.")
    print()
    shown.line("Real", REAL)
    shown.line("Stand-in", STAND_INS)
    if sabotage:
        shown.line("Spoiled", f"the scene {sabotage}, on purpose (--sabotage): its claim has to fail")


def _farewell(shown: Paper, held: bool, sabotage: str | None, seconds: float) -> None:
    said = "Every claim held" if held else "Not every claim held"
    if sabotage:
        said += f", although {sabotage} was spoiled" if held else f", and {sabotage} was spoiled on purpose"
    shown.title(f"{said}. The tour took {seconds:.0f} s.")


def _silent(label: str, text: str) -> None:
    """Nothing is said before the end."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Being told to end is like a Ctrl-C: the children are ended, the folder is removed."""
    raise KeyboardInterrupt
