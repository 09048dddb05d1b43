"""What is built in: providers, channels and tools, each imported when it is configured and not before."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from quarterdeck.base.clock import Clock
from quarterdeck.base.decode import decode_settings
from quarterdeck.base.secrets import Secret, SecretReader
from quarterdeck.base.settings import (
    BUILT_IN_CHANNELS,
    BUILT_IN_KINDS,
    Config,
    ConnectionConfig,
    HookConfig,
    ProviderConfig,
)
from quarterdeck.base.supervise import EventLog, Service
from quarterdeck.flow.hooks import HookRule, Hooks
from quarterdeck.flow.posting import Posting
from quarterdeck.governance.audit import Auditor
from quarterdeck.net.client import Client
from quarterdeck.observe.metrics import Metrics
from quarterdeck.plugins.build import Parts, Plugins
from quarterdeck.ports import Channel, FileSource, Hook, Provider, Tool


@dataclass(frozen=True)
class Builder:
    """Builds what is built in and configured; each kind is imported here, when it is needed."""

    config: Config
    client: Client
    secrets: SecretReader
    clock: Clock
    log: EventLog
    stack: AsyncExitStack
    plugins: Plugins
    files: FileSource
    services: list[Service] = field(default_factory=list[Service])  # what runs beside, such as a download
    early: list[Service] = field(default_factory=list[Service])  # what begins first, and ends last

    async def provider(self, name: str, one: ProviderConfig) -> Provider:
        """A source of models."""
        if one.kind not in BUILT_IN_KINDS:
            provider = await self.plugins.provider(name, self.parts)
        elif one.kind == "scripted":
            from quarterdeck.providers.scripted.provider import ScriptedProvider

            provider = ScriptedProvider(name)
        elif one.kind == "local":
            provider = self._demo(name)
        elif one.kind == "anthropic":
            from quarterdeck.providers.anthropic.adapter import configured as anthropic

            provider = anthropic(name, one, client=self.client, secrets=self.secrets, clock=self.clock)
        elif one.kind == "gemini":
            from quarterdeck.providers.gemini.adapter import configured as gemini

            provider = gemini(name, one, client=self.client, secrets=self.secrets, clock=self.clock)
        elif one.kind == "openai-responses":
            from quarterdeck.providers.openai_responses.adapter import configured as responses

            provider = responses(name, one, client=self.client, secrets=self.secrets, clock=self.clock)
        else:
            from quarterdeck.providers.openai_compatible.adapter import configured as compatible

            provider = compatible(name, one, client=self.client, secrets=self.secrets, clock=self.clock)
        self.stack.push_async_callback(provider.close)
        return provider

    def _demo(self, name: str) -> Provider:
        """The demo model in our own child process, and its download."""
        from quarterdeck.providers.http.adapter import Endpoint
        from quarterdeck.providers.local.engine import LocalEngine
        from quarterdeck.providers.local.fetching import Fetching
        from quarterdeck.wiring.demo import demo_model

        data_dir = Path(self.config.data_dir)
        engine = LocalEngine(data_dir)
        self.stack.push_async_callback(engine.close)

        async def endpoint(key: str) -> Endpoint:
            found = await engine.endpoint()
            return Endpoint(found.base_url, Secret(found.key))

        fetching = Fetching(data_dir, self.log)
        self.services.append(Service(name=f"fetch.{name}", run=fetching.run, stop_seconds=5.0))
        return demo_model(name, self.client, self.clock, endpoint, fetching)

    async def channel(self, name: str, one: ConnectionConfig) -> Channel:
        """A connection's channel."""
        path = f"connections.{name}"
        if one.channel not in BUILT_IN_CHANNELS:
            return await self.plugins.channel(name, self.parts)
        if one.channel == "telegram":
            from quarterdeck.channels.telegram.adapter import TelegramChannel
            from quarterdeck.channels.telegram.settings import TelegramSettings

            telegram = decode_settings(one.options, TelegramSettings, path)
            token = await self.secrets.read(telegram.token, f"{path}.token")
            return TelegramChannel(
                name,
                telegram,
                token,
                self.client,
                self.clock,
                self.log,
                self.files,
                streaming=one.streaming,
                public_url=self.config.server.public_url or "",
            )
        from quarterdeck.channels.loopback.adapter import LoopbackChannel
        from quarterdeck.channels.loopback.settings import LoopbackSettings

        loopback = decode_settings(one.options, LoopbackSettings, path)
        token = await self.secrets.read(loopback.token, f"{path}.token")
        return LoopbackChannel(name, loopback, token, self.client, self.clock, self.log, self.files)

    async def tools(self, posting: Posting) -> dict[str, Tool]:
        """All built-in tools (one that needs a table of its own only where that is given), and those of plugins."""
        from quarterdeck.tools.clock.tool import TimeTool
        from quarterdeck.tools.rooms.tool import SendMessageTool

        tools: dict[str, Tool] = {"time": TimeTool(self.clock), "send_message": SendMessageTool(posting.post)}
        if (table := self.config.tools.get("http_post")) is not None:
            from quarterdeck.tools.http_post.tool import HttpPostSettings, HttpPostTool

            settings = decode_settings(table, HttpPostSettings, "tools.http_post")
            tools["http_post"] = HttpPostTool(settings, self.client)
        return {**tools, **await self.plugins.tools(self.parts)}

    async def hooks(
        self, auditor: Auditor, new_id: Callable[[str], str], metrics: Metrics, *, up: bool
    ) -> Hooks | None:
        """All hooks in their order, None where there are none. A gateway that goes `up` needs their secrets."""
        rules: list[HookRule] = []
        for n, one in enumerate(self.config.hooks):
            hook = await self._hook(one, f"hooks[{n}]", up)
            self.stack.push_async_callback(hook.close)
            lenient = one.on_failure == "pass"
            rules.append(HookRule(one.name, frozenset(one.on), hook, one.timeout_seconds, lenient))
        if not rules:
            return None
        hooks = Hooks(rules, auditor, self.clock, new_id, metrics, self.log)
        self.early.append(Service(name="hooks", run=hooks.run, stop_seconds=5.0))
        return hooks

    async def _hook(self, one: HookConfig, path: str, up: bool) -> Hook:
        if one.plugin:
            return await self.plugins.hook(one.name, self.parts)
        from quarterdeck.plugins.webhook import SignedHook

        assert one.secret is not None  # config_checks has seen to it
        signed = SignedHook(one.name, one.url, one.secret, path, self.client, self.secrets, self.clock)
        if up:
            await signed.check()
        return signed

    @property
    def parts(self) -> Parts:
        """What plugins are given."""
        folder = Path(self.config.data_dir) / "plugins"
        return Parts(self.client, self.secrets, self.clock, self.log, folder, self.stack)
