"""Wiring of the watcher: what it looks at, whom it tells, and the services that do it."""

import shutil
from collections.abc import Callable
from functools import partial

from quarterdeck.base.settings_seen import AlertsConfig
from quarterdeck.base.supervise import Service
from quarterdeck.flow.watch.answerable import answerable
from quarterdeck.flow.watch.disk import OwnDisk
from quarterdeck.flow.watch.looking import Looking
from quarterdeck.flow.watch.outage import Outages
from quarterdeck.flow.watch.posting import Posting
from quarterdeck.flow.watch.telling import Telling, ToldRoom
from quarterdeck.flow.watch.watcher import Rhythm, Watcher
from quarterdeck.flow.watch.watching import Limits
from quarterdeck.governance.audit import Auditor
from quarterdeck.net.signed import SignedPost
from quarterdeck.observe.metrics import Metrics
from quarterdeck.wiring.builtin import Builder
from quarterdeck.wiring.sharing import Sharing, Work


async def watching(
    builder: Builder, work: Work, shared: Sharing, new_id: Callable[[str], str], metrics: Metrics, *, up: bool
) -> Watcher:
    """The watcher; its services are added to the builder's. A gateway that goes `up` needs the webhook's secret."""
    store, directory, lanes = work.store, work.directory, work.lanes
    alerts, clock, log, folder = builder.config.alerts, builder.clock, builder.log, builder.config.data_dir
    disk = OwnDisk(lambda: shutil.disk_usage(folder).free, clock, metrics)
    looking = Looking(
        store,
        directory,
        lambda: lanes.full or lanes.running >= directory.limits.concurrent_turns,
        shared.disks(disk.see),
        clock,
        shared.configured,
    )
    told = Telling(store, work.sending, ToldRoom(alerts.connection, alerts.room) if alerts.room else None, clock)
    rhythm = Rhythm(alerts.every_seconds, alerts.clear_seconds, alerts.quiet_seconds)
    posts = alerts.secret is not None
    watcher = Watcher(
        store,
        looking,
        told,
        work.outbox,
        work.live,
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
        process_seconds=alerts.process_seconds,
    )
