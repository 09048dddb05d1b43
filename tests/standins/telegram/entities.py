"""How does a formatted text become plain text with entities?

Tags, entity types and the four named character references follow aiogram (utils/text_decorations.py,
enums/message_entity_type.py); the error wordings are those of the vendor's parser as seen in clients' reports
and in older sources of tdlib (td/telegram/MessageEntity.cpp). Offsets in errors are bytes of the UTF-8 input,
offsets of entities are UTF-16 code units of the result.
"""

import re
from dataclasses import dataclass, field

from tests.standins.telegram.limits import ENTITIES, utf16_length
from tests.standins.telegram.refusals import Refusal, bad_request

Entity = dict[str, object]

TAG_TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
    "blockquote": "blockquote",
}
EXPLICIT_TYPES = frozenset(TAG_TYPES.values()) | {
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "text_mention",
    "expandable_blockquote",
}  # fmt: skip
_REFERENCE = re.compile(r"&(?:(lt|gt|amp|quot)|#(\d+)|#[xX]([0-9a-fA-F]+));")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_TAG = re.compile(r"<(/?)([^\s<>/]*)((?:\"[^\"]*\"|'[^']*'|[^>\"'])*)>")


def cannot_parse(detail: str) -> Refusal:
    """Return the 400 that a malformed formatted text gets."""
    return bad_request(f"can't parse entities: {detail}")


@dataclass
class _Open:
    tag: str
    offset: int
    extra: Entity = field(default_factory=dict)


class _HtmlReader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.parts: list[str] = []
        self.units = 0
        self.open: list[_Open] = []
        self.entities: list[Entity] = []

    def read(self) -> tuple[str, list[Entity]]:
        position = 0
        while (start := self.source.find("<", position)) >= 0:
            self._characters(self.source[position:start])
            match = _TAG.match(self.source, start)
            if match is None:
                kind = "end" if self.source.startswith("</", start) else "start"
                raise cannot_parse(f"Unclosed {kind} tag at byte offset {self._byte(start)}")
            if match[1]:
                self._end(match[2].lower(), start)
            else:
                self._start(match[2].lower(), match[3], start)
            position = match.end()
        self._characters(self.source[position:])
        if self.open:
            raise cannot_parse(f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"')
        return "".join(self.parts), sorted(self.entities, key=_place)

    def _byte(self, position: int) -> int:
        return len(self.source[:position].encode())

    def _characters(self, raw: str) -> None:
        text = _REFERENCE.sub(_referred, raw)
        self.parts.append(text)
        self.units += utf16_length(text)

    def _start(self, tag: str, rest: str, start: int) -> None:
        if tag not in TAG_TYPES:
            raise cannot_parse(f'Unsupported start tag "{tag}" at byte offset {self._byte(start)}')
        attributes = {match[1].lower(): match[2] or match[3] or match[4] or "" for match in _ATTRIBUTE.finditer(rest)}
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise cannot_parse(f'Tag "span" must have class "tg-spoiler" at byte offset {self._byte(start)}')
        self.open.append(_Open(tag, self.units, self._extra(tag, attributes)))

    def _extra(self, tag: str, attributes: dict[str, str]) -> Entity:
        if tag == "a":
            return {"url": _REFERENCE.sub(_referred, attributes.get("href", ""))}
        if tag == "tg-emoji":
            return {"custom_emoji_id": attributes.get("emoji-id", "")}
        if tag == "tg-time":
            return {
                "unix_time": int(attributes.get("unix", "0")),
                "date_time_format": attributes.get("format", ""),
            }
        if tag == "blockquote" and "expandable" in attributes:
            return {"type": "expandable_blockquote"}
        if tag == "code" and self.open and self.open[-1].tag == "pre":
            # `<pre><code class="language-x">` names the language of the whole block
            language = attributes.get("class", "").removeprefix("language-")
            if language:
                self.open[-1].extra["language"] = language
        return {}

    def _end(self, tag: str, start: int) -> None:
        if not self.open:
            raise cannot_parse(f"Unexpected end tag at byte offset {self._byte(start)}")
        opened = self.open.pop()
        # the vendor takes "</>" as the end of whatever is open
        if tag and tag != opened.tag:
            raise cannot_parse(
                f'Unmatched end tag at byte offset {self._byte(start)}, expected "</{opened.tag}>", found "</{tag}>"'
            )
        length = self.units - opened.offset
        inner_code = opened.tag == "code" and bool(self.open) and self.open[-1].tag == "pre"
        if length == 0 or inner_code or (opened.tag == "a" and not opened.extra["url"]):
            return
        self.entities.append({"type": TAG_TYPES[opened.tag], "offset": opened.offset, "length": length, **opened.extra})


def _referred(match: re.Match[str]) -> str:
    if match[1]:
        return _NAMED[match[1]]
    code = int(match[2]) if match[2] else int(match[3], 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else match[0]


def _place(entity: Entity) -> tuple[int, int]:
    return int(str(entity["offset"])), -int(str(entity["length"]))


def checked_entities(text: str, raw: object) -> list[Entity]:
    """Return the explicit entities of a request, in order, or raise a 400 as the vendor does.

    Unknown types and ranges beyond the text are refused (both wordings seen); the rest is kept as given.
    """
    if not isinstance(raw, list):
        raise bad_request("can't parse entities: expected an Array of MessageEntity")
    units = utf16_length(text)
    entities: list[Entity] = []
    for item in raw:
        if not isinstance(item, dict) or item.get("type") not in EXPLICIT_TYPES:
            raise bad_request("can't parse MessageEntity: Unsupported type specified")
        offset, length = item.get("offset"), item.get("length")
        if not isinstance(offset, int) or not isinstance(length, int) or offset < 0 or length < 1:
            raise bad_request("can't parse MessageEntity: wrong offset or length")
        if offset + length > units:
            raise bad_request(
                f"entity beginning at UTF-16 offset {offset} ends after the end of the text "
                f"at UTF-16 offset {offset + length}"
            )
        entities.append({key: value for key, value in item.items() if value is not None})
    return sorted(entities, key=_place)


def formatted(text: str, parse_mode: str, explicit: object) -> tuple[str, list[Entity]]:
    """Return the final text and its entities.

    `explicit` counts only without a parse mode. Blanks around the text are cut and entities moved along (the
    vendor trims too; its exact rules for entities at the edges are unverified).
    """
    if parse_mode.lower() == "html":
        plain, entities = _HtmlReader(text).read()
    elif parse_mode:
        raise bad_request("unsupported parse_mode")
    else:
        plain, entities = text, checked_entities(text, explicit) if explicit is not None else []
    return trimmed(plain.replace("\r", ""), entities[:ENTITIES])


def trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Cut blanks at both ends; entities shrink and move with the text, and vanish when nothing is left."""
    kept = text.strip()
    if kept == text:
        return text, entities
    cut = utf16_length(text[: len(text) - len(text.lstrip())])
    end = utf16_length(kept)
    moved: list[Entity] = []
    for entity in entities:
        offset, negative_length = _place(entity)
        first, last = max(offset - cut, 0), min(offset - negative_length - cut, end)
        if last > first:
            moved.append({**entity, "offset": first, "length": last - first})
    return kept, moved
