"""A whole gateway between a messenger and a model that can be made to fail; its limits are fractions of a second."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quarterdeck.base.supervise import Service
from quarterdeck.wiring.receiving import receiving
from tests.doors.running import Running, running
from tests.standins.model import KEY, ModelStandin, model_standin
from tests.standins.telegram import TelegramDriver
from tests.standins.telegram.launch import in_process
from tests.waiting import until

ENVIRON = {"TG": "", "MODEL": KEY}
CONFIG = """
data_dir = "./data"
database = "{database}"
[server]
port = 0
[log]
level = "error"
[providers.main]
kind = "openai-compatible"
base_url = "{model}/v1"
api_keys = [{{ env = "MODEL" }}]
max_retries = 0
[assistants.default]
model = "main/test"
owner = "Olga"
contact = "olga@qd.example"
[connections.tg]
channel = "telegram"
api_root = "{telegram}"
token = {{ env = "TG" }}
dm_policy = "open"
poll_seconds = 1
[alerts]
every_seconds = 0.05
dead_seconds = 0.3
deaf_seconds = {deaf}
unanswered_seconds = {unanswered}
lane_seconds = {lane}
outbox_seconds = {outbox}
audit_seconds = {audit}
clear_seconds = 0.2
contact = "Otto"
disk_free_mb = {disk}
disk_hours = 0
{more}
"""
USUAL = {
    "audit": 600,
    "deaf": 600,
    "unanswered": 600,
    "lane": 600,
    "outbox": 600,
    "disk": 0,
    "more": "",
    "database": "sqlite",
}


@dataclass
class Faulty:
    """The gateway, what is around it, and what it says is wrong."""

    running: Running
    telegram: TelegramDriver
    model: ModelStandin
    token: str

    async def alerts(self, state: str = "") -> list[dict[str, Any]]:
        """As the API shows them."""
        answer = await self.running.call("GET", f"/api/v1/alerts?state={state}", token=self.token)
        assert answer.status == 200
        return answer.json()["items"]

    async def fires(self, rule: str, timeout: float = 10) -> dict[str, Any]:
        """The alert of a rule, once it fires."""

        async def found() -> dict[str, Any] | None:
            return next((one for one in await self.alerts("firing") if one["rule"] == rule), None)

        return await until(found, timeout, f"the alert {rule}") or {}

    async def clears(self, rule: str, timeout: float = 20) -> None:
        """Wait until no alert of a rule fires."""

        async def gone() -> bool:
            return rule not in {one["rule"] for one in await self.alerts("firing")}

        await until(gone, timeout, f"the end of the alert {rule}")

    async def start(self, *names: str) -> None:
        """Start services again, as a restart of the gateway would."""
        services = self._services()
        for name in names:
            await self.running.supervisor.start(services[name])

    async def stop(self, *names: str) -> None:
        for name in names:
            await self.running.supervisor.stop(name)

    def _services(self) -> dict[str, Service]:
        parts = self.running.parts
        connections = receiving(parts.directory, parts.intake, parts.shared.peers)
        found = {
            "audit": Service(name="audit", run=parts.sealer.run),
            "lanes": Service(name="lanes", run=parts.lanes.run, max_tasks=5000),
        }
        return {**found, **{service.name: service for service in (*connections, *parts.services)}}


@asynccontextmanager
async def faulty(folder: Path, **settings: object) -> AsyncIterator[Faulty]:
    """All that a gateway runs, and a signed-in reader."""
    async with in_process() as telegram, model_standin() as model:
        values = {**USUAL, **settings, "model": model.url, "telegram": telegram.url}
        environ = {**ENVIRON, "TG": telegram.token, "HOOK": str(settings.get("secret", ""))}
        async with running(folder, CONFIG.format(**values), environ) as gateway:
            token = await gateway.token("read", "operate")
            found = Faulty(gateway, telegram.driver, model, token)
            await found.start("audit", *(service.name for service in gateway.parts.services), "channel.tg")
            await telegram.driver.until_polling()
            yield found
