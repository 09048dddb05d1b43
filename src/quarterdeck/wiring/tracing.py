"""Wiring of traces: to which collector they go, and what that needs. Nothing of it is imported where none is named."""

from collections.abc import Mapping

from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.supervise import Service
from quarterdeck.flow.tracing import Tracing
from quarterdeck.observe.metrics import Metrics
from quarterdeck.wiring.builtin import Builder

VENDORS = {"openai": "openai", "openai-responses": "openai", "anthropic": "anthropic", "gemini": "gcp.gemini"}
"""Kinds of providers, as the GenAI conventions call them (opentelemetry-semantic-conventions 0.66b2)."""


def traced(builder: Builder, environ: Mapping[str, str], metrics: Metrics, version: str) -> Tracing | None:
    """Who makes spans, None where nobody wants them; the service that ships them is added to the builder's early ones.

    Raises ConfigRefused where the configuration names a collector and the extra is missing; where only a variable
    does, which may be meant for other programs, the log says it.
    """
    configured = builder.config.observe.otlp_endpoint
    url = address(configured, environ)
    if not url:
        return None
    try:
        from quarterdeck.observe import otlp
    except ImportError as error:
        fix = "Install it: pip install 'quarterdeck[otel]'"
        if configured:
            reason = "traces need the libraries of OpenTelemetry, which are not installed"
            raise ConfigRefused("observe.otlp_endpoint", reason, fix) from error
        builder.log.warning("traces.off", reason=f"the library {error.name} is missing", fix=fix)
        return None
    from quarterdeck.net.otlp import Shipping
    from quarterdeck.observe.traces import Traces

    traces = Traces(metrics)
    encoder, headers = otlp.Encoder(version), otlp.headers(environ)
    shipping = Shipping(traces, encoder, url, headers, builder.client, metrics, builder.log)
    builder.early.append(Service(name="traces", run=shipping.run, restart="backoff"))
    vendors = {name: VENDORS.get(one.kind, name) for name, one in builder.config.providers.items()}
    return Tracing(traces, builder.clock, vendors)


def address(configured: str, environ: Mapping[str, str]) -> str:
    """Where traces are posted; empty: nowhere. The configuration's base address goes before the standard variables
    (opentelemetry.io/docs/specs/otel/protocol/exporter): one for traces, taken as it stands, and one for everything.
    """
    if not configured and environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return ""
    if not configured and (whole := environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return whole
    base = configured or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    return f"{base.rstrip('/')}/v1/traces" if base else ""
