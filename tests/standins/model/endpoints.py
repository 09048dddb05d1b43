"""Which ways of asking are there? Each reads a request into a question and writes a Reply as its answer."""

from typing import Protocol

import msgspec

from tests.standins.model import embeddings, requests, wire
from tests.standins.model.answer import Reply
from tests.standins.model.asked import Asked
from tests.standins.model.directives import Fault
from tests.standins.model.ledger import Call
from tests.standins.model.refused import SERVER_FAULT
from tests.standins.model.responses import output
from tests.standins.model.responses import requests as responses
from tests.standins.model.responses import wire as events


class Question(Protocol):
    """A request that keeps the rules of its endpoint."""

    @property
    def asked(self) -> Asked: ...

    def body(self, reply: Reply, call: Call) -> bytes:
        """The answer in one piece."""
        ...

    def frames(self, reply: Reply, call: Call) -> wire.Frames:
        """The answer as a stream."""
        ...

    def broken(self, fault: Fault, call: Call, number: int) -> bytes:
        """What ends a stream with an error behind `number` events."""
        ...

    def failed(self, fault: Fault, call: Call) -> bytes | None:
        """The answer in one piece that says that it failed; None where only a status can say it."""
        ...


class Rules(msgspec.Struct, frozen=True):
    """Known models (none: any) and the tokens that they read."""

    models: tuple[str, ...]
    context_tokens: int


class Chat(msgspec.Struct, frozen=True):
    """POST /v1/chat/completions."""

    asked: Asked

    @classmethod
    def read(cls, raw: bytes, rules: Rules) -> "Chat":
        """Raises Refused."""
        return cls(requests.accept(raw, rules.models, rules.context_tokens))

    def body(self, reply: Reply, call: Call) -> bytes:
        return wire.completion(reply, self._head(call))

    def frames(self, reply: Reply, call: Call) -> wire.Frames:
        return wire.frames(reply, self._head(call), self.asked.usage)

    def broken(self, fault: Fault, call: Call, number: int) -> bytes:
        error = {"message": SERVER_FAULT, "type": "server_error", "param": None, "code": fault.code}
        return b"data: " + wire.error(error) + b"\n\n"

    def failed(self, fault: Fault, call: Call) -> bytes | None:
        return None

    def _head(self, call: Call) -> wire.Head:
        return wire.Head(f"chatcmpl-{call.digest[:24]}", int(call.at), self.asked.model)


class Responses(msgspec.Struct, frozen=True):
    """POST /v1/responses. An answer is remembered unless the request forbids it."""

    accepted: responses.Accepted
    stored: responses.Stored

    @classmethod
    def read(cls, raw: bytes, rules: Rules, stored: responses.Stored) -> "Responses":
        """Raises Refused."""
        return cls(responses.accept(raw, rules.models, rules.context_tokens, stored), stored)

    @property
    def asked(self) -> Asked:
        return self.accepted.asked

    def body(self, reply: Reply, call: Call) -> bytes:
        self._remember(reply, call)
        return events.body(self.accepted, reply, _head(call))

    def frames(self, reply: Reply, call: Call) -> wire.Frames:
        self._remember(reply, call)
        return events.frames(self.accepted, reply, _head(call))

    def broken(self, fault: Fault, call: Call, number: int) -> bytes:
        return events.broken(self.accepted, _head(call), fault, number)

    def failed(self, fault: Fault, call: Call) -> bytes | None:
        if fault.kind == "error":
            return None
        return msgspec.json.encode(events.failed(self.accepted, _head(call), fault.code))

    def _remember(self, reply: Reply, call: Call) -> None:
        if self.accepted.request.store is False:
            return
        head = _head(call)
        brought = output.items(self.accepted, reply, head)
        items = [*self.accepted.items, *(msgspec.Raw(msgspec.json.encode(item)) for item in brought)]
        ids = frozenset(str(item["id"]) for item in brought)
        known = self.stored.find(self.accepted.request.previous_response_id).ids
        self.stored.keep(head.id, responses.Kept(tuple(items), known | ids))


class Embedding(msgspec.Struct, frozen=True):
    """POST /v1/embeddings."""

    wanted: embeddings.Wanted

    @classmethod
    def read(cls, raw: bytes, rules: Rules) -> "Embedding":
        """Raises Refused."""
        return cls(embeddings.accept(raw, rules.models))

    @property
    def asked(self) -> Asked:
        return self.wanted.asked

    def body(self, reply: Reply, call: Call) -> bytes:
        return embeddings.body(self.wanted)

    def frames(self, reply: Reply, call: Call) -> wire.Frames:
        raise AssertionError("vectors are not streamed")

    def broken(self, fault: Fault, call: Call, number: int) -> bytes:
        raise AssertionError("vectors are not streamed")

    def failed(self, fault: Fault, call: Call) -> bytes | None:
        return None


def _head(call: Call) -> output.Head:
    return output.Head(f"resp_{call.digest[:48]}", int(call.at))
