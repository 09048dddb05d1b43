"""What is fed, and what has to hold for every input, whoever sent it.

Only the declared errors may come out. What is read can be stored; cut anywhere, the same bytes say the same.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.channels.loopback import wire as loopback_wire
from quarterdeck.channels.telegram import cutting, markdown, updates
from quarterdeck.channels.telegram import wire as telegram_wire
from quarterdeck.channels.telegram.acts import Acts
from quarterdeck.documents.formats import kind_of as document_kind
from quarterdeck.model.action import ModelCall
from quarterdeck.model.inbound import Inbound
from quarterdeck.model.message import encode
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.ports import ModelProfile, ProviderFailed
from quarterdeck.providers.anthropic import files
from quarterdeck.providers.anthropic.adapter import MessagesWire
from quarterdeck.providers.anthropic.settings import Settings as AnthropicSettings
from quarterdeck.providers.gemini.adapter import GeminiWire
from quarterdeck.providers.gemini.wire import Dialect
from quarterdeck.providers.http.sse import EventParser
from quarterdeck.providers.http.wire import Refusal, Wire
from quarterdeck.providers.openai_compatible.adapter import ChatWire
from quarterdeck.providers.openai_compatible.dialect import PLAIN
from quarterdeck.providers.openai_responses.adapter import ResponsesWire
from quarterdeck.providers.openai_responses.wire import Manner

Target = Callable[[bytes], None]

CALL = ModelCall("main", "m", b"{}", 50, 100, "k0")
WIRES: Mapping[str, Wire] = {
    "chat": ChatWire(ModelProfile(), PLAIN),
    "responses": ResponsesWire(ModelProfile(), Manner()),
    "anthropic": MessagesWire(AnthropicSettings()),
    "gemini": GeminiWire(ModelProfile(), Dialect()),
}
BOT = updates.Me(4242424242, "ada_bot")
LIMIT = 100


def pieces(data: bytes) -> Sequence[bytes]:
    """The same bytes, cut in a way that depends on them alone."""
    size = 1 + len(data) % 13
    return [data[at : at + size] for at in range(0, len(data), size)]


# --- streams --------------------------------------------------------------------------------------------------


def sse(data: bytes) -> None:
    """Events do not depend on where the body was cut."""

    def events(chunks: Sequence[bytes]) -> list[bytes]:
        parser = EventParser()
        return [*(event for chunk in chunks for event in parser.feed(chunk)), *parser.close()]

    assert events([data]) == events(pieces(data))


def reading(wire: Wire) -> Target:
    """An answer, or ProviderFailed."""

    def outcome(chunks: Sequence[bytes]) -> ModelAnswer | tuple[str, Usage | None]:
        read, shown = wire.reading(CALL, None), ""
        for chunk in chunks:
            if read.done:
                break
            shown += read.feed(chunk)
        try:
            answer = read.end()
        except ProviderFailed as failed:
            _believable(failed.usage)
            return failed.kind, failed.usage
        _believable(answer.usage)
        encode(answer.message)
        ids = [call.id for call in answer.message.calls]
        assert len(set(ids)) == len(ids), "every call has an id of its own"
        return answer

    def target(data: bytes) -> None:
        assert outcome([data]) == outcome(pieces(data))

    return target


def _believable(usage: Usage | None) -> None:
    if usage is not None:
        assert min(usage.input, usage.output, usage.cached, usage.cache_write, usage.reasoning) >= 0, usage
        assert usage.cached <= usage.input, usage
        assert usage.reasoning <= usage.output, usage


# --- whole bodies ---------------------------------------------------------------------------------------------


def bodies(data: bytes) -> None:
    """Refusals, lists of models and vectors, of every vendor."""
    for wire in WIRES.values():
        for status in (400, 401, 404, 429, 500, 503):
            refusal = Refusal(status, {"Retry-After": data[:9].decode("latin-1")}, data, None, 1_700_000_000.0)
            failed = wire.refusal(refusal)
            assert failed.retry_after is None or failed.retry_after >= 0
        try:
            models, _ = wire.models(data)
            assert all(model.name and model.window >= 0 and model.max_output >= 0 for model in models)
        except ProviderFailed:
            pass
        try:
            asked = wire.prepare_embedding("main", "k0", "m", ["one", "two"], None)
            found = wire.embeddings(asked, data)
        except ProviderFailed:
            continue
        _believable(found.usage)
        assert len(found.vectors) == 2


# --- channels -------------------------------------------------------------------------------------------------


def telegram(data: bytes) -> None:
    """An answer of the Bot API, as a send's fate and as updates; and the bytes as a text to be sent."""
    given = telegram_wire.answer(200, data)
    for native in ("", "7"):
        telegram_wire.fate(given, native)
        telegram_wire.fate(telegram_wire.answer(400, data), native)
    text = data.decode(errors="replace")
    for part in cutting.cut(text, LIMIT):
        assert markdown.render(part) is not None
    try:
        batch = msgspec.json.decode(given.said.result if given.said else b"[]", type=tuple[updates.Update, ...])
    except UNREADABLE:
        return
    acts = Acts("wire")
    for update in batch:
        _storable(acts.read(update, BOT))


def loopback(data: bytes) -> None:
    """A page of the feed; and the bytes as a text to be cut."""
    text = data.decode(errors="replace")
    parts = loopback_wire.cut(text, LIMIT)
    assert all(0 < len(part) <= LIMIT for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
    try:
        feed = msgspec.json.decode(data, type=loopback_wire.WireFeed)
    except UNREADABLE:
        return
    for event in feed.events:
        _storable(loopback_wire.inbound("wire", event))


def _storable(act: Inbound | None) -> None:
    if act is not None:
        assert act.act_key
        assert msgspec.json.decode(msgspec.json.encode(act), type=Inbound) == act


# --- files ----------------------------------------------------------------------------------------------------


def sniffed(data: bytes) -> None:
    """What a file is, by its first bytes or by what is said of it."""
    kind = files.carried(data)
    if kind is not None:
        assert kind in files.READS
        assert files.tokens(data, kind) > 0
    name, _, mime = data.decode(errors="replace").partition("\0")
    document_kind(name, mime)


TARGETS: Mapping[str, Target] = {
    "sse": sse,
    **{name: reading(wire) for name, wire in WIRES.items()},
    "bodies": bodies,
    "telegram": telegram,
    "loopback": loopback,
    "files": sniffed,
}
