"""What has every model's stand-in, whoever's wire it speaks? What came, what is planned, and how it waits and fails."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import msgspec
from aiohttp import web

from tests.standins import Record
from tests.standins.model.directives import BadDirective
from tests.standins.model.ledger import Call, Ledger
from tests.waiting import slowly

HANG_SECONDS = 600.0
MAX_QUEUED = 10_000


class Counting(Protocol):
    """A script as its vendor's directives give it."""

    @property
    def counted(self) -> bool:
        """Whether the attempts with its text must be counted."""
        ...


class Queue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    script: str
    count: int = 1


class Delay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: float


class Instant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: bool = True


S = TypeVar("S", bound=Counting)


class Scripted(Generic[S]):
    """The part of a running stand-in that is not its vendor's. `delay` (seconds) and `instant` may be set directly.

    `keep`: how many requests stay in memory.
    """

    def __init__(self, parse: Callable[[str], S], record: Record, delay: float, keep: int) -> None:
        self.url = ""
        self.delay = delay
        self.instant = False
        self._parse = parse
        self._ledger = Ledger(record, keep)
        self._queue: deque[str] = deque(maxlen=MAX_QUEUED)

    @property
    def calls(self) -> list[Call]:
        """The latest requests for an answer, oldest first."""
        return [call for call, _ in self._ledger.calls]

    @property
    def bodies(self) -> list[dict[str, object]]:
        """Their bodies."""
        return [msgspec.json.decode(body, type=dict[str, object]) for _, body in self._ledger.calls]

    def fault(self, script: str, count: int = 1) -> None:
        """Put these directives before the texts of the next `count` requests. Raises BadDirective."""
        self._parse(script)
        self._queue.extend([script] * count)

    def clear(self) -> None:
        """Forget the queued directives."""
        self._queue.clear()

    def _add_control(self, app: web.Application) -> None:
        """The routes that no vendor has."""
        app.router.add_post("/_control/faults", controlled(self._control_faults))
        app.router.add_delete("/_control/faults", controlled(lambda _: self.clear()))
        app.router.add_post("/_control/delay", controlled(self._control_delay))
        app.router.add_post("/_control/instant", controlled(self._control_instant))
        app.router.add_get("/_control/requests", self._control_requests)

    def _control_faults(self, body: bytes) -> None:
        queue = msgspec.json.decode(body, type=Queue)
        self.fault(queue.script, queue.count)

    def _control_delay(self, body: bytes) -> None:
        self.delay = msgspec.json.decode(body, type=Delay).seconds

    def _control_instant(self, body: bytes) -> None:
        self.instant = msgspec.json.decode(body or b"{}", type=Instant).on

    async def _control_requests(self, http: web.Request) -> web.Response:
        return _json(msgspec.json.encode({"requests": self.calls}))

    def _script(self, text: str, call: Call) -> S:
        """Queued directives stand before those of the text, so that their faults come first. Raises BadDirective."""
        queued = self._queue.popleft() + " " if self._queue else ""
        script = self._parse(queued + text)
        if script.counted:
            call.attempt = self._ledger.attempt(text)
        return script

    async def _wait(self, seconds: float) -> None:
        if seconds > 0 and not self.instant:
            await slowly(seconds)


async def hang(http: web.Request, call: Call) -> web.StreamResponse:
    """Accept the request and never answer."""
    call.kind = "hang"
    await slowly(HANG_SECONDS)
    return break_off(http, web.StreamResponse())


def break_off(http: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """Close the connection after what was written; the answer stays unfinished."""
    if http.transport is not None:
        http.transport.close()
    return answer


async def whole(http: web.Request, body: bytes, headers: dict[str, str], cut: bool) -> web.StreamResponse:
    """An answer in one piece, or half of it where it is to be `cut`."""
    answer = web.StreamResponse(headers=headers)
    answer.content_length = len(body)
    try:
        await answer.prepare(http)
        if cut:
            await answer.write(body[: len(body) // 2])
            return break_off(http, answer)
        await answer.write_eof(body)
    except ConnectionError:
        return answer
    return answer


def controlled(act: Callable[[bytes], None]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A control route that acts on the body; 400 where it makes no sense."""

    async def handle(http: web.Request) -> web.Response:
        try:
            act(await http.read())
        except (msgspec.DecodeError, BadDirective) as error:
            return _json(msgspec.json.encode({"error": {"message": f"stand-in: {error}"}}), 400)
        return _json(b'{"ok":true}')

    return handle


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")
