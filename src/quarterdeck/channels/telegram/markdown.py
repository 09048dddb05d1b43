"""How does a model's Markdown look on Telegram? From source to the HTML that Telegram takes, and the text it shows.

Markdown is read line by line: only a fence spans lines, bold and its like end with theirs. So a text may be cut at
any line end outside a fence, and every part still reads the same. HTML that the model writes is text, never markup.

Telegram's tags: core.telegram.org/bots/api#html-style. Only `& < >` are escaped in text (and `"` in attributes).
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Literal

import msgspec

MAX_INDENT = 16  # of a bullet, so that a line of blanks cannot fill a message
_TAGS = {"**": "b", "__": "b", "*": "i", "_": "i", "~~": "s"}

_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<marker>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)")
_PREFIX = re.compile(r"(?P<quote>(?: {0,3}> ?)*)(?:(?P<head> {0,3}#{1,6}[ \t]+)|(?P<bullet>[ \t]*[-*+][ \t]+))?")
_HEAD_END = re.compile(r"[ \t]+#+[ \t]*$")
_SPECIAL = re.compile(r"[\\`\[<*_~]")
_TOKEN = re.compile(
    r"""\\(?P<escaped>[!-/:-@\[-`{-~])
    | (?<!`)(?P<ticks>`++)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)
    | !?\[(?P<label>(?:\\.|[^\[\]\\])+)\]\((?P<url>https?://(?:[^\s()<>]|\([^\s()<>]*\))+)(?:\s+"[^"]*")?\)
    | <(?P<auto>https?://[^\s<>]+)>
    | (?P<run>\*+|_+|~+)""",
    re.VERBOSE,
)
_LANGUAGE = re.compile(r"[\w+#.-]{1,32}")


class Rendered(msgspec.Struct, frozen=True):
    """A text as Telegram takes it (`html`) and as people see it (`visible`)."""

    html: str
    visible: str


class Span(msgspec.Struct, frozen=True):
    """A piece of a line that stands for itself. `literal` ones may be cut anywhere, others only between."""

    source: str
    visible: str
    html: str
    literal: bool


class Block(msgspec.Struct, frozen=True):
    """A line, or a whole fence with its `info` and code lines."""

    kind: Literal["line", "quote", "fence"]
    source: str
    visible: str
    html: str
    info: str = ""
    code: tuple[str, ...] = ()


def render(text: str) -> Rendered:
    """A whole message. One of which nothing would be seen (an empty fence) is shown as it was written."""
    blocks = read(text)
    visible = "\n".join(block.visible for block in blocks)
    if not visible.strip():
        source = "\n".join(block.source for block in blocks)
        return Rendered(escape(source), source)
    groups = groupby(blocks, key=lambda block: block.kind == "quote")
    return Rendered("\n".join(_group(quoted, tuple(group)) for quoted, group in groups), visible)


def read(text: str) -> list[Block]:
    """The blocks of a text, in order; joined by newlines their sources are the text. An open fence ends with it."""
    blocks: list[Block] = []
    lines = iter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    for line in lines:
        opened = _FENCE.fullmatch(line)
        blocks.append(line_block(line) if opened is None else _fence(line, opened, lines))
    return blocks


def fence_block(marker: str, info: str, code: tuple[str, ...]) -> Block:
    """A closed fence around `code`; the caller chose a marker that no code line closes."""
    return _fence_of("\n".join((marker + info, *code, marker)), info, code)


def line_block(line: str) -> Block:
    """One line outside a fence."""
    prefix, body = split_prefix(line)
    inner = spans(body)
    visible = "".join(span.visible for span in inner)
    html = "".join(span.html for span in inner)
    if prefix["head"] and html:
        html = f"<b>{html}</b>"
    if bullet := prefix["bullet"]:
        dot = bullet[: len(bullet) - len(bullet.lstrip())][:MAX_INDENT] + "• "
        visible, html = dot + visible, dot + html
    return Block("quote" if prefix["quote"] else "line", line, visible, html)


def split_prefix(line: str) -> tuple[dict[str, str], str]:
    """What a line begins with (quote, head, bullet; each as written) and the rest."""
    found = _PREFIX.match(line)
    prefix = found.groupdict("") if found else {"quote": "", "head": "", "bullet": ""}
    body = line[found.end() :] if found else line
    return prefix, _HEAD_END.sub("", body) if prefix["head"] else body


def escape(text: str) -> str:
    """Text for Telegram's HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _group(quoted: bool, blocks: tuple[Block, ...]) -> str:
    html = "\n".join(block.html for block in blocks)
    return f"<blockquote>{html}</blockquote>" if quoted and html.strip() else html


def _fence(line: str, opened: re.Match[str], lines: Iterator[str]) -> Block:
    source, code = [line], list[str]()
    marker, indent = opened["marker"], opened["indent"]
    for inner in lines:
        source.append(inner)
        closing = inner.strip()
        if len(closing) >= len(marker) and not closing.strip(marker[0]):
            break
        code.append(inner.removeprefix(indent))
    return _fence_of("\n".join(source), opened["info"], tuple(code))


def _fence_of(source: str, info: str, code: tuple[str, ...]) -> Block:
    visible = "\n".join(code)
    language = _LANGUAGE.match(info.strip())
    if not visible:
        html = ""
    elif language:
        html = f'<pre><code class="language-{language[0]}">{escape(visible)}</code></pre>'
    else:
        html = f"<pre>{escape(visible)}</pre>"
    return Block("fence", source, visible, html, info, code)


# --- within a line --------------------------------------------------------------------------------------------


class _Piece:
    """A token. `mark` is set for a sign of emphasis, `pair` for an opening one whose closing one was found."""

    __slots__ = ("end", "html", "literal", "mark", "pair", "start", "visible")

    def __init__(self, start: int, visible: str, end: int, html: str | None = None, mark: str = "") -> None:
        self.start, self.end = start, end
        self.visible = visible
        self.html = escape(visible) if html is None else html
        self.literal = html is None
        self.mark = mark
        self.pair = -1


def spans(line: str) -> list[Span]:
    """The spans of a line's body; every emphasis is one span with all that is in it."""
    if not _SPECIAL.search(line):
        return [Span(line, line, escape(line), True)] if line else []
    pieces = _pieces(line)
    found: list[Span] = []
    at = 0
    while at < len(pieces):
        last = max(at, pieces[at].pair)
        group = pieces[at : last + 1]
        source = line[group[0].start : group[-1].end]
        visible = "".join(piece.visible for piece in group)
        found.append(Span(source, visible, "".join(piece.html for piece in group), last == at and group[0].literal))
        at = last + 1
    return found


def _pieces(line: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    emphasis = _Emphasis(pieces)
    end = 0
    for token in _TOKEN.finditer(line):
        if token.start() > end:
            pieces.append(_Piece(end, line[end : token.start()], token.start()))
        end = token.end()
        if token["run"]:
            emphasis.run(token["run"], token.start(), line[: token.start()][-1:], line[end : end + 1])
        else:
            pieces.append(_piece(token))
    if end < len(line):
        pieces.append(_Piece(end, line[end:], len(line)))
    return pieces


def _piece(token: re.Match[str]) -> _Piece:
    start, end = token.span()
    if token["escaped"]:
        return _Piece(start, token["escaped"], end)
    if code := token["code"]:
        padded = len(code) > 2 and code[0] == code[-1] == " " and not code.isspace()
        shown = code[1:-1] if padded else code
        return _Piece(start, shown, end, f"<code>{escape(shown)}</code>")
    if token["auto"]:
        return _Piece(start, token["auto"], end, escape(token["auto"]))
    label = spans(token["label"])
    url = escape(token["url"]).replace('"', "&quot;")
    inner = "".join(span.html for span in label)
    return _Piece(start, "".join(span.visible for span in label), end, f'<a href="{url}">{inner}</a>')


class _Emphasis:
    """Pairs the signs of a line. What stays open between a pair is text, so that tags always nest."""

    def __init__(self, pieces: list[_Piece]) -> None:
        self._pieces = pieces
        self._stack: list[int] = []
        self._open: dict[str, list[int]] = {mark: [] for mark in _TAGS}

    def run(self, run: str, start: int, before: str, after: str) -> None:
        """A run of one sign; `before` and `after` are its neighbours, empty at the line's ends."""
        sign, left = run[0], len(run)
        word = sign == "_"  # inside a word an underscore is a letter
        if left > 3 or (sign == "~" and left != 2):
            self._pieces.append(_Piece(start, run, start + left))
            return
        if before.strip() and not (word and after.isalnum()):
            while left and (mark := self._closable(sign, left)):
                self._close(mark, start)
                start, left = start + len(mark), left - len(mark)
        opens = bool(after.strip()) and not (word and before.isalnum())
        while left:
            mark = sign * min(left, 2)
            self._pieces.append(_Piece(start, mark, start + len(mark), mark=mark))
            if opens:
                self._stack.append(len(self._pieces) - 1)
                self._open[mark].append(len(self._pieces) - 1)
            start, left = start + len(mark), left - len(mark)

    def _closable(self, sign: str, left: int) -> str:
        """The open mark that a run of `left` signs closes first, empty for none."""
        one, two = self._open.get(sign, []), self._open[sign * 2]
        if left == 1:
            return sign if one else ""
        if left == 3 and one and two:
            return sign if one[-1] > two[-1] else sign * 2
        return sign * 2 if two else sign if one else ""

    def _close(self, mark: str, start: int) -> None:
        while True:
            at = self._stack.pop()
            opening = self._pieces[at]
            self._open[opening.mark].pop()
            if opening.mark == mark:
                break
        tag = _TAGS[mark]
        opening.visible, opening.html, opening.literal = "", f"<{tag}>", False
        opening.pair = len(self._pieces)
        self._pieces.append(_Piece(start, "", start + len(mark), f"</{tag}>"))
