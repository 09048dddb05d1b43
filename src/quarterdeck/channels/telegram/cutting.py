"""Where is a long answer cut? Into texts whose visible length fits one message, without breaking what they show.

Cut points, the best first: a blank line, a line end, a space, between two characters. A fence stays whole where it
fits; else it is closed and opened again with its language. Lengths are UTF-16 code units of what people see, as
Telegram counts them (4,096 after entities parsing: core.telegram.org/bots/api#sendmessage).
"""

import re
import unicodedata
from collections.abc import Iterator

from quarterdeck.channels.telegram.markdown import Block, Span, fence_block, line_block, read, spans, split_prefix

_WORDS = re.compile(r"\s+|\S+")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_JOINERS = "\u200d\ufe0e\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_LONGEST_CLUSTER = 32  # code points; beyond, a heap of combining marks is cut like anything else


def units(text: str) -> int:
    """UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def head(text: str, room: int) -> str:
    """The longest beginning of at most `room` units that breaks no character."""
    kept = text.encode("utf-16-le")[: room * 2].decode("utf-16-le", "ignore")
    at = len(kept)
    if at < len(text):
        while at > max(1, len(kept) - _LONGEST_CLUSTER) and _clings(text[at - 1], text[at]):
            at -= 1
    return kept if at < len(text) and _clings(text[at - 1], text[at]) else text[:at]


def cut(text: str, room: int) -> tuple[str, ...]:
    """Markdown texts that show at most `room` units each and together what `text` shows, but for blanks at the cuts.

    An emphasis, link or code span that is longer than `room` loses its formatting there, never its text. Nothing is
    returned for a text of which nothing would be seen.
    """
    if units(text) <= room:  # what is seen is never longer than the source
        return (text,) if text.strip() else ()
    chunks: list[list[Block]] = []
    current: list[Block] = []
    size = 0
    for block in _fitting(read(text), room):
        more = units(block.visible)
        while current and size + 1 + more > room:
            done, current = _part(current, room)
            chunks.append(done)
            size = _size(current)
        size += more + bool(current)
        current.append(block)
    chunks.append(current)
    return tuple(source for chunk in chunks if (source := _source(chunk)))


def _part(blocks: list[Block], room: int) -> tuple[list[Block], list[Block]]:
    """What goes out now and what waits: cut at the last blank line, unless that leaves the message half empty."""
    for at in range(len(blocks) - 1, 0, -1):
        if _blank(blocks[at]) and _size(blocks[:at]) >= room // 2:
            return blocks[:at], blocks[at + 1 :]
    return blocks, []


def _size(blocks: list[Block]) -> int:
    return units("\n".join(block.visible for block in blocks))


def _blank(block: Block) -> bool:
    return block.kind == "line" and not block.visible.strip()


def _source(blocks: list[Block]) -> str:
    """The Markdown of a message, without blank lines around it; empty when nothing of it would be seen."""
    shown = [at for at, block in enumerate(blocks) if block.visible.strip()]
    return "\n".join(block.source for block in blocks[shown[0] : shown[-1] + 1]) if shown else ""


def _fitting(blocks: list[Block], room: int) -> Iterator[Block]:
    for block in blocks:
        if units(block.visible) <= room:
            yield block
        elif block.kind == "fence":
            yield from _cut_fence(block, room)
        else:
            yield from _cut_line(block.source, room)


# --- a fence that is too long ---------------------------------------------------------------------------------


def _cut_fence(block: Block, room: int) -> Iterator[Block]:
    # The marker is longer than any run in the code: a piece of a line must not close the fence.
    sign = block.source.lstrip()[0]
    longest = max((len(run) for run in re.findall(re.escape(sign) + "+", block.visible)), default=0)
    marker = sign * max(3, longest + 1)
    code: list[str] = []
    size = -1
    for piece in (piece for line in block.code for piece in _hard(line, room)):
        more = units(piece) + 1
        if code and size + more > room:
            yield fence_block(marker, block.info, tuple(code))
            code, size = [], -1
        code.append(piece)
        size += more
    yield fence_block(marker, block.info, tuple(code))


# --- a line that is too long ----------------------------------------------------------------------------------


def _cut_line(line: str, room: int) -> Iterator[Block]:
    prefix, body = split_prefix(line)
    lead, again = "".join(prefix.values()), prefix["quote"] + prefix["head"]
    used = units(line_block(lead).visible)
    for source in _pieces(spans(body), room - used):
        yield line_block(lead + source)
        lead = again


def _pieces(line: list[Span], room: int) -> Iterator[str]:
    sources: list[str] = []
    size = 0
    for span in line:
        for visible, source in _atoms(span, room):
            more = units(visible)
            if sources and size + more > room:
                yield "".join(sources).strip()
                sources, size = [], 0
            if sources or not visible.isspace():
                sources.append(source)
                size += more
    if sources:
        yield "".join(sources).strip()


def _atoms(span: Span, room: int) -> Iterator[tuple[str, str]]:
    """(visible, source) of what is not cut further. Literal text is escaped, so that it stays literal anywhere."""
    if not span.literal and units(span.visible) <= room:
        yield span.visible, span.source
        return
    for word in _WORDS.findall(span.visible):
        if word.isspace():
            yield " ", " "
        else:
            for piece in _hard(word, room):
                yield piece, _PUNCTUATION.sub(r"\\\1", piece)


def _hard(text: str, room: int) -> Iterator[str]:
    """Pieces of at most `room` units, cut between characters."""
    while units(text) > room:
        piece = head(text, room)
        yield piece
        text = text[len(piece) :]
    yield text


def _clings(before: str, after: str) -> bool:
    """Whether two code points are shown as one character (a practical part of the grapheme rules)."""
    return before == "\u200d" or after in _JOINERS or unicodedata.combining(after) != 0
