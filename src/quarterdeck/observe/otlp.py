"""How do spans look to an OpenTelemetry collector? As one request of OTLP, written by OpenTelemetry's own encoder.

This is the only file that imports OpenTelemetry (the extra `otel`); it is imported where traces are wanted, not before.
"""

from collections.abc import Mapping, Sequence

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.re import parse_env_headers

from quarterdeck.observe.traces import Span, span_id, trace_id

KINDS = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
FINE, FAILED = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class Encoder:
    """Writes requests. What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before our own name."""

    def __init__(self, version: str) -> None:
        ours = Resource({SERVICE_NAME: "quarterdeck", SERVICE_VERSION: version})
        self._resource = ours.merge(OTELResourceDetector().detect())
        self._scope = InstrumentationScope("quarterdeck", version)

    def request(self, spans: Sequence[Span]) -> bytes:
        """An ExportTraceServiceRequest."""
        return encode_spans([self._span(one) for one in spans]).SerializeToString()

    def rejected(self, answer: bytes) -> int:
        """How many spans of a request that was taken a collector did not want. An answer of no sense says nothing."""
        try:
            return ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans
        except DecodeError:
            return 0

    def _span(self, one: Span) -> ReadableSpan:
        began = int(one.began * 1e9)
        named = {"error.type": one.error} if one.error else {}
        return ReadableSpan(
            name=one.name,
            context=_context(one.turn, one.about),
            parent=None if one.root else _context(one.turn, one.turn),
            resource=self._resource,
            attributes={**one.attributes, **named},
            kind=KINDS[one.kind],
            status=FAILED if one.error else FINE,
            start_time=began,
            end_time=began + max(0, int(one.seconds * 1e9)),
            instrumentation_scope=self._scope,
        )


def headers(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Headers for the collector, such as a key, as the standard variables of OpenTelemetry have them."""
    said = environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environ.get("OTEL_EXPORTER_OTLP_HEADERS") or ""
    return parse_env_headers(said, liberal=True)


def _context(turn: str, about: str) -> SpanContext:
    return SpanContext(trace_id(turn), span_id(about), is_remote=False, trace_flags=SAMPLED)
