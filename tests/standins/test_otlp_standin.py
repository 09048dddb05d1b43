"""Does the collector's stand-in keep the protocol? Asked by OpenTelemetry's own exporter, which we do not use."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from tests.standins.otlp import PROTOBUF, Collector, collector

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def standin() -> AsyncIterator[Collector]:
    async with collector() as made:
        yield made


async def test_the_vendors_exporter_is_understood(standin: Collector) -> None:
    await asyncio.to_thread(export, standin.url)
    inner, outer = standin.spans
    assert (inner.name, inner.kind, inner.failed) == ("inner", "client", True)
    assert inner.attributes == {"n": 3, "words": ("a", "b"), "yes": True, "half": 0.5}
    assert (inner.trace, inner.parent) == (outer.trace, outer.id)
    assert (outer.parent, outer.failed) == ("", False)
    assert outer.began <= inner.began <= inner.ended <= outer.ended
    assert outer.resource["service.name"] == "somebody"


async def test_it_is_told_to_come_again(standin: Collector) -> None:
    standin.script.append(503)
    await asyncio.to_thread(export, standin.url)
    assert len(standin.raw) == 3  # each span in a request of its own, the first one twice
    assert len(standin.spans) == 2


async def test_what_is_no_request_is_refused(standin: Collector) -> None:
    async with aiohttp.ClientSession() as http:
        for kind, body, status in (("application/json", b"{}", 415), (PROTOBUF, b"\xff\xff", 400)):
            async with http.post(f"{standin.url}/v1/traces", data=body, headers={"Content-Type": kind}) as answer:
                assert answer.status == status
    assert len(standin.refused) == 2


async def test_a_span_that_comes_twice_is_refused(standin: Collector) -> None:
    await asyncio.to_thread(export, standin.url)
    async with aiohttp.ClientSession() as http:
        headers = {"Content-Type": PROTOBUF}
        async with http.post(f"{standin.url}/v1/traces", data=standin.raw[0], headers=headers) as answer:
            assert answer.status == 400
    assert standin.refused == ["inner came twice"]


def export(url: str) -> None:
    """Two spans, one in the other, by the SDK's whole machinery."""
    provider = TracerProvider(resource=Resource({"service.name": "somebody"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces", timeout=10)))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner", kind=SpanKind.CLIENT) as inner:
        inner.set_attributes({"n": 3, "words": ["a", "b"], "yes": True, "half": 0.5})
        inner.set_status(StatusCode.ERROR)
    provider.shutdown()
