"""What a look shows, as metrics: what rules of Prometheus and dashboards are made from."""

from collections import Counter
from collections.abc import Collection
from typing import Final

from quarterdeck.flow.watch.watching import Look
from quarterdeck.model.alert import RULES
from quarterdeck.observe.metrics import Metrics

_GAUGES: Final = (
    "alerts", "watch_timestamp_seconds", "connection_up", "connection_refused", "connection_unheard_seconds",
    "unanswered_seconds", "lane_stuck_seconds", "outbox_parts", "outbox_oldest_seconds", "model_failures_in_a_row",
    "audit_lag_seconds",
)  # fmt: skip


def withdraw(metrics: Metrics) -> None:
    """Show none of it any more: somebody else looks now, and old values would be taken for his."""
    metrics.withdraw(_GAUGES)


def publish(metrics: Metrics, look: Look, firing: Collection[str], now: float) -> None:
    """Set the gauges; `firing` has the rule of each alert that fires, `now` is Unix seconds."""
    counts = Counter(firing)
    metrics.gauges("alerts", "Alerts that fire", "rule", {rule: float(counts[rule]) for rule in RULES})
    metrics.gauge("watch_timestamp_seconds", "When the watcher last looked", now)
    healths = {one.name: one.health for one in look.connections}
    up = {name: float(health is not None and health.alive) for name, health in healths.items()}
    metrics.gauges("connection_up", "1 while the platform is reached", "connection", up)
    refused = {name: float(health is not None and health.refused) for name, health in healths.items()}
    metrics.gauges("connection_refused", "1 while the platform refuses the account", "connection", refused)
    heard = {one.name: one.unheard for one in look.connections if one.health and one.health.last_heard}
    metrics.gauges("connection_unheard_seconds", "Since the platform last answered", "connection", heard)
    late = {one.subject: one.age for one in look.unanswered}
    metrics.gauges("unanswered_seconds", "Age of the oldest late message without an outcome", "connection", late)
    stuck = {one.subject: one.age for one in look.unworked}
    for turn in look.turns:
        stuck[turn.assistant] = max(stuck.get(turn.assistant, 0.0), turn.age - turn.allowed)
    metrics.gauges("lane_stuck_seconds", "For how long a lane or a turn stands still", "assistant", stuck)
    metrics.gauges("outbox_parts", "Parts to be sent", "connection", {one.subject: one.count for one in look.unsent})
    metrics.gauges(
        "outbox_oldest_seconds", "Age of the oldest unsent part", "connection",
        {one.subject: one.age for one in look.unsent},
    )  # fmt: skip
    failing = {one.route: float(one.count) for one in look.failing}
    metrics.gauges("model_failures_in_a_row", "Newest calls of a model that all failed", "model", failing)
    metrics.gauge("audit_lag_seconds", "For how long records wait to be sealed", look.audit_age)
