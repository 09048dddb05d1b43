"""What is sent out and what comes back: plain values, without any client in them."""

import secrets
from collections.abc import Mapping

import msgspec
from yarl import URL

MAX_ANSWER_BYTES = 10 * 1024 * 1024


class Timeouts(msgspec.Struct, frozen=True):
    """How long each phase may take, in seconds."""

    connect: float = 10.0
    """From the call to a connection that can be written to: a free place in the pool, DNS, TCP and TLS."""
    first_byte: float = 60.0
    """From the last byte of the request to the complete head of the answer."""
    idle: float = 60.0
    """The longest silence within the answer's body."""
    total: float = 300.0
    """Everything together, redirects included."""


class Part(msgspec.Struct, frozen=True):
    """One field of a multipart form; with `filename` it is a file."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request.

    `trusted` is True only for an address from the configuration. `follow_redirects` counts hops and applies
    to GET and HEAD; every hop passes the guard. `max_bytes` limits the answer's body as decompressed. The
    printed form shows neither path nor headers: some platforms carry the token in the path.
    """

    method: str
    url: str
    trusted: bool
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    multipart: tuple[Part, ...] = ()
    timeouts: Timeouts = Timeouts()
    follow_redirects: int = 0
    max_bytes: int = MAX_ANSWER_BYTES

    def __repr__(self) -> str:
        return f"Outgoing({self.method} {origin(self.url)})"


class Response(msgspec.Struct, frozen=True):
    """A complete answer, whatever its status. `headers` is looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


def origin(url: str) -> str:
    """`scheme://host:port` of an address: all of it that may be printed."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return "an address that cannot be read"


def encode_multipart(parts: tuple[Part, ...]) -> tuple[str, bytes]:
    """(content type, body) of a form as in RFC 7578."""
    boundary = secrets.token_hex(16)
    pieces: list[bytes] = []
    for part in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(part.name)}"'
        if part.filename is not None:
            head += f'; filename="{_quoted(part.filename)}"'
        if part.content_type is not None:
            head += f"\r\nContent-Type: {_quoted(part.content_type)}"
        pieces += [head.encode(), b"\r\n\r\n", part.content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(pieces)


def _quoted(text: str) -> str:
    # RFC 7578 section 5.1.1 leaves the escape open; this is the one of browsers (WHATWG HTML,
    # multipart/form-data).
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
