"""The files that pages load. Their address holds a digest of all of them, so browsers may keep them for ever."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

TYPES: Mapping[str, str] = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"

# what people need and browsers do not; a text in our scripts neither goes over lines nor holds " // "
COMMENTS = re.compile(rb"^ *(?:/\*(?:[^*]|\*(?!/))*\*/|//[^\n]*)\n| +// [^\n]*$", re.MULTILINE)
INDENTS = re.compile(rb"^\s+", re.MULTILINE)
STYLE_SPACES = re.compile(rb"\s*([{};])\s*")


class Asset(msgspec.Struct, frozen=True):
    """One file as it is sent."""

    content: bytes
    media_type: str
    etag: str


class Assets:
    """The folder static/, read once. One digest for all: modules name each other by relative address."""

    def __init__(self) -> None:
        found = dict(sorted(_files(resources.files("quarterdeck.web").joinpath("static"), "")))
        self._assets = {name: _asset(name, content) for name, content in found.items()}
        together = "".join(f"{name} {asset.etag}\n" for name, asset in self._assets.items())
        self.root = f"/assets/{_digest(together.encode())}"

    @property
    def modules(self) -> tuple[str, ...]:
        """The names of the chat's scripts, for its page to announce them."""
        return tuple(name for name in self._assets if name.endswith(".js") and "/" not in name)

    async def serve(self, request: Request) -> Response:
        """GET /assets/{path}. Raises HTTPException 404, also for the address of another version's files."""
        name = request.url.path.removeprefix(f"{self.root}/")
        if (asset := self._assets.get(name)) is None:
            raise HTTPException(404, "there is no such file; load the page again")
        headers = {"cache-control": FOREVER, "etag": asset.etag}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, headers=headers, media_type=asset.media_type)


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file that browsers load, folders below too."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in TYPES:
            yield prefix + entry.name, entry.read_bytes()


def _asset(name: str, content: bytes) -> Asset:
    """The file without its comments and indentation, which are a fifth of it; somebody else's stays as it is."""
    lean = content if name.endswith(".min.js") else INDENTS.sub(b"", COMMENTS.sub(b"", content))
    if name.endswith(".css"):
        lean = STYLE_SPACES.sub(rb"\1", lean)
    return Asset(lean, TYPES[name.rpartition(".")[2]], f'"{_digest(lean)}"')


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
