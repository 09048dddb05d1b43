"""The HTTP server as one service of the process: a socket that was bound before, no signals of its own."""

import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn
from starlette.types import ASGIApp

from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.supervise import Life


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigRefused when the port is taken or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        raise ConfigRefused(
            "server.port",
            f"{host}:{port} cannot be used ({error.strerror})",
            "Choose another port; 0 takes a free one.",
        ) from error
    return listening


class _Server(uvicorn.Server):
    """Signals belong to the process, not to one of its services."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the handlers alone."""
        yield


class HttpServer:
    """Serves an application on a bound socket until told to stop; `closing` then lets open streams end."""

    def __init__(self, app: ASGIApp, listening: socket.socket, closing: Callable[[], None] = lambda: None) -> None:
        config = uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="wsproto",
            ws_max_size=64 * 1024,  # of what a client says
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=30,
        )
        self._server = _Server(config)
        self._listening = listening
        self._closing = closing

    async def run(self, life: Life) -> None:
        """See base.supervise.Service."""
        serving = life.spawn("serve", self._server.serve(sockets=[self._listening]))
        life.ready()
        await life.stopping.wait()
        self._closing()
        self._server.should_exit = True
        await serving
