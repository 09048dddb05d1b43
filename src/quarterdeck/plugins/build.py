"""From what a configuration names to what runs: settings decoded, plugins imported, built and guarded."""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.decode import ConfigRefusals, decode_settings
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.secrets import SecretReader
from quarterdeck.base.settings import Config, PluginKind, ProviderConfig
from quarterdeck.base.supervise import EventLog
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.plugin import Plugin
from quarterdeck.net.client import Client
from quarterdeck.plugins import ChannelPlugin, HookPlugin, Kit, ProviderPlugin, ToolPlugin
from quarterdeck.plugins.find import Named, Use, load, named, uses
from quarterdeck.plugins.guards.channel import GuardedChannel
from quarterdeck.plugins.guards.hook import GuardedHook
from quarterdeck.plugins.guards.provider import GuardedProvider
from quarterdeck.plugins.guards.sound import Nonsense, sound
from quarterdeck.plugins.guards.tool import GuardedTool
from quarterdeck.ports import Channel, Hook, Provider, Tool

T = TypeVar("T")

BUILD_SECONDS = 30.0
COMMON = ("base_url", "api_keys", "first_byte_seconds", "idle_seconds", "total_seconds")
"""Keys of every `[providers.NAME]` that a plugin is handed if its settings declare them."""

_KINDS: dict[PluginKind, type[Any]] = {
    "channel": ChannelPlugin,
    "provider": ProviderPlugin,
    "tool": ToolPlugin,
    "hook": HookPlugin,
}


def settings_of_provider(one: ProviderConfig, settings: type[msgspec.Struct], path: str) -> dict[str, object]:
    """The table of a plugin's provider. Raises ConfigRefused for a common key that it does not know."""
    table = dict(one.options)
    for field in msgspec.structs.fields(ProviderConfig):
        value: object = getattr(one, field.name)
        if field.name not in COMMON or value == field.default:
            continue
        if field.name not in settings.__struct_fields__:
            raise ConfigRefused(f"{path}.{field.name}", f"the plugin {one.kind} does not use this", "Remove it")
        table[field.name] = msgspec.to_builtins(value)
    return table


@dataclass(frozen=True)
class Parts:
    """What a Kit is made of, and where what was built is closed."""

    client: Client
    secrets: SecretReader
    clock: Clock
    log: EventLog
    folder: Path
    stack: AsyncExitStack


class Plugins:
    """The plugins that a configuration names. Finding them raises ConfigRefused; nothing is imported yet."""

    def __init__(self, config: Config) -> None:
        self._uses = {(use.kind, use.name): use for use in uses(config)}
        self._named = {(one.plugin.kind, one.plugin.name): one for one in named(config)}

    @property
    def found(self) -> tuple[Plugin, ...]:
        """All of them."""
        return tuple(one.plugin for one in self._named.values())

    def names(self, kind: PluginKind) -> tuple[str, ...]:
        """The names of those of one kind."""
        return tuple(name for of, name in self._named if of == kind)

    def check(self) -> list[ConfigRefused]:
        """Import all and decode their settings; what is wrong with them."""
        problems: list[ConfigRefused] = []
        for use in self._uses.values():
            try:
                self._settings(use)
            except ConfigRefusals as refused:
                problems += refused.problems
            except ConfigRefused as refused:
                problems.append(refused)
        return problems

    async def provider(self, name: str, parts: Parts) -> Provider:
        """A provider of a plugin's kind. Raises ConfigRefused."""
        return GuardedProvider(await self._build("provider", name, Provider, parts), name, parts.log)

    async def channel(self, name: str, parts: Parts) -> Channel:
        """A channel of a plugin's kind. Raises ConfigRefused."""
        built = await self._build("channel", name, Channel, parts)
        try:
            return GuardedChannel(built, name, parts.log)
        except Nonsense as error:
            raise _bad(self._named["channel", self._uses["channel", name].plugin], str(error)) from error

    async def tools(self, parts: Parts) -> dict[str, Tool]:
        """All tools of plugins. Raises ConfigRefused."""
        return {name: await self._tool(name, parts) for name in self.names("tool")}

    async def hook(self, name: str, parts: Parts) -> Hook:
        """A plugin's hook. Raises ConfigRefused."""
        return GuardedHook(await self._build("hook", name, Hook, parts), name, parts.log)

    async def _tool(self, name: str, parts: Parts) -> Tool:
        built = await self._build("tool", name, Tool, parts)
        _check_tool(built, self._named["tool", name])
        if (close := getattr(built, "close", None)) is not None:  # a tool may hold something, but need not
            parts.stack.push_async_callback(close)
        return GuardedTool(built)

    def _settings(self, use: Use) -> tuple[Any, msgspec.Struct]:
        """(the plugin's description, its settings)."""
        description = load(self._named[use.kind, use.plugin], _KINDS[use.kind])
        table = use.table
        if isinstance(table, ProviderConfig):
            table = settings_of_provider(table, description.settings, use.path)
        return description, decode_settings(table, description.settings, use.path)

    async def _build(self, kind: PluginKind, name: str, port: type[object], parts: Parts) -> Any:
        """What a plugin makes under a name; it has all that its port asks for."""
        use = self._uses[kind, name]
        found = self._named[use.kind, use.plugin]
        description, settings = self._settings(use)
        log = _named_log(parts.log, use.plugin)
        kit = Kit(parts.client, parts.secrets, parts.clock, log, parts.folder / use.plugin)
        built = await _in_time(found, description.build(use.name, settings, kit))
        missing = [one for one in vars(port) if not one.startswith("_") and not hasattr(built, one)]
        if missing:
            lacks = f"gave a {type(built).__name__} without {', '.join(missing)}, which every {port.__name__} has"
            raise _bad(found, lacks)
        return built


async def _in_time(found: Named, building: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(BUILD_SECONDS):
            return await building
    except ConfigRefused:
        raise
    except TimeoutError as error:
        raise _bad(found, f"was not built within {BUILD_SECONDS:g} s") from error
    except (Exception, SystemExit) as error:
        raise _bad(found, f"could not be built ({type(error).__name__}: {error})") from error


def _bad(found: Named, what: str) -> ConfigRefused:
    fix = f"Repair {found.plugin.distribution}, or take the name out of the configuration"
    return ConfigRefused(found.path, f"the plugin {found.plugin} {what}", fix)


def _check_tool(tool: Tool, found: Named) -> None:
    """How it describes itself is used in every turn of its assistants, so it is checked once, here."""
    try:
        spec = sound(tool.spec, ToolSpec)
        schema = msgspec.json.decode(spec.parameters, type=dict[str, msgspec.Raw])
    except (Nonsense, msgspec.DecodeError) as error:
        raise _bad(found, f"describes itself in a way that is not sound: {error}") from error
    if spec.name != found.plugin.name or not spec.description:
        raise _bad(found, f"calls itself {spec.name!r}, or does not say what it is for")
    if bytes(schema.get("type", msgspec.Raw())) != b'"object"':
        raise _bad(found, "has parameters that are no JSON Schema of an object")
    repeatable: object = tool.repeatable
    if tool.effect not in ("none", "external") or repeatable not in (True, False):
        raise _bad(found, "has an effect other than none or external, or does not say whether it is repeatable")


def _named_log(log: EventLog, plugin: str) -> EventLog:
    """The log, with the plugin's name on every line where that can be bound."""
    bind = getattr(log, "bind", None)
    return log if bind is None else bind(plugin=plugin)
