"""`quarterdeck chat`: talk to an assistant from a terminal.

Ctrl-C stops the running turn; a second one, or one at the prompt, leaves. Where the output is not a terminal, or a
text was given, only the answer is printed.
"""

import argparse
import importlib
import select
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from quarterdeck.api.control.wire import FAILED
from quarterdeck.cli.command import Command
from quarterdeck.cli.control import Line, Open, gateway
from quarterdeck.cli.screen import GOOD, Exchange, Plain, Screen, Shown
from quarterdeck.cli.settings import load

LOOK_SECONDS = 0.1
NEW_FOLDER = "what is said here is kept in the new folder {folder}; --config or QUARTERDECK_DATA_DIR names another"


def chat(command: Command, given: argparse.Namespace) -> int:
    """One answer, or a conversation until the end of the input."""
    talking = not given.text and sys.stdin.isatty()
    said = given.text or ("" if talking else sys.stdin.read().strip())
    if not talking and not said:
        print("quarterdeck: there is nothing to say; give a text", file=sys.stderr)
        return 2
    if given.url:
        from quarterdeck.cli.chat_elsewhere import exchanging

        exchange = exchanging(given)
    else:
        loaded = load(given.config)
        if not Path(loaded.config.data_dir).exists():
            print(f"quarterdeck: {NEW_FOLDER.format(folder=loaded.config.data_dir)}", file=sys.stderr)
        with gateway(loaded, serving=True, wired=True) as opened:
            ask = {"room": given.room, "assistant": given.assistant}
            return _run(partial(_exchange, opened, ask), said, given, talking=talking)
    return _run(exchange, said, given, talking=talking)


def _run(exchange: Exchange, said: str, given: argparse.Namespace, *, talking: bool) -> int:
    return _talk(exchange) if talking else exchange(said, Plain(as_json=given.json))


def _talk(exchange: Exchange) -> int:
    importlib.import_module("readline")  # gives `input` editing and history

    print("Ctrl-C stops an answer, Ctrl-D leaves; /help lists commands.")
    while True:
        try:
            said = input("you> ").strip()
            if said:
                exchange(said, Screen())
        except (EOFError, KeyboardInterrupt):
            print()
            return 0


def _exchange(opened: Open, ask: dict[str, str], said: str, out: Shown) -> int:
    """Say one thing and show all that comes of it; the exit status. A second Ctrl-C raises KeyboardInterrupt."""
    outcome, told = "", 0
    with _presses() as pressed, opened() as peer:
        line = Line(peer, "chat", {**ask, "text": said})
        while True:
            if not line.buffered and not select.select([line], [], [], LOOK_SECONDS)[0]:
                if len(pressed) > told:
                    told = len(pressed)
                    _stop(opened, ask, told)
                continue
            row = line.next()
            if row is None:
                return 0 if outcome in GOOD else FAILED
            out.row(row)
            outcome = str(row.get("outcome", ""))


def _stop(opened: Open, ask: dict[str, str], presses: int) -> None:
    if presses > 1:
        raise KeyboardInterrupt
    with opened() as peer:
        for _ in Line(peer, "chat stop", ask).rows():
            pass


@contextmanager
def _presses() -> Generator[list[int]]:
    """Ctrl-C is counted instead of breaking off whatever is being done."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
