"""May this configuration be used? What no single field can tell: references, safety, what is not built."""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from quarterdeck.base.database_address import holds_password, mistake
from quarterdeck.base.decode import join, suggestion
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.secrets import WRITE_A_REFERENCE, find_references, mode_problem
from quarterdeck.base.settings import (
    BUILT_IN_CHANNELS,
    BUILT_IN_KINDS,
    BUILT_IN_TOOLS,
    PRICED,
    RESERVED_CONNECTIONS,
    Config,
    HookConfig,
    PluginKind,
    ProviderConfig,
)

Installed = Callable[[PluginKind], Collection[str]]
"""The names of the plugins of a kind."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SECRET_KEY = re.compile(
    r"(^|_)(token|secret|password|passphrase|api_?key|private_key|access_key|signing_key)s?$", re.IGNORECASE
)
_ORIGIN = re.compile(r"https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?")
_NETWORK_FILESYSTEMS = ("nfs", "cifs", "smb", "afs", "ncpfs", "fuse.sshfs", "fuse.glusterfs")


def no_plugins(kind: PluginKind) -> Collection[str]:
    """Nothing is installed."""
    return ()


def check_config(config: Config, plugins: Installed, mounts: str) -> Iterator[ConfigRefused]:
    """Every reason not to use a well-formed configuration; `mounts` is the text of /proc/self/mountinfo."""
    yield from _check_names(config)
    yield from _check_providers(config.providers, plugins)
    yield from _check_assistants(config)
    yield from _check_tools(config, plugins)
    yield from _check_connections(config, plugins)
    yield from _check_hooks(config.hooks, plugins)
    yield from _check_server(config)
    yield from _check_alerts(config)
    yield from _check_prices(config)
    if config.observe.otlp_endpoint:
        yield from _check_url(config.observe.otlp_endpoint, "observe.otlp_endpoint")
    if config.database != "sqlite" and (wrong := mistake(config.database)) is not None:
        yield ConfigRefused("database", *wrong)
    kind = network_filesystem(config.data_dir, mounts)
    if kind is not None:
        reason = f"{config.data_dir} is on a network file system ({kind}), where locks and syncs do not hold"
        yield ConfigRefused("data_dir", reason, "Choose a folder on a local disk")


def check_document(document: Mapping[str, object]) -> Iterator[ConfigRefused]:
    """Reasons that show in the tables as read: plain-text secrets and secret files that others may read."""
    yield from _plain_secrets(document, "")
    for path, ref in find_references(document):
        if ref.file is None:
            continue
        if not os.path.isabs(ref.file):
            fix = f"Write the whole path of {ref.file}"
            yield ConfigRefused(path, "a secret file needs an absolute path", fix)
        elif os.path.exists(ref.file):
            problem = mode_problem(os.stat(ref.file), ref.file, path)
            if problem is not None:
                yield problem


def config_notes(config: Config) -> Iterator[str]:
    """What is allowed and still worth saying at every start."""
    for name, connection in config.connections.items():
        if connection.dm_policy == "open":
            yield f"connections.{name}: dm_policy is open, anybody may talk to {connection.assistant}"
        if connection.group_policy == "open":
            yield f"connections.{name}: group_policy is open, it answers in every group that it is added to"
    if holds_password(config.database):
        yield "database: the address holds a password; PGPASSFILE keeps it out of the configuration"


def network_filesystem(path: str, mounts: str) -> str | None:
    """The type of the network file system that holds `path`, if it does (proc(5), /proc/pid/mountinfo)."""
    target = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        mount = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
        inside = target == mount or target.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):  # of two mounts at one place the later one is seen
            best, kind = mount, right.split(" ")[0]
    return kind if kind.startswith(_NETWORK_FILESYSTEMS) else None


def is_loopback(host: str) -> bool:
    """True for `localhost` and every literal loopback address; a name could resolve to anything."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_names(config: Config) -> Iterator[ConfigRefused]:
    for section in ("providers", "assistants", "connections"):
        for name in cast("dict[str, object]", getattr(config, section)):
            if not _NAME.fullmatch(name):
                reason = "a name has lower-case letters, digits, - and _, at most 64"
                yield ConfigRefused(join(section, name), reason, "Choose another name")
    for name in RESERVED_CONNECTIONS:
        if name in config.connections:
            reason = "this connection always exists and is not configured here"
            yield ConfigRefused(f"connections.{name}", reason, "Choose another name")


def _unknown(
    kind: PluginKind, name: str, built_in: Collection[str], plugins: Installed, path: str
) -> Iterator[ConfigRefused]:
    """Refuse a name that is neither built in nor an installed plugin's."""
    if name in built_in or name in (installed := plugins(kind)):
        return
    fix = suggestion(name, (*built_in, *installed))
    if not fix.endswith("?"):
        fix = f"{fix}. Or install the package that brings the {kind} plugin {name}"
    yield ConfigRefused(path, f"there is no {kind} {name}", fix)


def _check_tools(config: Config, plugins: Installed) -> Iterator[ConfigRefused]:
    for name, assistant in config.assistants.items():
        for n, tool in enumerate(assistant.tools):
            yield from _unknown("tool", tool, BUILT_IN_TOOLS, plugins, f"assistants.{name}.tools[{n}]")
    for name in config.tools:
        yield from _unknown("tool", name, BUILT_IN_TOOLS, plugins, join("tools", name))


def _check_hooks(hooks: Iterable[HookConfig], plugins: Installed) -> Iterator[ConfigRefused]:
    names: set[str] = set()
    for n, hook in enumerate(hooks):
        path = f"hooks[{n}]"
        if not _NAME.fullmatch(hook.name):
            reason = "a name has lower-case letters, digits, - and _, at most 64"
            yield ConfigRefused(f"{path}.name", reason, "Choose another name")
        if hook.name in names:
            yield ConfigRefused(f"{path}.name", f"another hook is called {hook.name}", "Choose another name")
        names.add(hook.name)
        if bool(hook.plugin) == bool(hook.url):
            yield ConfigRefused(path, "a hook has either a plugin or a url", "Write one of the two")
        elif hook.plugin:
            yield from _unknown("hook", hook.plugin, (), plugins, f"{path}.plugin")
        else:
            yield from _check_signed(hook, path)


def _check_alerts(config: Config) -> Iterator[ConfigRefused]:
    alerts = config.alerts
    if bool(alerts.connection) != bool(alerts.room):
        yield ConfigRefused("alerts", "connection and room belong together", "Write both, or neither")
    if alerts.connection and alerts.connection not in config.connections:
        fix = suggestion(alerts.connection, config.connections)
        yield ConfigRefused("alerts.connection", f"there is no connection {alerts.connection}", fix)
    if bool(alerts.webhook) != (alerts.secret is not None):
        yield ConfigRefused("alerts", "webhook and secret belong together", "Write both, or neither")
    if alerts.webhook:
        yield from _check_signed_url(alerts.webhook, "alerts.webhook")


def _check_signed(hook: HookConfig, path: str) -> Iterator[ConfigRefused]:
    yield from _check_signed_url(hook.url, f"{path}.url")
    if hook.secret is None:
        yield ConfigRefused(f"{path}.secret", "what is sent has to be signed", WRITE_A_REFERENCE)
    for key in hook.options:
        reason = "this key is unknown for a hook with a url"
        yield ConfigRefused(join(path, key), reason, suggestion(key, HookConfig.__struct_fields__))


def _check_signed_url(url: str, path: str) -> Iterator[ConfigRefused]:
    yield from _check_url(url, path)
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        fix = "Use https, or an address of this machine"
        yield ConfigRefused(path, "what people write would travel unencrypted", fix)


def _check_providers(providers: Mapping[str, ProviderConfig], plugins: Installed) -> Iterator[ConfigRefused]:
    for name, provider in providers.items():
        path = f"providers.{name}"
        yield from _unknown("provider", provider.kind, BUILT_IN_KINDS, plugins, f"{path}.kind")
        needs_address = provider.kind == "openai-compatible" and "preset" not in provider.options
        if needs_address and provider.base_url is None:
            fix = 'Write base_url = "https://host/v1", or preset = "openrouter" or another'
            yield ConfigRefused(f"{path}.base_url", "this kind needs an address", fix)
        if provider.base_url is not None:
            yield from _check_url(provider.base_url, f"{path}.base_url")


def _check_url(url: str, path: str) -> Iterator[ConfigRefused]:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid, parts = False, None
    if not valid or parts is None:
        yield ConfigRefused(path, "this is not an http or https address", "Write it as https://host/path")
    elif parts.username or parts.password:
        yield ConfigRefused(path, "a secret stands in the address", "Use api_keys instead")


def _check_assistants(config: Config) -> Iterator[ConfigRefused]:
    for name, assistant in config.assistants.items():
        yield from _check_zone(assistant.timezone, f"assistants.{name}.timezone")
        models = [(f"assistants.{name}.model", assistant.model)]
        models += [(f"assistants.{name}.fallback[{i}]", model) for i, model in enumerate(assistant.fallback)]
        for path, model in models:
            yield from _check_model(path, model, config)
    vectors = [("embeddings.model", config.embeddings.model)] if config.embeddings.model else []
    vectors += [(f"embeddings.allow[{i}]", model) for i, model in enumerate(config.embeddings.allow)]
    for path, model in vectors:
        yield from _check_model(path, model, config)


def _check_model(path: str, model: str, config: Config) -> Iterator[ConfigRefused]:
    provider, slash, rest = model.partition("/")
    if not (provider and slash and rest):
        fix = f'Write it as "{next(iter(config.providers))}/MODEL"'
        yield ConfigRefused(path, "a model is written provider/model", fix)
    elif provider not in config.providers:
        fix = suggestion(provider, config.providers)
        yield ConfigRefused(path, f"there is no provider {provider}", fix)


def _check_zone(name: str, path: str) -> Iterator[ConfigRefused]:
    if name == "UTC":
        return
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        fix = "Write an IANA name such as Europe/Berlin; where the system has none, install the package tzdata"
        yield ConfigRefused(path, f"there is no time zone {name!r}", fix)


def _check_connections(config: Config, plugins: Installed) -> Iterator[ConfigRefused]:
    for name, connection in config.connections.items():
        path = f"connections.{name}"
        yield from _unknown("channel", connection.channel, BUILT_IN_CHANNELS, plugins, f"{path}.channel")
        if connection.assistant not in config.assistants:
            fix = suggestion(connection.assistant, config.assistants)
            yield ConfigRefused(f"{path}.assistant", f"there is no assistant {connection.assistant}", fix)


def _check_server(config: Config) -> Iterator[ConfigRefused]:
    server = config.server
    scheme = urlsplit(server.public_url or "").scheme
    if server.public_url is not None:
        yield from _check_url(server.public_url, "server.public_url")
    for i, origin in enumerate(server.cors_origins):
        if not _ORIGIN.fullmatch(origin):
            fix = "Write scheme, host and port as a browser sends them, such as https://app.example:8443"
            yield ConfigRefused(f"server.cors_origins[{i}]", f"{origin!r} is not the origin of a site", fix)
    if not is_loopback(server.host) and scheme != "https" and not server.allow_remote:
        reason = f"{server.host} can be reached from other machines, and sign-in codes would travel unencrypted"
        fix = 'Set server.public_url = "https://..." (a proxy that does TLS), or server.allow_remote = true'
        yield ConfigRefused("server.host", reason, fix)


def _check_prices(config: Config) -> Iterator[ConfigRefused]:
    for route, price in config.prices.items():
        path, provider = join("prices", route), route.partition("/")[0]
        numbers = [name for name in PRICED if getattr(price, name) is not None]
        if "/" not in route:
            fix = f'Write it as [prices."{next(iter(config.providers))}/MODEL"]'
            yield ConfigRefused(path, "a model is written provider/model, in quotes", fix)
        elif provider not in config.providers:
            yield ConfigRefused(path, f"there is no provider {provider}", suggestion(provider, config.providers))
        if price.free and numbers:
            fix = "Write either free = true or the prices"
            yield ConfigRefused(f"{path}.free", f"it is free and has a price ({', '.join(numbers)})", fix)
        elif not price.free and not {"input", "output"} & {*numbers}:
            fix = 'Write input = "0.15" and output = "0.60" (for a million tokens), or free = true'
            yield ConfigRefused(path, "there is no price in it", fix)


def _plain_secrets(table: Mapping[str, object], path: str) -> Iterator[ConfigRefused]:
    for key, value in table.items():
        here = join(path, key)
        if isinstance(value, dict):
            yield from _plain_secrets(cast("dict[str, object]", value), here)
        elif _SECRET_KEY.search(key) and _holds_text(value):
            yield ConfigRefused(here, "a secret stands in plain text", WRITE_A_REFERENCE)


def _holds_text(value: object) -> bool:
    if isinstance(value, list):
        return any(isinstance(item, str) for item in cast("list[object]", value))
    return isinstance(value, str)


def mountinfo() -> str:
    """The mounts that this process sees; empty where the system does not say."""
    try:
        return Path("/proc/self/mountinfo").read_text(errors="replace")
    except OSError:
        return ""
