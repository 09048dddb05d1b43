"""How an exported conversation looks as Markdown, JSON or HTML. Pure: values in, text out, in pieces.

JSON (`version` 1) is one object: `version`, `exported_at`, `session`, `messages` and `turns`, oldest first. Fields may
be added without another version; times are RFC 3339 in UTC. Nothing that was said can look like the frame around it:
in Markdown it is quoted, in HTML escaped.
"""

import html
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Protocol

import msgspec

from quarterdeck.model.message import (
    AssistantMessage,
    Attachment,
    LateResults,
    Message,
    SystemEvent,
    ToolResult,
    UserMessage,
    decode,
)
from quarterdeck.store.messages import StoredMessage
from quarterdeck.store.sessions import Session
from quarterdeck.store.turns import Turn

VERSION = 1

_encoder = msgspec.json.Encoder()


class Form(Protocol):
    """One format; its methods are called in this order, `messages` and `turns` any number of times."""

    ending: ClassVar[str]
    media: ClassVar[str]
    lists_turns: ClassVar[bool]

    def __init__(self, session: Session, now: float) -> None: ...
    def begin(self) -> str: ...
    def messages(self, page: Sequence[StoredMessage], turns: Mapping[str, Turn]) -> str: ...
    def between(self) -> str: ...
    def turns(self, page: Sequence[Turn]) -> str: ...
    def end(self) -> str: ...


class Line(msgspec.Struct, frozen=True):
    """A message as people read it: who, what, and what belongs to it, each as (label, text)."""

    who: str
    text: str
    more: tuple[tuple[str, str], ...] = ()


def line(message: Message) -> Line:
    """The parts of a message that are shown in Markdown and HTML."""
    match message:
        case UserMessage():
            who = message.sender or "user"
            mark = (("note", "a correction of an earlier message"),) if message.correction else ()
            return Line(who, message.text, (*mark, *(("file", _file(one)) for one in message.attachments)))
        case AssistantMessage():
            thought = (("reasoning", message.reasoning),) if message.reasoning else ()
            calls = ((f"call {one.name}", one.arguments) for one in message.calls)
            return Line("assistant", message.text, (*thought, *calls))
        case ToolResult():
            return Line(f"tool {message.name}", "", ((f"result ({message.status})", message.text),))
        case SystemEvent():
            return Line("system", message.text)
        case LateResults():
            return Line("client's tools", "", tuple((f"result {one.name}", one.text) for one in message.results))


def turn_line(turn: Turn) -> str:
    """A turn in one line."""
    ended = f", ended {_when(turn.ended_at)}" if turn.ended_at else ""
    error = f" ({turn.error})" if turn.error else ""
    return f"turn {turn.id}: {turn.outcome or turn.state}{error}, model {turn.model}, {_when(turn.started_at)}{ended}"


class _Readable:
    """What Markdown and HTML have in common: a turn is named where its first message stands."""

    lists_turns: ClassVar[bool] = False

    def __init__(self, session: Session, now: float) -> None:
        self._session = session
        self._now = now
        self._turn = ""

    def messages(self, page: Sequence[StoredMessage], turns: Mapping[str, Turn]) -> str:
        """A page of messages."""
        pieces: list[str] = []
        for stored in page:
            if stored.turn_id != self._turn:
                self._turn = stored.turn_id
                pieces += [self.turn(turns[stored.turn_id])] if stored.turn_id in turns else []
            pieces.append(self.message(stored, line(decode(stored.content))))
        return "".join(pieces)

    def turn(self, turn: Turn) -> str:
        raise NotImplementedError

    def message(self, stored: StoredMessage, shown: Line) -> str:
        raise NotImplementedError

    def facts(self) -> tuple[tuple[str, str], ...]:
        """What is said of the session."""
        one = self._session
        return (
            ("Session", one.id),
            ("Assistant", one.assistant),
            ("Connection", one.connection),
            ("Begun", _when(one.created_at)),
            ("Exported", _when(self._now)),
        )

    def between(self) -> str:
        """Nothing stands between messages and turns: turns are named beside their messages."""
        return ""

    def turns(self, page: Sequence[Turn]) -> str:
        """Not asked for."""
        return ""


class MarkdownForm(_Readable):
    """For people and other programs' notes; what was said is quoted."""

    ending: ClassVar[str] = "md"
    media: ClassVar[str] = "text/markdown; charset=utf-8"

    def begin(self) -> str:
        """The head."""
        facts = "\n".join(f"- {name}: {value}" for name, value in self.facts())
        return f"# {_one_line(self._session.title) or self._session.id}\n\n{facts}\n"

    def turn(self, turn: Turn) -> str:
        """A rule, and the turn."""
        return f"\n---\n\n_{_one_line(turn_line(turn))}_\n"

    def message(self, stored: StoredMessage, shown: Line) -> str:
        """Who and when, then what, quoted."""
        pieces = [f"\n**{_one_line(shown.who)}** ({_when(stored.created_at)})\n\n"]
        pieces += [_quoted(shown.text)] if shown.text else []
        pieces += [f"\n{_one_line(label)}:\n\n{_quoted(text)}" for label, text in shown.more]
        return "".join(pieces)

    def end(self) -> str:
        """Nothing."""
        return ""


class HtmlForm(_Readable):
    """One page that needs nothing else; its policy lets nothing run and nothing load."""

    ending: ClassVar[str] = "html"
    media: ClassVar[str] = "text/html; charset=utf-8"

    def begin(self) -> str:
        """The head."""
        title = html.escape(self._session.title or self._session.id)
        facts = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in self.facts())
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<dl>{facts}</dl>\n"
        )

    def turn(self, turn: Turn) -> str:
        """The turn, as a small heading."""
        return f'<h2 id="{html.escape(turn.id)}">{html.escape(turn_line(turn))}</h2>\n'

    def message(self, stored: StoredMessage, shown: Line) -> str:
        """Who and when, then what, with its lines as they were."""
        head = f"<p><b>{html.escape(shown.who)}</b> <time>{_when(stored.created_at)}</time></p>"
        text = f"<pre>{html.escape(shown.text)}</pre>" if shown.text else ""
        more = "".join(f"<p>{html.escape(label)}</p><pre>{html.escape(text)}</pre>" for label, text in shown.more)
        return f"<article>{head}{text}{more}</article>\n"

    def end(self) -> str:
        """The end of the page."""
        return "</body>\n</html>\n"


class JsonForm:
    """For programs: everything, under stable names."""

    ending: ClassVar[str] = "json"
    media: ClassVar[str] = "application/json"
    lists_turns: ClassVar[bool] = True

    def __init__(self, session: Session, now: float) -> None:
        self._session = session
        self._now = now
        self._comma = ""

    def begin(self) -> str:
        """Up to the first message."""
        one = self._session
        session: dict[str, object] = {
            "id": one.id,
            "title": one.title,
            "assistant": one.assistant,
            "connection": one.connection,
            "room": one.room_id,
            "identity": one.identity_id,
            "state": one.controller,
            "model": one.model,
            "forked_from": one.forked_from,
            "head": one.head,
            "history_from": one.history_from,
            "created_at": _when(one.created_at),
            "updated_at": _when(one.updated_at),
        }
        head = f'{{"version":{VERSION},"exported_at":"{_when(self._now)}"'
        return f'{head},"session":{_json(session)},\n"messages":['

    def messages(self, page: Sequence[StoredMessage], turns: Mapping[str, Turn]) -> str:
        """A page of messages, one a line."""
        return self._items([message_fields(stored) for stored in page])

    def between(self) -> str:
        """From the messages to the turns."""
        self._comma = ""
        return '\n],\n"turns":['

    def turns(self, page: Sequence[Turn]) -> str:
        """A page of turns, one a line."""
        return self._items([turn_fields(turn) for turn in page])

    def end(self) -> str:
        """The end of the object."""
        return "\n]}\n"

    def _items(self, items: Sequence[dict[str, object]]) -> str:
        pieces: list[str] = []
        for item in items:
            pieces.append(f"{self._comma}\n{_json(item)}")
            self._comma = ","
        return "".join(pieces)


def message_fields(stored: StoredMessage) -> dict[str, object]:
    """One message in JSON. Fields that do not apply to its role are left out."""
    at: dict[str, object] = {
        "position": stored.position,
        "part": stored.part,
        "created_at": _when(stored.created_at),
        "turn": stored.turn_id,
        "inbox": stored.inbox_id,
    }
    message = decode(stored.content)
    match message:
        case UserMessage():
            own: dict[str, object] = {
                "role": "user",
                "text": message.text,
                "sender": message.sender,
                "sent_at": _when(message.sent_at) if message.sent_at else None,
                "correction": message.correction,
                "attachments": [_attachment(one) for one in message.attachments],
            }
        case AssistantMessage():
            calls = [{"id": one.id, "name": one.name, "arguments": one.arguments} for one in message.calls]
            own = {"role": "assistant", "text": message.text, "reasoning": message.reasoning, "calls": calls}
        case ToolResult():
            own = _result(message)
        case SystemEvent():
            own = {"role": "event", "text": message.text}
        case LateResults():
            own = {"role": "results", "results": [_result(one) for one in message.results]}
    return at | own


def turn_fields(turn: Turn) -> dict[str, object]:
    """One turn in JSON."""
    return {
        "id": turn.id,
        "state": turn.state,
        "outcome": turn.outcome,
        "error": turn.error,
        "attempt": turn.attempt,
        "model": turn.model,
        "release": turn.release_digest,
        "policy": turn.policy_digest,
        "started_at": _when(turn.started_at),
        "ended_at": _when(turn.ended_at) if turn.ended_at else None,
    }


def _result(result: ToolResult) -> dict[str, object]:
    return {
        "role": "tool",
        "call": result.call_id,
        "tool": result.name,
        "status": result.status,
        "text": result.text,
    }


def _attachment(one: Attachment) -> dict[str, object]:
    return {"name": one.name, "mime": one.mime, "size": one.size, "digest": one.blob, "error": one.error}


def _file(one: Attachment) -> str:
    return f"{one.name} ({one.mime}, {one.size} bytes{f', sha256 {one.blob}' if one.blob else ''})"


def _json(value: object) -> str:
    return _encoder.encode(value).decode()


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _quoted(text: str) -> str:
    return "".join(f"> {part}\n" for part in text.splitlines() or [""])


def _one_line(text: str) -> str:
    return " ".join(text.split())


STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "dl{display:grid;grid-template-columns:max-content auto;gap:0 1rem}dd{margin:0}"
    "h2{font-size:.85rem;font-weight:normal;color:#666;border-top:1px solid #ccc;padding-top:.5rem}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;margin:.25rem 0 1rem}time{color:#666}"
)
FORMS: Mapping[str, type[Form]] = {"markdown": MarkdownForm, "json": JsonForm, "html": HtmlForm}
