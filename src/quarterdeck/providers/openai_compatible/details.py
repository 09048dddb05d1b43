"""How do the pieces of a router's `reasoning_details` become whole again? Pure.

OpenRouter's guide on reasoning tokens: a list of objects by `type` and `index`, whose `text`, `summary`, `data` and
`signature` come in pieces; it wants the whole list back, in order and unchanged. That pieces of one index belong
together is read out of its own client (npm @openrouter/ai-sdk-provider), unverified.
"""

from collections.abc import Sequence

import msgspec

Detail = dict[str, object]
MAX_DETAILS = 1_000
MAX_BYTES = 512 * 1024
"""More is not kept: then the model does without its earlier reasoning."""

_GROWING = ("text", "summary", "data")
_encoder = msgspec.json.Encoder()


class Details:
    """Feed it the pieces as they come."""

    def __init__(self) -> None:
        self._found: list[Detail] = []
        self._pieces: list[dict[str, list[str]]] = []
        self._size = 0

    def take(self, pieces: Sequence[Detail]) -> None:
        """More of it."""
        for piece in pieces:
            self._size += sum(len(value) for value in piece.values() if isinstance(value, str))
            if self._size <= MAX_BYTES and len(self._found) < MAX_DETAILS:
                self._add(piece)

    def end(self) -> str:
        """The whole list as JSON text; empty where there is none, or too much."""
        if not self._found or self._size > MAX_BYTES or len(self._found) >= MAX_DETAILS:
            return ""
        whole = [
            {**detail, **{name: "".join(texts) for name, texts in grown.items()}}
            for detail, grown in zip(self._found, self._pieces, strict=True)
        ]
        return _encoder.encode(whole).decode()

    def _add(self, piece: Detail) -> None:
        last = self._found[-1] if self._found else {}
        same = piece.get("index") is not None and all(last.get(name) == piece.get(name) for name in ("type", "index"))
        if not same:
            self._found.append({})
            self._pieces.append({})
        for name, value in piece.items():
            if name in _GROWING and isinstance(value, str):
                self._pieces[-1].setdefault(name, []).append(value)
            elif value is not None or name not in self._found[-1]:
                self._found[-1][name] = value


def read(data: bytes) -> Sequence[Detail]:
    """The pieces in one delta, or none where it holds something else."""
    try:
        return msgspec.json.decode(data, type=list[dict[str, object]])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ()
