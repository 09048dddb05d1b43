"""What did the Telegram stand-in record? The same lines as the loopback one's."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from tests.checkers.platform import Line


class _Key(msgspec.Struct, frozen=True):
    text: str
    callback_data: str


class _Markup(msgspec.Struct, frozen=True):
    inline_keyboard: Sequence[Sequence[_Key]] = ()


def _buttons(markup: object) -> object:
    """The buttons of a message as the loopback stand-in writes them down."""
    rows = msgspec.convert(markup or {}, _Markup).inline_keyboard
    return [[{"label": key.text, "value": key.callback_data} for key in row] for row in rows]


def telegram_lines(journal: Iterable[Line]) -> Iterator[Line]:
    """Translate its journal: a chat is a room, an update's id a place on the feed. What was deleted stays shown."""
    revisions: Counter[tuple[object, object]] = Counter()
    for line in journal:
        message = line.get("chat_id"), line.get("message_id")
        place = {"room": str(message[0]), "id": str(message[1]), "text": line.get("text", "")}
        match line["event"]:
            case "injected" if line["kind"] == "callback":
                press = {"id": str(line["callback_query_id"]), "message": place["id"], "value": line["data"]}
                yield {"event": "inject", "seq": line["update_id"], "kind": "press", "revision": 1, **place, **press}
            case "injected":
                revisions[message] += 1
                kind = "edit" if line["kind"] == "edit" else "message"
                yield {
                    "event": "inject",
                    "seq": line["update_id"],
                    "kind": kind,
                    "revision": revisions[message],
                    **place,
                }
            case "acked":
                yield {"event": "ack", "after": line["offset"], "seqs": line["update_ids"]}
            case "sent":
                shown = {"key": None, "repeated": False, "buttons": _buttons(line.get("reply_markup"))}
                yield {"event": "message", **shown, **place}
            case "edited":
                yield {"event": "edit", **place}
            case "markup" if not line.get("reply_markup"):
                yield {"event": "unbutton", **place}
            case "answered":
                yield {"event": "told", "press": line["callback_query_id"], "text": line["text"]}
            case _:
                continue
