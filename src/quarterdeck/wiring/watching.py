"""Wiring of the watcher: what it looks at, whom it tells, and the services that do it."""

import shutil
from collections.abc import Callable
from functools import partial

from quarterdeck.base.settings_seen import AlertsConfig
from quarterdeck.base.supervise import Service
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.sending import Sending
from quarterdeck.flow.watch.answerable import answerable
from quarterdeck.flow.watch.looking import Looking
from quarterdeck.flow.watch.outage import Outages
from quarterdeck.flow.watch.posting import Posting
from quarterdeck.flow.watch.telling import Telling, ToldRoom
from quarterdeck.flow.watch.watcher import Rhythm, Watcher
from quarterdeck.flow.watch.watching import Limits
from quarterdeck.governance.audit import Auditor
from quarterdeck.net.signed import SignedPost
from quarterdeck.observe.metrics import Metrics
from quarterdeck.store.database import Store
from quarterdeck.wiring.builtin import Builder


async def watching(
    builder: Builder,
    store: Store,
    directory: Directory,
    sending: Sending,
    outbox: Outbox,
    lanes: Lanes,
    live: Live,
    new_id: Callable[[str], str],
    metrics: Metrics,
    *,
    up: bool,
) -> Watcher:
    """The watcher; its services are added to the builder's. A gateway that goes `up` needs the webhook's secret."""
    alerts, clock, log, folder = builder.config.alerts, builder.clock, builder.log, builder.config.data_dir
    looking = Looking(
        store,
        directory,
        lambda: lanes.full or lanes.running >= directory.limits.concurrent_turns,
        lambda: shutil.disk_usage(folder).free,
        clock,
    )
    told = Telling(store, sending, ToldRoom(alerts.connection, alerts.room) if alerts.room else None, clock)
    rhythm = Rhythm(alerts.every_seconds, alerts.clear_seconds, alerts.quiet_seconds)
    posts = alerts.secret is not None
    watcher = Watcher(
        store,
        looking,
        told,
        outbox,
        live,
        limits(alerts),
        rhythm,
        clock,
        new_id,
        metrics,
        log,
        partial(answerable, directory, alerts.contact),
        posts=posts,
    )
    if alerts.secret is not None:
        post = SignedPost(alerts.webhook, alerts.secret, "alerts.secret", builder.client, builder.secrets, clock)
        if up:
            await post.check()
        posting = Posting(store, post, clock, log)
        builder.services.append(Service(name="alerts", run=posting.run, restart="backoff"))
    outages = Outages(store, Auditor(clock, new_id), clock, log)
    builder.services.append(Service(name="outages", run=outages.run))
    builder.services.append(Service(name="watch", run=watcher.run, restart="backoff"))
    return watcher


def limits(alerts: AlertsConfig) -> Limits:
    """The settings in the watcher's units."""
    return Limits(
        alerts.dead_seconds,
        alerts.deaf_seconds,
        alerts.unanswered_seconds,
        alerts.lane_seconds,
        alerts.outbox_seconds,
        alerts.audit_seconds,
        alerts.disk_free_mb * 1_000_000,
        alerts.disk_hours * 3600,
    )
