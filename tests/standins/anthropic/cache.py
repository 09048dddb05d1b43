"""What of a prompt comes out of the cache, and what is put there?

The vendor's page "Prompt caching" (platform.claude.com/docs/en/build-with-claude/prompt-caching): a prefix of tools,
system and messages is kept at each marker; a request looks for the longest kept prefix at each of its markers and up
to 20 blocks before it; prefixes below a minimum are not kept; a use renews an entry. Whatever changes the prompt (the
model, thinking, tool_choice) belongs to the prefix; that thinking and tool_choice count for the messages only is
followed too.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

import msgspec

from tests.standins.anthropic.catalogue import Model
from tests.standins.anthropic.shapes import Base64, CacheControl, Document, Image, Request, ToolResult, Url

CHARS_PER_TOKEN = 4
IMAGE_TOKENS, DOCUMENT_TOKENS, OVERHEAD = 1500, 3000, 4
LOOK_BACK = 20
MAX_ENTRIES = 10_000
_encode = msgspec.json.Encoder(order="deterministic").encode


class Piece(msgspec.Struct, frozen=True):
    """One block of the prompt: its bytes without a marker, its tokens, its marker."""

    data: bytes
    tokens: int
    mark: CacheControl | None
    cacheable: bool = True


class Tokens(msgspec.Struct, frozen=True):
    """What the prompt has, all in all, and how much of it was read from the cache or written into it."""

    total: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def written(self) -> int:
        return self.written_5m + self.written_1h

    @property
    def fresh(self) -> int:
        return self.total - self.read - self.written


class Cache:
    """Kept prefixes; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[bytes, float] = OrderedDict()

    def use(self, request: Request, model: Model) -> Tokens:
        """Read what is there, put there what is marked."""
        pieces = list(prompt(request))
        digests, sums = _prefixes(pieces, request, model)
        if request.cache_control is not None:
            last = max((number for number, piece in enumerate(pieces) if piece.cacheable), default=None)
            if last is not None:
                pieces[last] = msgspec.structs.replace(pieces[last], mark=request.cache_control)
        marked = [number for number, piece in enumerate(pieces) if piece.mark and sums[number] >= model.cached_from]
        total = sums[-1] if sums else 0
        if not marked:
            return Tokens(total)
        now = self._clock()
        found = max((self._found(number, digests, now) for number in marked), default=-1)
        read = sums[found] if found >= 0 else 0
        written, before = {300: 0, 3600: 0}, read
        for number in marked:
            mark = pieces[number].mark
            assert mark is not None
            self._keep(digests[number], now + mark.seconds)
            written[mark.seconds] += max(0, sums[number] - before)
            before = max(before, sums[number])
        return Tokens(total, read, written[300], written[3600])

    def _found(self, number: int, digests: list[bytes], now: float) -> int:
        """The last piece of the longest kept prefix near a marker, -1 where there is none."""
        for place in range(number, max(-1, number - LOOK_BACK - 1), -1):
            if self._kept.get(digests[place], 0) > now:
                return place
        return -1

    def _keep(self, digest: bytes, until: float) -> None:
        self._kept[digest] = max(until, self._kept.pop(digest, 0))
        if len(self._kept) > MAX_ENTRIES:
            self._kept.popitem(last=False)


def prompt(request: Request) -> Iterator[Piece]:
    """The prompt in the order in which it is read."""
    for tool in request.tools or ():
        yield _piece(tool, tool.cache_control, "tool")
    for block in request.instructions:
        yield _piece(block, block.cache_control, "system", cacheable=bool(block.text))
    for message in request.messages:
        for block in message.blocks:
            mark = getattr(block, "cache_control", None)
            yield _piece(block, mark, message.role, cacheable=hasattr(block, "cache_control"))


def _piece(value: msgspec.Struct, mark: CacheControl | None, role: str, cacheable: bool = True) -> Piece:
    bare = msgspec.structs.replace(value, cache_control=None) if mark is not None else value
    return Piece(role.encode() + b"\0" + _encode(bare), _tokens(bare), mark, cacheable)


def _tokens(value: object) -> int:
    match value:
        case Image():
            return IMAGE_TOKENS
        case Document(source=Base64() | Url()):
            return DOCUMENT_TOKENS
        case ToolResult(content=list(inner)):
            return OVERHEAD + sum(map(_tokens, inner))
        case _:
            return len(_encode(value)) // CHARS_PER_TOKEN + OVERHEAD


def _prefixes(pieces: list[Piece], request: Request, model: Model) -> tuple[list[bytes], list[int]]:
    """The digest and the tokens of the prompt up to each piece."""
    running, total = hashlib.sha256(model.name.encode()), 0
    digests: list[bytes] = []
    sums: list[int] = []
    talking = False
    head = len(request.tools or ()) + len(request.instructions)
    for number, piece in enumerate(pieces):
        if number >= head and not talking:
            talking = True
            running.update(_encode([request.thinking, request.tool_choice]))
        running.update(len(piece.data).to_bytes(8, "big") + piece.data)
        total += piece.tokens
        digests.append(running.digest())
        sums.append(total)
    return digests, sums
