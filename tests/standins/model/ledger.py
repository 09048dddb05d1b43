"""Which requests came, and what became of each?"""

import time
from collections import OrderedDict, deque
from pathlib import Path

import msgspec

from tests.standins import Record

MAX_TEXTS = 10_000


class Call(msgspec.Struct, kw_only=True):
    """One request and its end. `kind` is None while it is being answered.

    kind: text, tools, refusal; "status 500" (asked for); hang, cut, error, failed, garbage; "refused 400"
    (broke a rule).
    round counts the tool rounds before it, attempt the requests with exactly this text (0: not counted).
    """

    n: int
    at: float
    digest: str
    text: str = ""
    model: str = ""
    stream: bool = False
    messages: int = 0
    round: int = 0
    attempt: int = 0
    idempotency_key: str | None = None
    kind: str | None = None
    status: int | None = None
    deltas: int = 0
    disconnected: bool = False
    seconds: float | None = None


ENDING = ("n", "kind", "status", "deltas", "disconnected", "seconds")


class Ledger:
    """Keeps the last `keep` requests with their bodies; the record has them all."""

    def __init__(self, record: Record, keep: int) -> None:
        self.calls: deque[tuple[Call, bytes]] = deque(maxlen=keep)
        self._record = record
        self._count = 0
        self._attempts: OrderedDict[str, int] = OrderedDict()

    def arrival(self, digest: str, idempotency_key: str | None) -> Call:
        """Number a request that has been read completely."""
        self._count += 1
        return Call(n=self._count, at=time.time(), digest=digest, idempotency_key=idempotency_key)

    def begin(self, call: Call, body: bytes) -> None:
        """Record the request before anything is done about it."""
        self.calls.append((call, body))
        asked = {name: getattr(call, name) for name in call.__struct_fields__ if name not in ENDING}
        self._record.write({"event": "request", "n": call.n, **asked})

    def end(self, call: Call) -> None:
        """Record what became of it."""
        call.seconds = round(time.time() - call.at, 6)
        self._record.write({"event": "end", **{name: getattr(call, name) for name in ENDING}})

    def attempt(self, text: str) -> int:
        """Count one more request with exactly this text, from 1; the oldest of MAX_TEXTS is forgotten."""
        self._attempts[text] = count = self._attempts.pop(text, 0) + 1
        if len(self._attempts) > MAX_TEXTS:
            self._attempts.popitem(last=False)
        return count


def read_record(path: Path) -> list[Call]:
    """The requests of a record file in the order of their arrival; one without an end has `kind` None.

    A last line that is still being written is left out.
    """
    calls: dict[int, dict[str, object]] = {}
    for line in path.read_bytes().split(b"\n")[:-1]:
        fields = msgspec.json.decode(line, type=dict[str, object])
        fields.pop("event")
        calls.setdefault(int(str(fields["n"])), {}).update(fields)
    return [msgspec.convert(fields, Call) for fields in calls.values()]
