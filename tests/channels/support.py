"""What the channels' tests share: a log that is kept, and a port where nobody listens."""

from hashlib import sha256

from quarterdeck.base.errors import NotFound, Retry
from tests.ports import free_port


class Bytes:
    """A FileSource over what a test put there."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.away = False

    def put(self, content: bytes) -> str:
        """The digest under which a channel finds it."""
        name = sha256(content).hexdigest()
        self.kept[name] = content
        return name

    async def read(self, digest: str) -> bytes:
        if self.away:
            raise Retry("the database is away", 2.0)
        if digest not in self.kept:
            raise NotFound(f"the bytes of {digest} are gone")
        return self.kept[digest]


class KeptLog:
    """An EventLog that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    warning = error = info

    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


def nobody() -> str:
    """An address of this machine where nothing listens."""
    return f"http://127.0.0.1:{free_port()}"
