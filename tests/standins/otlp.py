"""A stand-in for an OpenTelemetry collector: takes traces as OTLP over HTTP, reads them with the published messages of
the protocol (package opentelemetry-proto), and answers as a test says.

What it refuses follows opentelemetry-proto, docs/specification.md, "OTLP/HTTP Request": another media type (415), a
body that is no request (400), and spans that no backend could place: ids of a wrong length or all zero, an end before
the beginning, one span twice.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

PROTOBUF = "application/x-protobuf"
Value = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True)
class Seen:
    """One span as it came; times are Unix nanoseconds, ids hexadecimal."""

    name: str
    trace: str
    id: str
    parent: str
    kind: str
    began: int
    ended: int
    failed: bool
    attributes: dict[str, Value]
    resource: dict[str, Value]


@dataclass
class Collector:
    """`script` are statuses for the next requests, 0 for one that is never answered; `rejects` spans of each request
    it does not want. `raw` are all bodies that came, `headers` those of the newest request.
    """

    url: str = ""
    script: deque[int] = field(default_factory=deque)
    rejects: int = 0
    spans: list[Seen] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    async def take(self, http: web.Request) -> web.StreamResponse:
        """One request."""
        body = await http.read()
        self.raw.append(body)
        self.headers = {name.lower(): value for name, value in http.headers.items()}
        status = self.script.popleft() if self.script else 200
        if status == 0:
            await asyncio.Event().wait()
        if status != 200:
            return web.Response(status=status)
        if http.content_type != PROTOBUF:
            return self._refuse(415, f"not {PROTOBUF}")
        try:
            spans = read(body)
            self._check(spans)
        except (DecodeError, ValueError) as error:
            return self._refuse(400, str(error))
        self.spans += spans
        answer = ExportTraceServiceResponse()
        if self.rejects:
            answer.partial_success.rejected_spans = self.rejects
        return web.Response(body=answer.SerializeToString(), content_type=PROTOBUF)

    def named(self, name: str) -> list[Seen]:
        """The spans of a name."""
        return [one for one in self.spans if one.name == name]

    def _check(self, spans: list[Seen]) -> None:
        known = {(one.trace, one.id) for one in self.spans}
        for one in spans:
            if len(one.trace) != 32 or len(one.id) != 16 or not int(one.trace, 16) or not int(one.id, 16):
                raise ValueError(f"the ids of {one.name} are malformed")
            if one.parent and len(one.parent) != 16:
                raise ValueError(f"the parent of {one.name} is malformed")
            if not one.name or not 0 < one.began <= one.ended:
                raise ValueError(f"{one.name} has no name or no time")
            if (one.trace, one.id) in known:
                raise ValueError(f"{one.name} came twice")
            known.add((one.trace, one.id))

    def _refuse(self, status: int, reason: str) -> web.Response:
        self.refused.append(reason)
        return web.Response(status=status)


def read(body: bytes) -> list[Seen]:
    """All spans of a request. Raises DecodeError."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Seen(
            name=span.name,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
            began=span.start_time_unix_nano,
            ended=span.end_time_unix_nano,
            failed=span.status.code == 2,
            attributes=_values(span.attributes),
            resource=_values(of.resource.attributes),
        )
        for of in request.resource_spans
        for scope in of.scope_spans
        for span in scope.spans
    ]


def _values(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "array_value":
            return tuple(one.string_value for one in value.array_value.values)
        case other:
            raise ValueError(f"an attribute is {other}")


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A collector on a free port of this machine; `url` is its base address."""
    standin = Collector()
    app = web.Application(client_max_size=20_000_000)
    app.add_routes([web.post("/v1/traces", standin.take)])
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    standin.url = f"http://{host}:{port}"
    try:
        yield standin
    finally:
        await runner.cleanup()
