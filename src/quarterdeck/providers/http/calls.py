"""How is a tool, or the call of one, written so that no endpoint refuses it, and named so that no two are mixed up?

Pure.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.message import ToolCall
from quarterdeck.ports import ProviderFailed

Schema = dict[str, object]

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_NAME = 64
_MAX_DEPTH = 100
_object = msgspec.json.Decoder(Schema)


def name(call: ToolCall) -> str:
    """The name that a model once wrote; a bad one would have every later request refused."""
    return _NOT_IN_A_NAME.sub("_", call.name)[:_MAX_NAME] or "_"


def arguments(call: ToolCall) -> str:
    """The arguments that a model once wrote, where they are a JSON object, else none."""
    try:
        _object.decode(call.arguments)
    except UNREADABLE:
        return "{}"
    return call.arguments


def parameters(spec: ToolSpec) -> Schema:
    """A tool's parameters: the schema of an object, with its properties. Raises ProviderFailed (invalid)."""
    found = read_schema(spec.parameters, f"the parameters of the tool {spec.name}")
    if found.get("type", "object") != "object":
        reason = f"the parameters of the tool {spec.name} are not those of an object"
        raise ProviderFailed("invalid", reason, retryable=False)
    return {"type": "object", **found} if "properties" in found else {"type": "object", "properties": {}, **found}


def read_schema(text: str, what: str) -> Schema:
    """A JSON Schema. Raises ProviderFailed (invalid)."""
    try:
        return _object.decode(text)
    except UNREADABLE:
        raise ProviderFailed("invalid", f"{what} are not a JSON object", retryable=False) from None


def closed(schema: Mapping[str, object], depth: int = 0) -> bool:
    """Whether every object of the schema is closed and requires all that it knows, as OpenAI's strict mode wants it.

    OpenAI's guide on structured outputs, read secondhand (nerdai/llm-agents-from-scratch #861).
    """
    if depth > _MAX_DEPTH:
        return False
    properties = schema.get("properties")
    inner = cast("Schema", properties) if isinstance(properties, dict) else {}
    if schema.get("type") == "object" or inner:
        required = schema.get("required")
        named = cast("list[object]", required) if isinstance(required, list) else []
        if schema.get("additionalProperties") is not False or any(one not in named for one in inner):
            return False
    children = [*inner.values(), schema.get("items"), *_alternatives(schema)]
    return all(closed(cast("Schema", child), depth + 1) for child in children if isinstance(child, dict))


def _alternatives(schema: Mapping[str, object]) -> Iterable[object]:
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        yield from cast("list[object]", choices)
    definitions = schema.get("$defs")
    if isinstance(definitions, dict):
        yield from cast("Schema", definitions).values()


def ids(asked: ModelCall, given: Iterable[str]) -> Iterator[str]:
    """The ids of an answer's calls, each its own; where none was given it is made up, another one for each request."""
    taken: set[str] = set()
    for number, one in enumerate(given):
        call_id = one or f"call_{asked.digest()[:20]}{number:02}"
        while call_id in taken:
            call_id += "_"
        taken.add(call_id)
        yield call_id


class CallIds:
    """Ids of calls for an endpoint that does not take any: each fits, and none is used twice in one request.

    Write the calls of an answer with `begin`, then their results with `of`.
    """

    def __init__(self, fits: str, prefix: str, length: int) -> None:
        """`fits` is a pattern; an id that does not fit becomes `prefix` and `length` hexadecimal digits."""
        self._fits = re.compile(fits)
        self._prefix = prefix
        self._length = length
        self._used: set[str] = set()
        self._round: dict[str, str] = {}

    def begin(self, calls: Iterable[ToolCall]) -> None:
        """The calls of the next answer."""
        self._round = {}
        for call in calls:
            made, n = (call.id if self._fits.fullmatch(call.id) else self._digest(call.id)), 0
            while made in self._used:
                n += 1
                made = self._digest(f"{call.id} {n}")
            self._used.add(made)
            self._round[call.id] = made

    def of(self, call_id: str) -> str:
        """The id of a call of the latest answer."""
        return self._round.get(call_id, call_id)

    def _digest(self, text: str) -> str:
        return self._prefix + hashlib.sha256(text.encode()).hexdigest()[: self._length]
