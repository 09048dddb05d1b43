"""Alerts: one row for each thing that is wrong, from firing to resolved, and the same row again when it flaps."""

import msgspec

from quarterdeck.model.alert import Finding
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.tenancy import TENANT

_FIRING = "state = 'firing'"
"""The condition of the index `alerts_firing`, word for word: SQLite uses the index of a part of a table only then."""


class Alert(msgspec.Struct, frozen=True):
    """One row of `alerts`. Times are Unix seconds."""

    id: str
    rule: str
    subject: str
    state: str
    cause: str
    affected: str
    next_step: str
    owner: str
    times: int
    fired_at: float
    seen_at: float
    resolved_at: float | None
    acknowledged_at: float | None
    acknowledged_by: str | None
    told_at: float
    told: int
    owed: int


def fire(alert_id: str, found: Finding, now: float, *, owed: bool) -> Statement:
    """Something is wrong that was not: people are told."""
    return Statement(
        "alerts.fire",
        f"INSERT INTO alerts (tenant, {columns(Alert)}) VALUES (:tenant, :id, :rule, :subject, 'firing', :cause,"
        " :affected, :next_step, :owner, 1, :now, :now, NULL, NULL, NULL, :now, 1, :owed)",
        {"tenant": TENANT, "id": alert_id, "now": now, "owed": int(owed), **_words(found)},
        expect=1,
    )


def fire_again(alert: Alert, found: Finding, now: float, *, tell: bool, owed: bool) -> Statement:
    """What was resolved a short while ago is wrong again; nobody is told of each time."""
    return Statement(
        "alerts.fire_again",
        "UPDATE alerts SET state = 'firing', cause = :cause, affected = :affected, next_step = :next_step,"
        " owner = :owner, times = times + 1, seen_at = :now, resolved_at = NULL, acknowledged_at = NULL,"
        " acknowledged_by = NULL,"
        " told_at = CASE WHEN :tell = 1 THEN :now ELSE told_at END, told = :tell, owed = :owed"
        " WHERE tenant = :tenant AND id = :id AND rule = :rule AND subject = :subject AND state = 'resolved'",
        {"tenant": TENANT, "id": alert.id, "now": now, "tell": int(tell), "owed": int(owed), **_words(found)},
        expect=1,
    )


def tell(alert: Alert, now: float, *, owed: bool) -> Statement:
    """People are told late of what came and went, and then stayed."""
    return Statement(
        "alerts.tell",
        "UPDATE alerts SET told = 1, told_at = :now, owed = :owed"
        f" WHERE tenant = :tenant AND id = :id AND {_FIRING} AND told = 0",
        {"tenant": TENANT, "id": alert.id, "now": now, "owed": int(owed)},
        expect=1,
    )


def see(alert: Alert, found: Finding, now: float) -> Statement:
    """It is still so; the words are the newest."""
    return Statement(
        "alerts.see",
        "UPDATE alerts SET cause = :cause, affected = :affected, next_step = :next_step,"
        " owner = :owner, seen_at = :now"
        f" WHERE tenant = :tenant AND id = :id AND rule = :rule AND subject = :subject AND {_FIRING}",
        {"tenant": TENANT, "id": alert.id, "now": now, **_words(found)},
        expect=1,
    )


def resolve(alert: Alert, now: float, *, owed: bool) -> Statement:
    """It is not so any more."""
    return Statement(
        "alerts.resolve",
        "UPDATE alerts SET state = 'resolved', resolved_at = :now, owed = :owed"
        f" WHERE tenant = :tenant AND id = :id AND {_FIRING}",
        {"tenant": TENANT, "id": alert.id, "now": now, "owed": int(owed)},
        expect=1,
    )


def acknowledge(alert_id: str, by: str, now: float) -> Statement:
    """Somebody has taken it on."""
    return Statement(
        "alerts.acknowledge",
        "UPDATE alerts SET acknowledged_at = :now, acknowledged_by = :by"
        f" WHERE tenant = :tenant AND id = :id AND {_FIRING} AND acknowledged_at IS NULL",
        {"tenant": TENANT, "id": alert_id, "by": by, "now": now},
        expect=1,
    )


def posted(alert: Alert) -> Statement:
    """The webhook has this state; touches no row where it has changed since."""
    return Statement(
        "alerts.posted",
        "UPDATE alerts SET owed = 0 WHERE tenant = :tenant AND id = :id AND state = :state AND times = :times",
        {"tenant": TENANT, "id": alert.id, "state": alert.state, "times": alert.times},
    )


def _words(found: Finding) -> dict[str, str]:
    return msgspec.to_builtins(found)


async def get(store: Store, alert_id: str) -> Alert | None:
    """One alert."""
    rows = await store.fetch(
        f"SELECT {columns(Alert)} FROM alerts WHERE tenant = :tenant AND id = :id", {"tenant": TENANT, "id": alert_id}
    )
    return value(Alert, rows[0]) if rows else None


async def firing(store: Store, limit: int) -> list[Alert]:
    """What fires now."""
    rows = await store.scan(
        f"SELECT {columns(Alert)} FROM alerts WHERE tenant = :tenant AND {_FIRING} ORDER BY rule, subject LIMIT :limit",
        {"tenant": TENANT, "limit": limit},
    )
    return values(Alert, rows)


async def latest(store: Store, rule: str, subject: str) -> Alert | None:
    """The newest alert of a rule and subject, whatever its state."""
    rows = await store.fetch(
        f"SELECT {columns(Alert)} FROM alerts WHERE tenant = :tenant AND rule = :rule AND subject = :subject"
        " ORDER BY fired_at DESC LIMIT 1",
        {"tenant": TENANT, "rule": rule, "subject": subject},
    )
    return value(Alert, rows[0]) if rows else None


async def owed(store: Store, limit: int) -> list[Alert]:
    """What the webhook does not know yet, the oldest first."""
    rows = await store.fetch(
        f"SELECT {columns(Alert)} FROM alerts WHERE tenant = :tenant AND owed = 1 ORDER BY id LIMIT :limit",
        {"tenant": TENANT, "limit": limit},
    )
    return values(Alert, rows)


async def listed(store: Store, state: str, limit: int, before: str) -> list[Alert]:
    """For people: newest first, behind id `before`; of one state, or of all when it is empty."""
    rows = await store.scan(
        f"SELECT {columns(Alert)} FROM alerts WHERE tenant = :tenant AND (:state = '' OR state = :state)"
        " AND (:before = '' OR id < :before) ORDER BY id DESC LIMIT :limit",
        {"tenant": TENANT, "state": state, "limit": limit, "before": before},
    )
    return values(Alert, rows)
