"""What of a look is wrong? Pure: one function per kind of thing, and the words that people get."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from quarterdeck.flow.watch.watching import Connected, Limits, Look
from quarterdeck.model.alert import Finding
from quarterdeck.store.processes import GATEWAY, WORKER

MOST = 100  # findings of one look; more are one catastrophe


def findings(look: Look, limits: Limits) -> Sequence[Finding]:
    """All that is wrong, at most one for each rule and subject."""
    found: dict[tuple[str, str], Finding] = {}
    for rule in RULES:
        for one in rule(look, limits):
            found.setdefault((one.rule, one.subject), one)
    return list(found.values())[:MOST]


def connections(look: Look, limits: Limits) -> Iterator[Finding]:
    """Unauthorised, dead or deaf: at most one of them for each connection."""
    for one in look.connections:
        who = f"Everybody who writes to {one.assistant} on {one.channel}"
        detail = f": {one.health.detail}" if one.health and one.health.detail else ""
        if one.health is not None and one.health.refused:
            cause = f"The platform does not let {one.name} in{detail}"
            step = f"Put a valid token where connections.{one.name}.token points, then restart."
            yield Finding("connection_unauthorised", one.name, cause, who, step)
        elif one.down >= limits.dead_seconds:
            cause = f"{one.name} cannot be reached{detail}" if one.health else f"{one.name} is not running"
            step = f"Run `quarterdeck connections test {one.name}`, then look at the network."
            yield Finding("connection_dead", one.name, cause, who, step)
        elif _deaf(one, limits):
            cause = f"{one.name} says that it is up, but its platform has not answered a question for news"
            yield Finding("connection_deaf", one.name, cause, who, "Restart the gateway; nothing is lost by that.")


def _deaf(one: Connected, limits: Limits) -> bool:
    health = one.health
    return health is not None and health.alive and health.last_heard > 0 and one.unheard >= limits.deaf_seconds


def unanswered(look: Look, limits: Limits) -> Iterator[Finding]:
    """Messages that were accepted and have no outcome."""
    for one in look.unanswered:
        if one.age >= limits.unanswered_seconds:
            cause = f"{_count(one.count, 'message')} on {one.subject} without an outcome, the oldest {_time(one.age)}"
            step = "Run `quarterdeck status` and `quarterdeck turns list` to see what is worked on."
            yield Finding("message_unanswered", one.subject, cause, f"Whoever wrote on {one.subject}", step)


def lanes(look: Look, limits: Limits) -> Iterator[Finding]:
    """Conversations that nobody works on, and turns that do not end."""
    step = "Restart the gateway: turns are taken up where they were; then report it."
    for one in look.unworked:
        if one.age >= limits.lane_seconds:
            cause = f"{_count(one.count, 'conversation')} of {one.subject} waiting, {_time(one.age)}, and no turn runs"
            yield Finding("lane_stuck", one.subject, cause, f"Whoever wrote to {one.subject}", step)
    for turn in look.turns:
        if turn.age >= turn.allowed + limits.lane_seconds:
            cause = f"The turn {turn.id} does nothing for {_time(turn.age)}; it may take {_time(turn.allowed)}"
            yield Finding("lane_stuck", turn.assistant, cause, f"Whoever wrote to {turn.assistant}", step)


def outbox(look: Look, limits: Limits) -> Iterator[Finding]:
    """Answers that are made and not sent."""
    for one in look.unsent:
        if one.age >= limits.outbox_seconds:
            cause = f"{_count(one.count, 'part')} on {one.subject} not sent, the oldest {_time(one.age)}"
            step = "Run `quarterdeck deliveries list --state ready` to read why; it goes on by itself."
            yield Finding("outbox_late", one.subject, cause, f"Whoever waits for an answer on {one.subject}", step)


def providers(look: Look, limits: Limits) -> Iterator[Finding]:
    """Models that fail again and again."""
    for one in look.failing:
        who = f"Whoever talks to {', '.join(one.users) or 'an assistant that uses it'}"
        cause = f"The newest {one.count} calls of {one.route} failed"
        yield Finding("provider_failing", one.route, cause, who, "Run `quarterdeck models test` to see why.")


def audit(look: Look, limits: Limits) -> Iterator[Finding]:
    """Records that nobody seals."""
    if look.audit_age >= limits.audit_seconds:
        cause = f"Records are not sealed for {_time(look.audit_age)}"
        who = "Whoever relies on the record: what is not sealed is not yet tamper-evident"
        yield Finding("audit_late", "audit", cause, who, "Read `audit.seal_late` in the log, then restart the gateway.")


def disks(look: Look, limits: Limits) -> Iterator[Finding]:
    """Disks that are full, or soon will be; of several on a host the fullest."""
    for one in sorted(look.disks, key=lambda disk: disk.free):
        soon = one.full_in is not None and one.full_in < limits.disk_seconds
        if one.free >= limits.disk_free_bytes and not soon:
            continue
        where = f"where {one.process} has its data, on {one.host}" if one.host else "where the data is"
        cause = f"{one.free // 1_000_000} MB are free {where}"
        if soon and one.full_in is not None:
            cause += f"; at this rate they last {_time(one.full_in)}"
        who = f"Whoever is served by {one.host}" if one.host else "Everybody"
        yield Finding(
            "disk_filling",
            one.host or "data",
            cause,
            f"{who}: nothing is accepted when it is full",
            "Free space, or enlarge it.",
        )


def drifts(look: Look, limits: Limits) -> Iterator[Finding]:
    """Processes that do not work by what all have agreed on."""
    for one in look.drifts:
        if one.age >= limits.drift_seconds:
            cause = f"{one.process} on {one.host} works by version {one.has} of the shared configuration"
            cause += f", not by {one.newest}" if one.has != one.newest else ", not by all of it"
            cause += f": {one.reason}" if one.reason else ""
            step = "Write into its configuration file what the others have, then restart it."
            yield Finding("configuration_drift", one.process, cause, f"Whoever is served by {one.host}", step)


def gone(look: Look, limits: Limits) -> Iterator[Finding]:
    """Processes that died, and that nobody has started again."""
    for one in look.gone:
        if one.age >= limits.process_seconds:
            cause = f"{one.process} on {one.host} died {_time(one.age)} ago, and nothing has come in its place"
            who = f"Nobody yet: {_count(one.left, 'process')} {'goes' if one.left == 1 else 'go'} on with its work"
            step = f"Start it again on {one.host}; the end of its log says why it died."
            yield Finding("process_dead", one.process, cause, who, step)


WITHOUT: Mapping[str, str] = {
    GATEWAY: "Everybody: nothing is received and nothing is sent",
    WORKER: "Whoever writes: what is accepted waits, and nobody answers",
}


def missing(look: Look, limits: Limits) -> Iterator[Finding]:
    """Roles that nobody has."""
    for one in look.missing:
        if one.age >= limits.process_seconds:
            cause = f"None of {_count(one.left, 'process')} has had the role {one.role} for {_time(one.age)}"
            step = f"Start a process with `quarterdeck up --role {one.role}`, or with all roles."
            yield Finding("role_missing", one.role, cause, WITHOUT[one.role], step)


RULES: tuple[Callable[[Look, Limits], Iterator[Finding]], ...] = (
    connections, unanswered, lanes, outbox, providers, audit, disks, drifts, gone, missing,
)  # fmt: skip


def _count(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}{'es' if what.endswith('s') else 's'}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
