"""From the configuration to the values that flow obeys; also what a reload puts in force."""

from pathlib import Path

from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.settings import AssistantConfig, Config
from quarterdeck.flow.directory import ConnectionRules, EmbeddingRules, Limits
from quarterdeck.model.asking import Options
from quarterdeck.model.assistant import WORKSPACE_FILES, Assistant
from quarterdeck.model.schedule import ResetRules

ROW_CONNECTIONS = ("web", "api", "terminal")
MAX_FILE = 256 * 1024  # of a workspace's instruction file


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


def assistants(config: Config) -> dict[str, Assistant]:
    """All assistants with their workspace files as they are now."""
    return {name: _assistant(name, one, config) for name, one in config.assistants.items()}


def _assistant(name: str, one: AssistantConfig, config: Config) -> Assistant:
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
        files=tuple((file, _read(Path(one.workspace) / file)) for file in WORKSPACE_FILES),
    )


def _read(file: Path) -> str:
    """A workspace file's text, empty when there is none. Raises ConfigRefused for one that is too large."""
    if not file.is_file():
        return ""
    if file.stat().st_size > MAX_FILE:
        raise ConfigRefused(str(file), f"is larger than {MAX_FILE} bytes", "Shorten it.")
    return file.read_text("utf-8", "replace")


def connections(config: Config) -> dict[str, ConnectionRules]:
    """All connections: those that always exist, and those that are configured."""
    rows = {name: ConnectionRules(name, name, "default") for name in ROW_CONNECTIONS}
    wired = {
        name: ConnectionRules(
            name, one.channel, one.assistant, one.dm_policy, one.allow, one.streaming != "off", one.session_per
        )
        for name, one in config.connections.items()
    }
    return rows | wired
