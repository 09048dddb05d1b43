"""Who ships spans to a collector? A service that posts them in batches, and gives up what the collector will not have.

OTLP over HTTP (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Response"): 200 means taken, perhaps not all of them; 429,
502, 503 and 504 mean later; any other answer means never.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.net.client import Client, NetError
from quarterdeck.net.outgoing import Outgoing, Timeouts
from quarterdeck.observe.metrics import Metrics
from quarterdeck.observe.traces import Span, Traces

BATCH = 128  # written in some 6 ms, during which nothing else happens
EVERY_S = 1.0
CALL_S = 4.0
AGAIN_S = (1.0, 2.0, 4.0, 8.0)  # before each further try of a batch
LAST_WORDS_S = 4.0
MAX_REPLY = 100_000
LATER = (429, 502, 503, 504)


class Encoding(Protocol):
    """How spans are written."""

    def request(self, spans: Sequence[Span]) -> bytes:
        """The body of a request."""
        ...

    def rejected(self, answer: bytes) -> int:
        """How many spans a collector did not want, by its answer."""
        ...


class Shipping:
    """Ships what `traces` holds to one address. Nobody waits for it; what does not arrive is counted."""

    def __init__(
        self,
        traces: Traces,
        encoding: Encoding,
        url: str,
        headers: Mapping[str, str],
        client: Client,
        metrics: Metrics,
        log: EventLog,
    ) -> None:
        self._traces = traces
        self._encoding = encoding
        self._url = url
        self._headers = {"Content-Type": "application/x-protobuf", **headers}
        self._client = client
        self._metrics = metrics
        self._log = log
        self._failing = False

    async def run(self, life: Life) -> None:
        """Ship until told to stop; what waits then has LAST_WORDS_S."""
        life.ready()
        while not await _stops(life, EVERY_S):
            while (batch := self._traces.take(BATCH)) and await self._ship(batch, life):
                pass
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                while batch := self._traces.take(BATCH):
                    await self._ship(batch, life)
        except TimeoutError:
            pass  # the batch under way has counted itself
        self._metrics.spans("unreachable", len(self._traces.take(1_000_000)))

    async def _ship(self, batch: list[Span], life: Life) -> bool:
        """Post a batch until it is taken or given up; whether it was taken."""
        fate, body = "unreachable", self._encoding.request(batch)
        rejected = 0
        try:
            for wait in (*AGAIN_S, None):
                fate, rejected = await self._post(body)
                if fate != "unreachable" or wait is None or await _stops(life, wait):
                    break
        finally:
            self._metrics.spans(fate, len(batch) - rejected)
            self._metrics.spans("refused", rejected)
        return fate == "sent"

    async def _post(self, body: bytes) -> tuple[str, int]:
        """(sent, refused or unreachable; how many of them were refused although the rest was taken)."""
        out = Outgoing(
            method="POST",
            url=self._url,
            trusted=True,
            headers=self._headers,
            body=body,
            timeouts=Timeouts(CALL_S, CALL_S, CALL_S, CALL_S),
            max_bytes=MAX_REPLY,
        )
        try:
            answer = await self._client.request(out)
        except NetError as error:
            self._say(str(error))
            return "unreachable", 0
        if answer.status == 200:
            self._say("")
            return "sent", self._encoding.rejected(answer.body)
        self._say(f"the collector answered {answer.status}")
        return ("unreachable" if answer.status in LATER else "refused"), 0

    def _say(self, reason: str) -> None:
        """A line in the log when it begins to fail, and one when it works again."""
        if bool(reason) == self._failing:
            return
        self._failing = bool(reason)
        if reason:
            self._log.warning("traces.failing", reason=reason)
        else:
            self._log.info("traces.arriving")


async def _stops(life: Life, seconds: float) -> bool:
    """Wait; whether it is to stop."""
    try:
        async with asyncio.timeout(seconds):
            await life.stopping.wait()
    except TimeoutError:
        return False
    return True
