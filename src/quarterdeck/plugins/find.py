"""Which plugins does a configuration name, and what do their entry points give? Nothing else is imported."""

from collections.abc import Collection, Iterator
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import msgspec

from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.settings import (
    BUILT_IN_CHANNELS,
    BUILT_IN_KINDS,
    BUILT_IN_TOOLS,
    Config,
    PluginKind,
    ProviderConfig,
)
from quarterdeck.model.plugin import Plugin
from quarterdeck.plugins import API

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN: dict[PluginKind, Collection[str]] = {
    "channel": BUILT_IN_CHANNELS,
    "provider": BUILT_IN_KINDS,
    "tool": BUILT_IN_TOOLS,
    "hook": (),
}
P = TypeVar("P")


class Named(msgspec.Struct, frozen=True):
    """A plugin that a configuration names: `path` is the first place where it does."""

    plugin: Plugin
    path: str
    entry: "EntryPoint"


class Use(msgspec.Struct, frozen=True):
    """One place that names a plugin: `name` is what is made there, `field` where the plugin is named, and `table` the
    settings at `path`, as read.
    """

    kind: PluginKind
    plugin: str
    name: str
    field: str
    path: str
    table: ProviderConfig | dict[str, object]


def installed(kind: PluginKind) -> Collection[str]:
    """The names of all plugins of a kind; their code is not touched."""
    return sorted({entry.name for entry in _entries(kind)})


def named(config: Config) -> tuple[Named, ...]:
    """The plugins that a configuration names, each once, in its order.

    Raises ConfigRefused for one that is missing, that two packages bring, or that has a built-in name.
    """
    found: dict[tuple[PluginKind, str], Named] = {}
    for use in uses(config):
        if (use.kind, use.plugin) not in found:
            found[use.kind, use.plugin] = _find(use.kind, use.plugin, use.field)
    return tuple(found.values())


def taken() -> Iterator[ConfigRefused]:
    """Every installed plugin that has a built-in name: it would never be used."""
    for kind, built_in in BUILT_IN.items():
        for entry in _entries(kind):
            if entry.name in built_in:
                yield _is_built_in(kind, entry, f"plugins.{kind}.{entry.name}")


def load(one: Named, expected: type[P]) -> P:
    """Import a plugin. Raises ConfigRefused when that fails, or when it gives something else than is expected."""
    try:
        found: object = one.entry.load()
    except (Exception, SystemExit) as error:
        raise _broken(one, f"cannot be imported ({type(error).__name__}: {error})") from error
    if not isinstance(found, expected):
        raise _broken(one, f"gives a {type(found).__name__}, not a {expected.__name__}")
    api, settings = getattr(found, "api", None), getattr(found, "settings", None)
    if not isinstance(api, int) or not isinstance(settings, type) or not issubclass(settings, msgspec.Struct):
        raise _broken(one, "does not say its api as a number and its settings as a msgspec.Struct type")
    if api > API:
        reason = f"the plugin {one.plugin} is made for API {api}, this is API {API}"
        raise ConfigRefused(one.path, reason, "Update Quarterdeck, or install an older version of the plugin")
    if api < 1:
        raise ConfigRefused(one.path, f"the plugin {one.plugin} is made for API {api}", "Install a newer version of it")
    return found


def _broken(one: Named, what: str) -> ConfigRefused:
    fix = f"Reinstall or repair {one.plugin.distribution}, or take the name out of the configuration"
    return ConfigRefused(one.path, f"the plugin {one.plugin} {what}", fix)


def uses(config: Config) -> Iterator[Use]:
    """Everything that is named and not built in."""
    for use in chain(_providers(config), _channels(config), _tools(config), _hooks(config)):
        if use.plugin not in BUILT_IN[use.kind]:
            yield use


def _providers(config: Config) -> Iterator[Use]:
    for name, one in config.providers.items():
        yield Use("provider", one.kind, name, f"providers.{name}.kind", f"providers.{name}", one)


def _channels(config: Config) -> Iterator[Use]:
    for name, one in config.connections.items():
        yield Use("channel", one.channel, name, f"connections.{name}.channel", f"connections.{name}", one.options)


def _tools(config: Config) -> Iterator[Use]:
    named = {tool: f"assistants.{of}.tools" for of, one in config.assistants.items() for tool in one.tools}
    for tool, field in (named | {name: f"tools.{name}" for name in config.tools}).items():
        yield Use("tool", tool, tool, field, f"tools.{tool}", config.tools.get(tool, {}))


def _hooks(config: Config) -> Iterator[Use]:
    for n, one in enumerate(config.hooks):
        if one.plugin:
            yield Use("hook", one.plugin, one.name, f"hooks[{n}].plugin", f"hooks[{n}]", one.options)


def _find(kind: PluginKind, name: str, path: str) -> Named:
    found: dict[tuple[str, str], EntryPoint] = {}
    for entry in _entries(kind):
        if entry.name in BUILT_IN[kind]:
            raise _is_built_in(kind, entry, path)
        if entry.name == name:
            found[_source(entry)[0], entry.value] = entry
    if not found:
        fix = f"Install the package that brings the {kind} plugin {name}, or take the name out"
        raise ConfigRefused(path, f"there is no {kind} {name}", fix)
    if len(found) > 1:
        who = " and ".join(sorted({distribution for distribution, _ in found}))
        raise ConfigRefused(path, f"{who} bring a {kind} plugin called {name} each", "Uninstall one of them")
    (entry,) = found.values()
    return Named(Plugin(kind, name, *_source(entry)), path, entry)


def _is_built_in(kind: PluginKind, entry: "EntryPoint", path: str) -> ConfigRefused:
    reason = f"the package {_source(entry)[0]} brings a {kind} plugin called {entry.name}, which is a built-in name"
    return ConfigRefused(path, reason, "Uninstall that package, or let its author choose another name")


def _entries(kind: PluginKind) -> Collection["EntryPoint"]:
    from importlib.metadata import entry_points  # with zipfile and more

    return entry_points(group=f"quarterdeck.{kind}s")


def _source(entry: "EntryPoint") -> tuple[str, str]:
    """(distribution, version) of an entry point."""
    return (entry.dist.name, entry.dist.version) if entry.dist else ("?", "?")
