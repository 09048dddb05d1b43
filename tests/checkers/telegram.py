"""What did the Telegram stand-in record? The same lines as the loopback one's."""

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.checkers.platform import Line


def telegram_lines(journal: Iterable[Line]) -> Iterator[Line]:
    """Translate its journal: a chat is a room, an update's id a place on the feed. What was deleted stays shown."""
    revisions: Counter[tuple[object, object]] = Counter()
    for line in journal:
        message = line.get("chat_id"), line.get("message_id")
        place = {"room": str(message[0]), "id": str(message[1]), "text": line.get("text", "")}
        match line["event"]:
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
                yield {"event": "message", "key": None, "repeated": False, **place}
            case "edited":
                yield {"event": "edit", **place}
            case _:
                continue
