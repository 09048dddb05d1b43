"""Does the proxy's network fail as it is told to? Asked with plain sockets, in front of a server that echoes."""

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Generator

import pytest

from tests.standins.proxy import Line, Proxy, proxied
from tests.waiting import until_sync

WAIT_S = 5.0


class Echo(socketserver.BaseRequestHandler):
    """Says what it hears, and remembers it."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while said := self.request.recv(4096):
                self.server.heard.append(said)  # type: ignore[attr-defined]
                self.request.sendall(said)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Echo)


@pytest.fixture(scope="module")
def echo() -> Generator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(echo: Server) -> Generator[Proxy]:
    echo.heard.clear()
    with proxied(echo.server_address[1]) as made:
        yield made


@contextlib.contextmanager
def connected(proxy: Proxy) -> Generator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT_S) as one:
        yield one


def echoed(one: socket.socket, said: bytes) -> bytes:
    one.sendall(said)
    return one.recv(4096)


def refused(proxy: Proxy) -> None:
    with connected(proxy) as one:
        echoed(one, b"x")


def is_silent(one: socket.socket) -> bool:
    one.settimeout(0.15)
    try:
        one.recv(4096)
    except TimeoutError:
        return True
    finally:
        one.settimeout(WAIT_S)
    return False


def test_it_carries_both_ways_and_passes_the_end_on(proxy: Proxy) -> None:
    with connected(proxy) as one:
        assert echoed(one, b"hello") == b"hello"
        assert [line.carried for line in proxy.lines] == [10]
        assert proxy.questions == 1
        one.shutdown(socket.SHUT_WR)
        assert one.recv(4096) == b""
    until_sync(lambda: not proxy.lines, WAIT_S, "the end of the line")


def test_it_delays_each_way(proxy: Proxy) -> None:
    with connected(proxy) as one:
        proxy.delay_s = 0.1
        begun = time.monotonic()
        assert echoed(one, b"slow") == b"slow"
        assert 0.2 <= time.monotonic() - begun < WAIT_S


def test_it_delays_by_parts_of_a_millisecond(proxy: Proxy) -> None:
    with connected(proxy) as one:
        proxy.delay_s = 0.0005
        took: list[float] = []
        while len(took) < 100 or (min(took) >= 0.0019 and len(took) < 3000):  # the machine has other work, too
            begun = time.monotonic()
            assert echoed(one, b"soon") == b"soon"
            took.append(time.monotonic() - begun)
    assert 0.001 <= min(took) < 0.0019


def test_a_cut_is_a_reset_and_nobody_comes_through_until_it_heals(proxy: Proxy) -> None:
    with connected(proxy) as one, connected(proxy) as other:
        assert echoed(one, b"a") == echoed(other, b"a") == b"a"
        proxy.cut()
        for cut in (one, other):
            with pytest.raises(ConnectionResetError):
                cut.recv(4096)
        with pytest.raises(ConnectionResetError):
            refused(proxy)
        proxy.heal()
        with connected(proxy) as again:
            assert echoed(again, b"b") == b"b"


def test_one_line_is_cut_and_the_other_is_not(proxy: Proxy) -> None:
    with connected(proxy) as one:
        assert echoed(one, b"a") == b"a"
        with connected(proxy) as other:
            assert echoed(other, b"a") == b"a"
            proxy.one(0, Line.cut)
            with pytest.raises(ConnectionResetError):
                one.recv(4096)
            assert echoed(other, b"b") == b"b"


def test_what_hangs_swallows_without_a_word_and_stays_so(proxy: Proxy, echo: Server) -> None:
    with connected(proxy) as one:
        assert echoed(one, b"before") == b"before"
        proxy.hang()
        one.sendall(b"lost")
        assert is_silent(one)
        with connected(proxy) as late:
            late.sendall(b"also lost")
            assert is_silent(late)
        proxy.heal()
        one.sendall(b"still lost")
        assert is_silent(one)
        assert echo.heard == [b"before"]
        with connected(proxy) as again:
            assert echoed(again, b"after") == b"after"


@pytest.mark.parametrize("silently", [True, False])
@pytest.mark.parametrize(("what", "heard"), [("question", []), ("answer", [b"COMMIT"])])
def test_a_question_or_its_answer_is_lost_and_whoever_asked_cannot_tell(
    proxy: Proxy, echo: Server, what: str, heard: list[bytes], silently: bool
) -> None:
    with connected(proxy) as one, connected(proxy) as other:
        proxy.lose(b"COMMIT", "answer" if what == "answer" else "question", silently=silently)
        assert echoed(one, b"BEGIN") == b"BEGIN"
        one.sendall(b"COMMIT")
        until_sync(lambda: proxy.lost == 1, WAIT_S, "the loss")
        if silently:
            assert is_silent(one)
        else:
            with pytest.raises(ConnectionResetError):
                one.recv(4096)
        assert echo.heard[1:] == heard
        assert echoed(other, b"COMMIT") == b"COMMIT", "it is lost once"


def test_a_lost_question_may_arrive_late(proxy: Proxy, echo: Server) -> None:
    with connected(proxy) as one:
        proxy.lose(b"COMMIT", "question", silently=True)
        one.sendall(b"COMMIT")
        until_sync(lambda: proxy.lost == 1, WAIT_S, "the loss")
        assert echo.heard == []
        proxy.one(0, Line.deliver)
        until_sync(lambda: echo.heard == [b"COMMIT"], WAIT_S, "the question")
        assert is_silent(one)
