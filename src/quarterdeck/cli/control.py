"""Speaking to the gateway: the one that runs, or, where none does, the same parts in this process."""

import os
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from quarterdeck.api.control.server import short
from quarterdeck.api.control.wire import FAILED, LINE_BYTES, LOCKED, Answer, Request, Row
from quarterdeck.base.config import LoadedConfig
from quarterdeck.base.errors import Locked, QuarterdeckError
from quarterdeck.store.datadir import DataDir

ANSWER_SECONDS = 5.0  # how long a gateway may take to greet, or a starting one to open its socket
SILENCE_SECONDS = 3700.0  # between two rows; the gateway has a deadline for each command
PAUSE = 0.05

_decoder = msgspec.json.Decoder(Answer)

Open = Callable[[], socket.socket]


class CommandFailed(QuarterdeckError):
    """The gateway said no; `status` is the exit status."""

    code = "command_failed"

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


class Line:
    """One request and its rows. `fileno` is for waiting beside something else.

    Raises CommandFailed when nothing greets within ANSWER_SECONDS.
    """

    def __init__(self, peer: socket.socket, command: str, arguments: Mapping[str, object]) -> None:
        self._peer = peer
        self._buffer = b""
        peer.settimeout(ANSWER_SECONDS)
        with suppress(ConnectionError):  # one that has hung up already may have said why
            peer.sendall(msgspec.json.encode(Request(command, dict(arguments))) + b"\n")
        self._first = _decoder.decode(self._line())  # the greeting, or an end that came at once
        peer.settimeout(SILENCE_SECONDS)  # it is there; now it may take its time

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._peer.fileno()

    def rows(self) -> Iterator[Row]:
        """The rows as they come. Raises CommandFailed with what the gateway said."""
        while (row := self.next()) is not None:
            yield row

    def next(self) -> Row | None:
        """The next row, None at the end. Raises CommandFailed."""
        answer = self._first if self._first.end else _decoder.decode(self._line())
        if answer.end is None:
            return answer.row
        if answer.end.status:
            raise CommandFailed(answer.end.message, answer.end.status)
        return None

    @property
    def buffered(self) -> bool:
        """Whether a whole line is here already."""
        return b"\n" in self._buffer

    def _line(self) -> bytes:
        while not self.buffered:
            try:
                received = self._peer.recv(65_536)
            except TimeoutError:
                raise CommandFailed(
                    f"a gateway holds the data directory but does not answer within {ANSWER_SECONDS:.0f} s; "
                    "look at its log, and stop it with SIGTERM if it hangs"
                ) from None
            except ConnectionError:
                received = b""
            if not received or len(self._buffer) > 2 * LINE_BYTES:
                raise CommandFailed("the gateway ended before it had answered; look at its log")
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


@contextmanager
def gateway(
    loaded: LoadedConfig, *, serving: bool = False, wired: bool = False, acting: bool = False, only: str = ""
) -> Generator[Open]:
    """A way to open connections to the gateway of this configuration.

    Without a running one its parts live in this process until the end of the `with`. `serving`: turns run and
    deliveries leave, too; `wired`: connections are built, which needs their secrets; `acting`: models may be called;
    `only`: just this connection, and what it receives is taken in. Raises Locked when another process holds the data
    directory and opens no socket.
    """
    data, until = DataDir(Path(loaded.config.data_dir)), time.monotonic() + ANSWER_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                _connect(data).close()
            except (FileNotFoundError, ConnectionRefusedError):
                pass
            else:
                yield lambda: _connect(data)
                return
            try:
                from quarterdeck.cli.offline import offline

                opened = stack.enter_context(offline(loaded, serving=serving, wired=wired, acting=acting, only=only))
            except Locked as error:
                if time.monotonic() >= until:
                    told = f"another process holds {data.root} and takes no commands: it starts, or it ends"
                    raise CommandFailed(told, LOCKED) from error
                time.sleep(PAUSE)  # it is starting, or a short command that ends soon
            else:
                yield opened
                return


def _connect(data: DataDir) -> socket.socket:
    """A connection to the control socket. Raises FileNotFoundError or ConnectionRefusedError when nobody listens."""
    folder = os.open(data.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        peer.settimeout(ANSWER_SECONDS)
        peer.connect(short(folder, data.control))
    except PermissionError:
        peer.close()
        raise CommandFailed(f"{data.control} belongs to another user; become the one that runs the gateway") from None
    except OSError:
        peer.close()
        raise
    finally:
        os.close(folder)
    return peer
