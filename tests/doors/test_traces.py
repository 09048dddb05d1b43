"""Do traces arrive at a collector, complete and without content, and does nobody notice when they do not?"""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes

from quarterdeck.wiring.receiving import receiving
from quarterdeck.wiring.tracing import address
from tests.doors.running import Running, running
from tests.standins.model import KEY, ModelStandin, model_standin
from tests.standins.otlp import Collector, Seen, collector
from tests.standins.telegram import TelegramDriver
from tests.standins.telegram.launch import in_process
from tests.waiting import until

CONFIG = """
data_dir = "./data"
[server]
port = 0
[log]
level = "error"
[providers.main]
kind = "openai"
base_url = "{model}/v1"
api_keys = [{{ env = "MODEL" }}]
[assistants.default]
model = "main/test"
tools = ["time"]
introduce = false
[connections.tg]
channel = "telegram"
api_root = "{telegram}"
token = {{ env = "TG" }}
dm_policy = "open"
poll_seconds = 1
[observe]
otlp_endpoint = "{collector}"
"""
PRIVATE = "marmalade"  # stands in what is asked, and in what is answered
WHO = 987_650_123
USUAL = {"OTEL_EXPORTER_OTLP_HEADERS": "x-key=k%201", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
PROBE = """
import asyncio, json, sys
from contextlib import AsyncExitStack
from pathlib import Path
missing, variable = sys.argv[1:]
if missing:
    sys.modules[missing] = None
from quarterdeck import wiring
from quarterdeck.base.config import load_config
from quarterdeck.base.errors import ConfigRefused
async def main():
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": variable}
    async with AsyncExitStack() as stack:
        await wiring.build(load_config(Path("quarterdeck.toml"), environ, cwd=Path.cwd()), environ, stack)
try:
    asyncio.run(main())
except ConfigRefused as refused:
    print(refused)
print(json.dumps(sorted(name for name in sys.modules if name.startswith(("opentelemetry", "google.protobuf")))))
"""
KNOWN = {
    name for module in (gen_ai_attributes, error_attributes) for name in vars(module).values() if str(name) == name
}


@dataclass
class Traced:
    """A gateway between a messenger, a model and a collector."""

    gateway: Running
    telegram: TelegramDriver
    model: ModelStandin
    collector: Collector

    def spans(self, result: str) -> float:
        """How many spans came to this end, as the metric says."""
        name = "quarterdeck_spans_total"
        return self.gateway.parts.metrics.registry.get_sample_value(name, {"result": result}) or 0.0


@asynccontextmanager
async def traced(folder: Path) -> AsyncIterator[Traced]:
    async with in_process() as telegram, model_standin() as model, collector() as standin:
        config = CONFIG.format(model=model.url, telegram=telegram.url, collector=standin.url)
        async with running(folder, config, {"TG": telegram.token, "MODEL": KEY, **USUAL}) as gateway:
            parts = gateway.parts
            for service in receiving(parts.directory, parts.intake, parts.shared.peers):
                await gateway.supervisor.start(service)
            await telegram.driver.until_polling()
            yield Traced(gateway, telegram.driver, model, standin)


async def test_a_turn_is_one_trace(tmp_path: Path) -> None:
    async with traced(tmp_path) as t:
        t.model.fault("[[status 500]]", 1)
        await t.telegram.write(f"{PRIVATE} [[tool time {{}}]]", user_id=WHO)
        await t.telegram.sent(1)
    # The gateway has drained: what had waited was shipped, whatever the second was.
    found = {one.name: one for one in t.collector.spans}
    root = found["invoke_agent default"]
    assert {one.trace for one in t.collector.spans} == {root.trace}
    assert root.parent == ""
    assert {one.parent for one in t.collector.spans if one is not root} == {root.id}
    assert set(found) == {"wait", "take", "chat test", "execute_tool time", "invoke_agent default", "send tg"}
    check_calls(t.collector)
    assert root.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert root.attributes["quarterdeck.turn.outcome"] == "answered"
    assert root.trace == "0000" + str(root.attributes["quarterdeck.turn.id"]).removeprefix("turn_")
    assert root.began == found["wait"].began
    assert root.resource["service.name"] == "quarterdeck"
    assert {one.kind for one in t.collector.spans} == {"internal", "client"}
    named = {name for one in t.collector.spans for name in one.attributes}
    assert {name for name in named if not name.startswith("quarterdeck.")} <= KNOWN
    assert t.collector.headers["x-key"] == "k 1"
    assert t.collector.raw
    assert not any(word.encode() in body for body in t.collector.raw for word in (PRIVATE, str(WHO), "[[tool"))
    assert not t.collector.refused
    assert t.spans("sent") == len(t.collector.spans)


def check_calls(found: Collector) -> None:
    """The model was asked three times, once in vain, and a tool was run."""
    failed, asked, answered = sorted(found.named("chat test"), key=lambda one: one.began)
    assert (failed.failed, failed.attributes["error.type"]) == (True, "server")
    assert not asked.failed
    assert asked.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    for one in (failed, asked, answered):
        assert facts(one) == {"operation.name": "chat", "provider.name": "openai", "request.model": "test"}
    assert answered.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert int(str(answered.attributes["gen_ai.usage.input_tokens"])) > 0
    assert int(str(answered.attributes["gen_ai.usage.output_tokens"])) > 0
    (ran,) = found.named("execute_tool time")
    assert ran.attributes["gen_ai.operation.name"] == "execute_tool"
    assert ran.attributes["gen_ai.tool.name"] == "time"
    assert asked.ended <= ran.began <= ran.ended <= answered.began


def facts(span: Seen) -> dict[str, object]:
    wanted = ("operation.name", "provider.name", "request.model")
    return {name: span.attributes.get(f"gen_ai.{name}") for name in wanted}


async def test_a_collector_that_refuses_or_wants_it_later(tmp_path: Path) -> None:
    async with traced(tmp_path) as t:
        t.collector.script.append(503)
        await t.telegram.write("one")
        await t.telegram.sent(1)
        await until(lambda: t.spans("sent") >= 1, what="what is taken at the second try")
        t.collector.script.append(400)
        await t.telegram.write("two")
        await t.telegram.sent(2)
        await until(lambda: t.spans("refused") >= 1, what="what the collector will not have")
    assert t.collector.raw[0] == t.collector.raw[1]  # the very same request
    assert not t.collector.refused


async def test_a_collector_that_never_answers_hinders_neither_turns_nor_the_end(tmp_path: Path) -> None:
    async with traced(tmp_path) as t:
        t.collector.script += [0] * 50
        await t.telegram.write("one")
        await t.telegram.sent(1)
        await until(lambda: len(t.collector.raw) == 1, what="a request that waits for its answer")
        await t.telegram.write("two")
        await t.telegram.sent(2)
    assert t.spans("sent") == 0
    assert t.spans("unreachable") == 10


async def test_what_a_collector_does_not_want_of_a_request_is_counted(tmp_path: Path) -> None:
    async with traced(tmp_path) as t:
        t.collector.rejects = 1
        await t.telegram.write("one")
        await t.telegram.sent(1)
    assert t.spans("refused") >= 1
    assert t.spans("sent") + t.spans("refused") == len(t.collector.spans)


@pytest.mark.parametrize(
    ("configured", "environ", "found"),
    [
        ("", {}, ""),
        ("http://a:1/", {}, "http://a:1/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:2/x"}, "http://b:2/x/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:3/y"}, "http://c:3/y"),
        ("http://a:1", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:3/y"}, "http://a:1/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:2", "OTEL_SDK_DISABLED": "true"}, ""),
    ],
)
def test_the_file_goes_before_the_variables(configured: str, environ: dict[str, str], found: str) -> None:
    assert address(configured, environ) == found


@pytest.mark.parametrize(
    ("file", "missing", "variable", "said"),
    [
        ("", "", "", ()),
        ('[observe]\notlp_endpoint = "http://127.0.0.1:1"', "google.protobuf.message", "", ("quarterdeck[otel]",)),
        ("", "google.protobuf.message", "http://127.0.0.1:1", ("traces.off", "quarterdeck[otel]")),
    ],
)
def test_without_an_address_nothing_is_imported_and_without_the_extra_it_is_said(
    tmp_path: Path, file: str, missing: str, variable: str, said: tuple[str, ...]
) -> None:
    (tmp_path / "quarterdeck.toml").write_text(f"[providers.s]\nkind = 'scripted'\n{file}\n")
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, missing, variable], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    out = ended.stdout.splitlines()
    assert all(word in ended.stdout + ended.stderr for word in said)
    assert ("observe.otlp_endpoint" in ended.stdout) == bool(file)
    assert missing or out[-1] == "[]"
