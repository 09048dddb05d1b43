"""The service that posts changes of alerts to a webhook: at least once, the newest state, over restarts."""

import asyncio
from datetime import UTC, datetime

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import QuarterdeckError, Retry, StoreFailed
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.model.alert import runbook
from quarterdeck.net.signed import SignedPost
from quarterdeck.store import alerts
from quarterdeck.store.alerts import Alert
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation

EVERY_S = 1.0
RETRY_S = (2.0, 300.0)
PAGE = 20


class Posted(msgspec.Struct, frozen=True):
    """The body: `type` is alert.firing or alert.resolved; times are RFC 3339."""

    type: str
    timestamp: str
    id: str
    rule: str
    subject: str
    cause: str
    affected: str
    next_step: str
    owner: str
    runbook: str
    fired_at: str


class Posting:
    """Posts what the alerts table says is owed. `webhook-id` names alert, state and firing: a repeat has the same."""

    def __init__(self, store: Store, post: SignedPost, clock: Clock, log: EventLog) -> None:
        self._store = store
        self._post = post
        self._clock = clock
        self._log = log

    async def run(self, life: Life) -> None:
        """Post until told to stop; after a failure less and less often."""
        life.ready()
        delay = RETRY_S[0]
        while not life.stopping.is_set():
            pause = EVERY_S
            try:
                await self.tick()
                delay = RETRY_S[0]
            except StoreFailed:
                raise
            except QuarterdeckError as error:
                self._log.warning("alert.not_posted", reason=str(error), seconds=delay)
                pause, delay = delay, min(delay * 2, RETRY_S[1])
            try:
                async with asyncio.timeout(pause):
                    await life.stopping.wait()
            except TimeoutError:
                continue

    async def tick(self) -> None:
        """Post what is owed now. Raises Retry or NetError at the first that is not taken."""
        for alert in await alerts.owed(self._store, PAGE):
            answer = await self._post.post(f"{alert.id}.{alert.state}.{alert.times}", self._body(alert))
            if not 200 <= answer.status < 300:
                raise Retry(f"the webhook answered {answer.status}")
            await self._store.commit(operation("alert", alerts.posted(alert)))

    def _body(self, alert: Alert) -> bytes:
        return msgspec.json.encode(
            Posted(
                f"alert.{alert.state}", _moment(self._clock.now()), alert.id, alert.rule, alert.subject, alert.cause,
                alert.affected, alert.next_step, alert.owner, runbook(alert.rule), _moment(alert.fired_at),
            )
        )  # fmt: skip


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
