"""How does reasoning go back with the message that it led to? Pure.

Nothing is stored at the vendor, so a reasoning item travels with us, its contents sealed
(`encrypted_content`: openai 3.54.0, types/responses/response_reasoning_item.py). It must come back before the very item
that it led to, which keeps its id (OpenHands/software-agent-sdk #1754), without a `status` (1jehuang/jcode #1028) and
with its `summary`, even an empty one (newo-ether/Agora #141). An assistant's message keeps its `phase`
(types/responses/response_output_message.py).

What is kept names each item in order: reasoning as it is, of a message its id, phase and length, of a call its ids. The
texts stand in the message already. Sealed contents open only for the organisation that they were made for, so they go
back only with the key and the model that they came with.
"""

from collections.abc import Sequence

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.message import AssistantMessage, ProviderState

WIRE = "openai-responses"
BETWEEN = "\n\n"
"""Stands between two messages of one answer, which are one message here."""

MAX_BYTES = 512 * 1024
"""More is not kept: then the model does without its earlier reasoning."""


class Thought(msgspec.Struct, frozen=True, tag="reasoning", omit_defaults=True):
    """A reasoning item; `summary` are the parts of what the model says about it."""

    id: str
    encrypted_content: str
    summary: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True, tag="message", omit_defaults=True):
    """A message item: `length` characters of the answer's text."""

    id: str
    length: int
    phase: str = ""


class Called(msgspec.Struct, frozen=True, tag="function_call", omit_defaults=True):
    """A call item: `id` is the item's, `call_id` the call's."""

    id: str
    call_id: str


Kept = Thought | Said | Called


class Replay(msgspec.Struct, frozen=True):
    """The items of one answer; `origin` is the provider and its key."""

    origin: str
    items: tuple[Kept, ...]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Replay)


def origin(provider: str, key: str) -> str:
    """Where sealed contents open."""
    return f"{provider}/{key}"


def keep(model: str, where: str, items: Sequence[Kept]) -> ProviderState | None:
    """What to store with a message; None where the plain message says all."""
    if not any(isinstance(item, Thought) or (isinstance(item, Said) and item.phase) for item in items):
        return None
    data = _encoder.encode(Replay(where, tuple(items)))
    return ProviderState(WIRE, model, data.decode()) if len(data) <= MAX_BYTES else None


def take_back(message: AssistantMessage, model: str, where: str) -> tuple[Kept, ...]:
    """The items that `message` was made of; none where they are another's, or do not fit the message any more."""
    state = message.state
    if state is None or (state.wire, state.model) != (WIRE, model):
        return ()
    try:
        replay = _decoder.decode(state.data)
    except UNREADABLE:
        return ()
    fits = replay.origin == where and _fits(message, replay.items)
    return replay.items if fits else ()


def _fits(message: AssistantMessage, items: Sequence[Kept]) -> bool:
    """The same calls, and as many characters; and what is last is no reasoning, which would lead to nothing."""
    calls = [item.call_id for item in items if isinstance(item, Called)]
    lengths = [item.length for item in items if isinstance(item, Said) and item.length > 0]
    whole = sum(lengths) + len(BETWEEN) * max(0, len(lengths) - 1)
    sound = all(item.length >= 0 for item in items if isinstance(item, Said))
    led = bool(items) and not isinstance(items[-1], Thought)
    return sound and led and whole == len(message.text) and calls == [call.id for call in message.calls]
