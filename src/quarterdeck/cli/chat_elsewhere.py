"""`quarterdeck chat --url URL`: the same conversation with a gateway on another machine, through its native API."""

import argparse
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from quarterdeck.api.control.wire import FAILED
from quarterdeck.base.errors import BadInput
from quarterdeck.cli.screen import GOOD, Exchange, Shown
from quarterdeck.client import Client, Grown, asks

VARIABLE = "QUARTERDECK_TOKEN"


def exchanging(given: argparse.Namespace) -> Exchange:
    """How to say something there. Raises BadInput without a token; ApiFailure and Unreachable while it is said."""
    client = Client(given.url, _token(given.token_file))
    session = given.session or client.send(asks.begin_session(given.assistant, title=given.room)).id
    if not given.session:
        print(f"quarterdeck: conversation {session}; --session goes on in it", file=sys.stderr)

    def exchange(said: str, out: Shown) -> int:
        with _stoppable(client, session):
            for one in client.stream(session, said):
                if isinstance(one, Grown):
                    out.row({"kind": "delta", "turn": session, "attempt": one.attempt, "text": one.text})
                else:
                    out.row({"kind": "answer", "text": one.text, "turn": one.turn})
                    inbox = one.receipt.inbox_id
                    out.row({"kind": "ended", "outcome": one.outcome, "turn": one.turn, "inbox": inbox})
                    return 0 if one.outcome in GOOD else FAILED
        return FAILED

    return exchange


def _token(file: str) -> str:
    token = Path(file).read_text().strip() if file else os.environ.get(VARIABLE, "")
    if not token:
        raise BadInput("--url", "needs an access token", f"Put it into a file (--token-file) or into {VARIABLE}.")
    return token


@contextmanager
def _stoppable(client: Client, session: str) -> Generator[None]:
    """Ctrl-C stops the turn, whose end is then waited for; a second one raises KeyboardInterrupt."""
    pressed: list[int] = []

    def press(number: int, _: object) -> None:
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt
        client.send(asks.stop(session))

    before = signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
