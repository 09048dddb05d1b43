"""From the configuration to the values that flow obeys; also what a reload puts in force."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from quarterdeck.base.settings import PRICED, AssistantConfig, Config, ConnectionConfig, PriceConfig, ProviderConfig
from quarterdeck.flow.directory import ConnectionRules, EmbeddingRules, GroupRules, Limits
from quarterdeck.governance.listed import Ask
from quarterdeck.governance.prices import FREE, Price, Rates, flat, rate
from quarterdeck.model.asking import Options
from quarterdeck.model.assistant import WORKSPACE_FILES, Assistant, Introduction
from quarterdeck.model.plugin import Plugin
from quarterdeck.model.schedule import ResetRules
from quarterdeck.store.instructions import Texts

ROW_CONNECTIONS = ("web", "api", "terminal")
OURS = ("scripted", "local")  # kinds that run in our own process or its child: nobody sends a bill
VENDORS = {"openai": "openai", "openai-responses": "openai", "anthropic": "anthropic", "gemini": "google"}


def limits(config: Config) -> Limits:
    """The bounds in force."""
    table = config.limits
    return Limits(
        concurrent_turns=table.concurrent_turns,
        queue_per_session=table.queue_per_session,
        message_ttl_seconds=table.message_ttl_seconds,
        late_after_seconds=table.late_after_seconds,
        unknown=config.delivery.unknown,
    )


def embeddings(config: Config) -> EmbeddingRules:
    """Who makes vectors."""
    table = config.embeddings
    return EmbeddingRules(table.model, tuple(dict.fromkeys((*([table.model] if table.model else ()), *table.allow))))


def folders(config: Config) -> dict[str, Path]:
    """The folder of every assistant's instruction files on this machine."""
    return {name: Path(one.workspace) for name, one in config.assistants.items()}


def assistants(config: Config, texts: Texts, plugins: Sequence[Plugin] = ()) -> dict[str, Assistant]:
    """All assistants with the texts of their instruction files, and those of `plugins` that they use."""
    return {name: _assistant(name, one, config, texts, plugins) for name, one in config.assistants.items()}


def _assistant(name: str, one: AssistantConfig, config: Config, texts: Texts, plugins: Sequence[Plugin]) -> Assistant:
    used = _used(name, one, config)
    return Assistant(
        id=name,
        model=one.model,
        fallback=one.fallback,
        queue=one.queue,
        debounce_ms=one.debounce_ms,
        tools=tuple(tool for tool in one.tools if tool != "http_post" or "http_post" in config.tools),
        max_steps=config.limits.turn_steps,
        turn_seconds=config.limits.turn_seconds,
        context_tokens=config.limits.context_tokens,
        options=Options(max_tokens=one.max_tokens, temperature=one.temperature, seed=one.seed, effort=one.effort),
        resets=ResetRules(one.reset_idle_minutes, one.reset_at, one.timezone),
        plugins=tuple(str(plugin) for plugin in plugins if (plugin.kind, plugin.name) in used),
        language=one.language,
        answerable=_answerable(one),
        introduction=_introduction(one) if one.introduce else None,
        files=tuple((file, texts.get(name, {}).get(file, "")) for file in WORKSPACE_FILES),
    )


def _answerable(one: AssistantConfig) -> str:
    owner, contact = one.owner.strip(), one.contact.strip()
    return f"{owner} ({contact})" if owner and contact else owner or contact


def _introduction(one: AssistantConfig) -> Introduction:
    texts = ((language, text) for language, text in one.introduction.items() if text.strip())
    return Introduction(one.owner.strip(), one.contact.strip(), tuple(sorted(texts)))


def _used(name: str, one: AssistantConfig, config: Config) -> set[tuple[str, str]]:
    """(kind, name) of what an assistant's behaviour rests on."""
    routes = (route.partition("/")[0] for route in (one.model, *one.fallback))
    used = {("provider", config.providers[provider].kind) for provider in routes if provider in config.providers}
    used |= {("tool", tool) for tool in one.tools}
    used |= {("channel", other.channel) for other in config.connections.values() if other.assistant == name}
    return used | {("hook", hook.plugin) for hook in config.hooks}


def connections(config: Config) -> dict[str, ConnectionRules]:
    """All connections: those that always exist, and those that are configured."""
    rows = {name: ConnectionRules(name, name, "default") for name in ROW_CONNECTIONS}
    return rows | {name: _rules(name, one) for name, one in config.connections.items()}


def _rules(name: str, one: ConnectionConfig) -> ConnectionRules:
    return ConnectionRules(
        name,
        one.channel,
        one.assistant,
        one.dm_policy,
        one.allow,
        one.streaming != "off",
        one.session_per,
        one.language,
        one.group_policy,
        one.require_mention,
        {group: GroupRules(its.allow, its.require_mention, its.session_per) for group, its in one.groups.items()},
        one.acknowledge == "reaction",
    )


def routes(config: Config) -> set[str]:
    """Every model that somebody may be answered by, or have vectors of."""
    named = {route for one in config.assistants.values() for route in (one.model, *one.fallback)}
    return {route for route in named.union(embeddings(config).allowed) if _provider(route) in config.providers}


def own_prices(config: Config) -> dict[str, Price]:
    """Prices that need no list: those of the configuration, and of models that run here."""
    here = {route: FREE for route in routes(config) if config.providers[_provider(route)].kind in OURS}
    return here | {route: _price(one) for route, one in config.prices.items()}


def price_asks(config: Config) -> tuple[Ask, ...]:
    """The models whose list price is to be found: those without a price of one's own, at a vendor's address."""
    own = own_prices(config)
    asks = [price_ask(route, config.providers[_provider(route)]) for route in sorted(routes(config) - own.keys())]
    return tuple(ask for ask in asks if ask is not None)


def price_ask(route: str, provider: ProviderConfig) -> Ask | None:
    """How a model's list price is asked for; None where no vendor can have one."""
    ask = _ask(route, provider)
    return ask if ask.vendor or _public(ask.url) else None


def _provider(route: str) -> str:
    return route.partition("/")[0]


def _price(one: PriceConfig) -> Price:
    if one.free:
        return flat(Rates(0, 0), one.currency)
    given = {name: getattr(one, name) for name in PRICED}
    return flat(Rates(**{name: rate(text) for name, text in given.items() if text is not None}), one.currency)


def _ask(route: str, provider: ProviderConfig) -> Ask:
    """By the address where one is written: the same wire at another address is another vendor. Else by the service that
    a preset names, or the only one that speaks the wire.
    """
    model = route.partition("/")[2]
    if provider.base_url is not None:
        return Ask(route, model, url=provider.base_url)
    preset = provider.options.get("preset")
    return Ask(route, model, vendor=preset if isinstance(preset, str) else VENDORS.get(provider.kind, ""))


def _public(url: str) -> bool:
    """Whether an address can be a vendor's: a name with a dot in it."""
    host = urlsplit(url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return "." in host
    return False
