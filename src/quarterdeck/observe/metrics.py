"""Counters and durations, exposed as /metrics. Labels come from small closed sets, never from people."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from quarterdeck.model.turn import Usage

TOKEN_KINDS = ("input", "cached", "cache_write", "output", "reasoning")

M = TypeVar("M", Counter, Histogram)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """All metrics of one process; names start with `quarterdeck_`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._turns = Counter("quarterdeck_turns", "Turns ended", ("outcome",), registry=self.registry)
        self._turn_seconds = Histogram(
            "quarterdeck_turn_seconds", "Turn, from take to end", buckets=SECONDS, registry=self.registry
        )
        self._model = Counter("quarterdeck_model_calls", "Model calls", ("provider", "result"), registry=self.registry)
        self._model_seconds = Histogram(
            "quarterdeck_model_seconds", "One model call", ("provider",), buckets=SECONDS, registry=self.registry
        )
        self._tokens = Counter(
            "quarterdeck_tokens",
            "Tokens used; cached and cache_write are part of input, reasoning is part of output",
            ("provider", "model", "kind"),
            registry=self.registry,
        )
        self._cost = Counter(
            "quarterdeck_cost", "What model calls cost", ("provider", "model", "currency"), registry=self.registry
        )
        self._unpriced = Counter(
            "quarterdeck_unpriced_calls",
            "Model calls whose price is not known",
            ("provider", "model"),
            registry=self.registry,
        )
        self._tools = Counter("quarterdeck_tool_runs", "Tool runs", ("tool", "result"), registry=self.registry)
        self._fallbacks = Counter(
            "quarterdeck_fallbacks", "Models passed over for another", ("provider", "kind"), registry=self.registry
        )
        self._summaries = Counter("quarterdeck_summaries", "Long pasts summarized", ("result",), registry=self.registry)
        self._sends = Counter("quarterdeck_sends", "Platform calls", ("connection", "result"), registry=self.registry)
        self._send_seconds = Histogram(
            "quarterdeck_send_seconds",
            "One platform call",
            ("connection",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._acknowledgements = Counter(
            "quarterdeck_acknowledgements", "Reactions of ours", ("connection", "result"), registry=self.registry
        )
        self._webhooks = Counter(
            "quarterdeck_webhooks", "Calls of platforms to us", ("connection", "result"), registry=self.registry
        )
        self._hooks = Counter(
            "quarterdeck_hooks",
            "Calls of hooks, and events lost to them",
            ("hook", "on", "result"),
            registry=self.registry,
        )
        self._incidents = Counter(
            "quarterdeck_incidents", "Single failures that somebody may want to look at", ("kind",),
            registry=self.registry,
        )  # fmt: skip
        self._spans = Counter("quarterdeck_spans", "Spans: sent, or lost to what", ("result",), registry=self.registry)
        self._gauges: dict[str, Gauge] = {}
        self._children: dict[tuple[int, tuple[str, ...]], Counter | Histogram] = {}

    def turn(self, outcome: str, seconds: float) -> None:
        """A turn ended."""
        self._child(self._turns, outcome).inc()
        self._turn_seconds.observe(seconds)

    def model(self, provider: str, result: str, seconds: float) -> None:
        """A model call ended."""
        self._child(self._model, provider, result).inc()
        self._child(self._model_seconds, provider).observe(seconds)

    def used(self, provider: str, model: str, usage: Usage, amount: int | None, currency: str) -> None:
        """What a call used, and what that costs (10^-9 of the currency; None: no price). Calls whose usage nobody
        knows are not counted here; the ledger has them, as estimated.
        """
        for kind in TOKEN_KINDS:
            if tokens := getattr(usage, kind):
                self._child(self._tokens, provider, model, kind).inc(tokens)
        if amount is None:
            self._child(self._unpriced, provider, model).inc()
        else:
            self._child(self._cost, provider, model, currency).inc(amount / 1e9)  # for graphs; sums are the ledger's

    def fallback(self, provider: str, kind: str) -> None:
        """A model was passed over for another."""
        self._fallbacks.labels(provider, kind).inc()

    def summary(self, result: str) -> None:
        """A long past was summarized, or could not be."""
        self._summaries.labels(result).inc()

    def tool(self, tool: str, result: str) -> None:
        """A tool run ended."""
        self._child(self._tools, tool, result).inc()

    def sent(self, connection: str, result: str, seconds: float) -> None:
        """A platform call ended."""
        self._child(self._sends, connection, result).inc()
        self._child(self._send_seconds, connection).observe(seconds)

    def acknowledgement(self, connection: str, result: str) -> None:
        """A reaction on a person's message (set, taken_off, failed)."""
        self._child(self._acknowledgements, connection, result).inc()

    def webhook(self, connection: str, result: str) -> None:
        """A platform called us (taken, refused, failed, busy)."""
        self._child(self._webhooks, connection, result).inc()

    def hook(self, hook: str, on: str, result: str, count: int = 1) -> None:
        """A hook was called (passed, changed, denied, failed, told), or an event was lost to it."""
        self._hooks.labels(hook, on, result).inc(count)

    def incident(self, kind: str) -> None:
        """A single failure that somebody may want to look at; what goes on failing is an alert."""
        self._incidents.labels(kind).inc()

    def spans(self, result: str, count: int) -> None:
        """Spans were taken by a collector (sent), or lost (queue_full, refused, unreachable)."""
        if count:
            self._spans.labels(result).inc(count)

    def gauge(self, name: str, text: str, value: float) -> None:
        """Set a gauge, `quarterdeck_<name>`."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(f"quarterdeck_{name}", text, registry=self.registry)
        self._gauges[name].set(value)

    def gauges(self, name: str, text: str, label: str, values: Mapping[str, float]) -> None:
        """Set `quarterdeck_<name>` for each value of its label; those that are not named are gone."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(f"quarterdeck_{name}", text, (label,), registry=self.registry)
        self._gauges[name].clear()
        for one, value in values.items():
            self._gauges[name].labels(one).set(value)

    def withdraw(self, names: Iterable[str]) -> None:
        """Take gauges away, so that nobody takes an old value for one of now."""
        for name in names:
            if (gauge := self._gauges.pop(name, None)) is not None:
                self.registry.unregister(gauge)

    def _child(self, metric: M, *labels: str) -> M:
        """A metric with its labels; looked up once for each of their small closed sets."""
        key = (id(metric), labels)
        if (child := self._children.get(key)) is None:
            child = self._children[key] = metric.labels(*labels)
        return child  # pyright: ignore[reportReturnType]

    def exposition(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self.registry)
