"""Wires: what does a model call cost, by the service that is asked, whole and in pieces?

The same question comes in over /v1 each time, and the same answer goes out: what differs is the wire behind it.
"""

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
from tests.standins import spawned
from tests.standins.model import read_record

from bench.cpu import per_turn
from bench.figures import Measured, percentile
from bench.gateway import Failed, Gateway, bearer, running
from bench.lab import Lab
from bench.proof import log

DELTAS, SPACING_MS = 20, 1
WARM = 10


class Wire(msgspec.Struct, frozen=True):
    """A kind of provider, the stand-in of its service, and what that accepts."""

    kind: str
    standin: str
    version: str
    key: str
    model: str


WIRES = (
    Wire("openai-compatible", "model", "/v1", "BENCH_MODEL_KEY", "test"),
    Wire("openai-responses", "model", "/v1", "BENCH_MODEL_KEY", "gpt-4.1"),
    Wire("anthropic", "anthropic", "/v1", "BENCH_ANTHROPIC_KEY", "claude-standin-5"),
    Wire("gemini", "gemini", "/v1beta", "BENCH_GEMINI_KEY", "gemini-3-flash-preview"),
)


class Asking:
    """Somebody who asks one thing after the other. `took` are the seconds until the answer was there, by text."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.took: dict[str, float] = {}
        self._http = http

    async def ask(self, wire: Wire, pieces: int, count: int) -> list[str]:
        """So many questions whose answers come in so many pieces; their texts. Raises Failed."""
        texts = [
            f"[[stream {pieces} {SPACING_MS if pieces > 1 else 0}]] What now? ({wire.kind} {len(self.took) + n})"
            for n in range(count)
        ]
        wanted = " ".join(f"piece {number} of {pieces}." for number in range(1, pieces + 1))
        for text in texts:
            begun = time.perf_counter()
            said = await self._answer(wire.kind, text, stream=pieces > 1)
            self.took[text] = time.perf_counter() - begun
            if said.strip() != wanted:
                raise Failed(f"{wire.kind} answered {said!r}")
        return texts

    async def _answer(self, assistant: str, text: str, *, stream: bool) -> str:
        asked = {"model": assistant, "stream": stream, "messages": [{"role": "user", "content": text}]}
        async with self._http.post("/v1/chat/completions", json=asked) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise Failed(f"{assistant} was answered with {answer.status}: {body[:300]!r}")
        if not stream:
            return str(json.loads(body)["choices"][0]["message"]["content"])
        lines = (line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: {"))
        choices = (choice for line in lines for choice in json.loads(line)["choices"])
        return "".join(choice["delta"].get("content") or "" for choice in choices)


async def measure(lab: Lab) -> Measured:
    """Questions one after the other over each wire, in another order in each round. Raises Failed."""
    count = lab.count(50, quick=10)
    folder = lab.folder("wires")
    texts: dict[str, Sequence[str]] = {}
    values: dict[str, float] = {}
    async with standins(folder) as urls, running(folder, configuration(urls)) as gateway:
        headers = await bearer(folder, "chat")
        async with aiohttp.ClientSession(gateway.url, headers=headers) as http:
            asking = Asking(http)
            for n in range(len(WIRES)):
                wire = WIRES[(n + lab.round) % len(WIRES)]
                for name, pieces in ((wire.kind, 1), (f"{wire.kind}, {DELTAS} deltas", DELTAS)):
                    await asking.ask(wire, pieces, WARM)
                    values[f"{name}: CPU per call"], texts[name] = await cost(gateway, asking, wire, pieces, count)
    model = seconds(folder, len(asking.took))
    for name, said in texts.items():
        values[f"{name}: added, p50"] = percentile([1000 * (asking.took[text] - model[text]) for text in said], 0.5)
    if found := list(log((folder / "gateway.log").read_bytes())):
        raise Failed("\n".join(found))
    plain = [values[f"{wire.kind}: CPU per call"] for wire in WIRES]
    return Measured({**values, "CPU per call, dearest over cheapest": max(plain) / min(plain)}, len(texts) * count)


async def cost(gateway: Gateway, asking: Asking, wire: Wire, pieces: int, count: int) -> tuple[float, Sequence[str]]:
    """(ms of CPU per call, the texts that were asked)."""
    known = len(asking.took)
    used = await per_turn(gateway, count, asking.ask(wire, pieces, count))
    return 1000 * used.total, list(asking.took)[known:]


def seconds(folder: Path, asked: int) -> Mapping[str, float]:
    """How long the stand-ins had each text, the pauses between pieces included. Raises Failed."""
    calls = [call for file in folder.glob("*.jsonl") for call in read_record(file)]
    if wrong := {f"{call.kind} {call.status}" for call in calls} - {"text 200"}:
        raise Failed(f"model requests ended as {sorted(wrong)}")
    found = {call.text: call.seconds or 0.0 for call in calls}
    if not len(found) == len(calls) == asked:
        raise Failed(f"{asked} questions came to {len(calls)} model requests about {len(found)} of them")
    return found


@asynccontextmanager
async def standins(folder: Path) -> AsyncIterator[Mapping[str, str]]:
    """One process of each kind that is needed; their addresses by name."""
    async with AsyncExitStack() as stack:
        urls: dict[str, str] = {}
        for name in dict.fromkeys(wire.standin for wire in WIRES):
            urls[name], _ = await stack.enter_async_context(spawned(name, "--record", str(folder / f"{name}.jsonl")))
        yield urls


def configuration(urls: Mapping[str, str]) -> str:
    """An assistant for each wire, with the wire's name."""
    lines = ["[server]", "port = 0"]
    for wire in WIRES:
        lines += [
            f"[providers.{wire.kind}]",
            f"kind = {json.dumps(wire.kind)}",
            f"base_url = {json.dumps(urls[wire.standin] + wire.version)}",
            f"api_keys = [{{ env = {json.dumps(wire.key)} }}]",
            f"[assistants.{wire.kind}]",
            f"model = {json.dumps(f'{wire.kind}/{wire.model}')}",
            "introduce = false",
        ]
    return "\n".join(lines) + "\n"
