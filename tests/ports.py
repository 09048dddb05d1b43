"""Ports for what is started later, or again.

A port that the system has just given away and got back may be given to anybody meanwhile: to each connection that
something on this machine makes. So these are taken from below those that it gives away.
"""

import random
import socket
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path

LEAST = 20_000
GIVEN_AWAY = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port that nobody listens on, and that nobody gets who does not ask for it."""
    return next(port for port in _PORTS if _is_free(port))


def _ports() -> Iterator[int]:
    """Each process begins elsewhere, and comes to a port again only after all others."""
    ports = range(LEAST, max(LEAST + 1_000, int(GIVEN_AWAY.read_text().split()[0])))
    first = random.randrange(len(ports))
    return cycle([*ports[first:], *ports[:first]])


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_PORTS = _ports()
