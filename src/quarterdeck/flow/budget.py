"""How much of a conversation fits into a request? Pure: sizes and limits in, messages out.

Tokens are estimated from bytes, and corrected by what the provider reported for the route (`Gauge`). Where a
conversation does not fit, old tool results are shortened first, then its oldest part is left out, and both say so.
"""

from collections.abc import Mapping, Sequence

import msgspec

from quarterdeck.model.message import LateResults, Message, SystemEvent, ToolResult, UserMessage, encode

CUT_MARK = SystemEvent("Earlier messages of this conversation are not shown.")
UNKNOWN_WINDOW = 32_000  # tokens, where nobody says what a model takes
MARGIN = 0.95  # of the window: estimates are estimates
HEAD, TAIL = 600, 300  # characters that stay of a result that is shortened
LEAST = 512  # tokens that messages get, however little seems to be left
FILE_TOKENS = 1_600  # an image of ordinary size; source: vendors count 85 to 1,600 for one


class Past(msgspec.Struct, frozen=True):
    """What is kept of a session for its next turns: a summary of what was long ago, what is pinned, the rest.

    `places` and `sizes` (bytes as stored) belong to `messages`, oldest first. `cut`: there are older messages that
    neither stand here nor in the summary.
    """

    messages: tuple[Message, ...] = ()
    sizes: tuple[int, ...] = ()
    places: tuple[tuple[int, int], ...] = ()
    summary: str = ""
    pins: tuple[str, ...] = ()
    cut: bool = False

    @property
    def size(self) -> int:
        """Bytes of everything."""
        return sum(self.sizes) + len(self.summary) + sum(map(len, self.pins))

    @property
    def opening(self) -> tuple[SystemEvent, ...]:
        """What stands before the messages: the summary and what is pinned."""
        first = (SystemEvent(f"Summary of the conversation before this:\n{self.summary}"),) if self.summary else ()
        return (*first, *(SystemEvent(f"Pinned, always to be kept in mind: {pin}") for pin in self.pins))


NO_PAST = Past()


class Gauge:
    """Learns for each route how many tokens a byte is; bounded by the routes that are asked."""

    def __init__(self) -> None:
        self._factors: dict[str, float] = {}

    def tokens(self, route: str, size: int) -> int:
        """Tokens of `size` bytes, at least one."""
        return max(1, round(size * 0.3 * self._factors.get(route, 1.0)))

    def size(self, route: str, tokens: int) -> int:
        """Bytes of so many tokens."""
        return int(tokens / (0.3 * self._factors.get(route, 1.0)))

    def learn(self, route: str, size: int, tokens: int) -> None:
        """A request of `size` bytes was reported as `tokens`. Small ones tell little (overhead is most of them), and
        what cannot be true nothing.
        """
        if size < 2_000 or not 0.1 <= tokens / size <= 1.5:
            return
        self._factors[route] = 0.7 * self._factors.get(route, 1.0) + 0.3 * tokens / (size * 0.3)


def room_for_messages(window: int, ceiling: int, answer: int, overhead: int) -> int:
    """Tokens that messages may have: of the window, at most `ceiling`, what answer, prompt and tools leave."""
    whole = min(window or UNKNOWN_WINDOW, ceiling)
    return max(LEAST, int(whole * MARGIN) - answer - overhead)


def fit(past: Past, turn: Sequence[Message], limit: int, most: int) -> list[Message]:
    """The messages of a request of at most `limit` bytes and, of the past, `most` messages.

    The turn itself is always there, whole where that is possible. Cuts are made where a person speaks, so that no
    call is parted from its result.
    """
    opening: list[Message] = [*past.opening]
    mark: list[Message] = [CUT_MARK] if past.cut else []
    turn_size = sum(len(encode(message)) for message in turn)
    left = limit - turn_size - len(past.summary) - sum(map(len, past.pins))
    if len(past.messages) <= most and sum(past.sizes) <= left:
        return [*opening, *mark, *past.messages, *turn]
    kept = _newest(past, left, most)
    if turn_size > limit:
        turn = shorten(turn, spare=_last_answer(turn))
    if len(kept) == len(past.messages):
        return [*opening, *mark, *kept, *turn]
    return [*opening, CUT_MARK, *kept, *turn]


def size_of(messages: Sequence[Message], past: Past = NO_PAST) -> int:
    """Bytes of messages as stored; those that come as they are from `past` are not encoded again."""
    known = dict(zip(map(id, past.messages), past.sizes, strict=True))
    return sum(known.get(id(message)) or len(encode(message)) for message in messages)


def _newest(past: Past, left: int, most: int) -> Sequence[Message]:
    """The newest messages of the past that fit, old results shortened, from a place where a person speaks on."""
    starts = [n for n, message in enumerate(past.messages) if isinstance(message, UserMessage)]
    fresh = starts[-2] if len(starts) > 1 else 0
    messages = shorten(past.messages, spare=fresh)
    sizes = [
        size if message is old else len(encode(message))
        for message, old, size in zip(messages, past.messages, past.sizes, strict=True)
    ]
    total, first = 0, len(messages)
    for n in range(len(messages) - 1, -1, -1):
        total += sizes[n]
        if total > left or len(messages) - n > most:
            break
        if isinstance(messages[n], UserMessage) or n == 0:
            first = n
    return messages[first:]


def shorten(messages: Sequence[Message], *, spare: int) -> list[Message]:
    """Long results before place `spare`, cut to their beginning and end."""
    return [_short(message) if n < spare else message for n, message in enumerate(messages)]


def _short(message: Message) -> Message:
    match message:
        case ToolResult() if len(message.text) > HEAD + TAIL + 200:
            left_out = len(message.text) - HEAD - TAIL
            text = f"{message.text[:HEAD]}\n[... {left_out} characters left out ...]\n{message.text[-TAIL:]}"
            return msgspec.structs.replace(message, text=text)
        case LateResults():
            shorter = [_short(result) for result in message.results]
            return LateResults(tuple(result for result in shorter if isinstance(result, ToolResult)))
        case _:
            return message


def _last_answer(turn: Sequence[Message]) -> int:
    """Where the results of a turn's last answer begin: the model has not seen those yet."""
    n = len(turn)
    while n and isinstance(turn[n - 1], ToolResult | LateResults | SystemEvent | UserMessage):
        n -= 1
    return n


def split(past: Past, limit: int, most: int) -> int:
    """How many of the oldest messages are to be summarized so that the rest has at most `limit` bytes and `most`
    messages; 0 where nothing can be parted off.

    The place is where a person speaks, and no result of a client's own tool is parted from its call.
    """
    total, first = 0, len(past.messages)
    for n in range(len(past.messages) - 1, -1, -1):
        total += past.sizes[n]
        if (total > limit or len(past.messages) - n > most) and first < len(past.messages):
            break
        if isinstance(past.messages[n], UserMessage):
            first = n
    return 0 if first == len(past.messages) else _before_given(past.messages, first)


def _before_given(messages: Sequence[Message], first: int) -> int:
    """The nearest place at or before `first` that parts no late result from its call."""
    given: Mapping[str, int] = {
        message.call_id: n
        for n, message in enumerate(messages)
        if isinstance(message, ToolResult) and message.status == "given"
    }
    for n in range(len(messages) - 1, first - 1, -1):
        message = messages[n]
        if not isinstance(message, LateResults):
            continue
        for result in message.results:
            at = given.get(result.call_id, first)
            while first > at or (first and not isinstance(messages[first], UserMessage)):
                first -= 1
    return first
