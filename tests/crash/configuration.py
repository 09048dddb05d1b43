"""The file that a scenario's gateway is started with."""

import json
from collections.abc import Sequence
from typing import Literal

import msgspec

from tests.checkers.money import PRICES
from tests.crash.rules import POINTS
from tests.standins.hooks import SECRET

ADDRESS = "https://gateway.example"
"""Where Telegram is told to call; its stand-in knows where that is."""

SECOND = "main/second"
"""A model that people may choose where there are buttons."""

SECRETS = {
    "MODEL_KEY": "sk-standin",
    "OLD_KEY": "sk-no-longer-good",
    "LOOP_TOKEN": "loopback-token",
    "BOT_TOKEN": "4242424242:stand-in-bot-token",
    "HOOK_SECRET": SECRET,
}
"""What the stand-ins accept; OLD_KEY they do not."""

HOOK_SECONDS = 5.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between scenarios. `keys` and `edits` hold for both sides of the wire; times in seconds."""

    database: str = "sqlite"  # or the address of an empty database of PostgreSQL
    queue: str = "followup"
    debounce_ms: int = 0
    keys: bool = False
    edits: bool = True
    streaming: bool = False
    first_byte: float = 10.0
    dm_policy: str = "open"
    telegram: bool = False
    webhook: bool = False  # Telegram calls, and is not polled
    old_key: bool = False  # the first of two keys is refused
    fallback: bool = False  # the assistant's own model cannot be reached
    buttons: bool = False  # there is a second model to choose, and the platform has buttons
    introduce: bool = False
    context_tokens: int = 100_000
    reset_idle_minutes: float = 0.0
    hooks: Literal["", "plugin", "signed"] = ""  # who is asked and told about models, tools and sending


class Around(msgspec.Struct, frozen=True):
    """What is around the gateway: the stand-ins' addresses, the port where we are called, the journal of hooks."""

    model: str
    platform: str
    telegram: str
    port: int
    hooks: str
    journal: str


def render(settings: Settings, around: Around) -> str:
    """The TOML text."""
    keys = ["OLD_KEY", "MODEL_KEY"] if settings.old_key else ["MODEL_KEY"]
    lines = [
        'data_dir = "./data"',
        f"database = {json.dumps(settings.database)}",
        "[server]",
        *_server(settings, around.port),
        "[limits]",
        "turn_seconds = 30.0",
        f"context_tokens = {settings.context_tokens}",
        "[providers.main]",
        'kind = "openai-compatible"',
        f"base_url = {json.dumps(around.model + '/v1')}",
        f"api_keys = [{', '.join(f'{{ env = {json.dumps(key)} }}' for key in keys)}]",
        f"first_byte_seconds = {settings.first_byte}",
        "max_tokens = 500",
        "[providers.gone]",
        'kind = "openai-compatible"',
        'base_url = "http://127.0.0.1:9/v1"',
        "max_retries = 0",
        "[assistants.default]",
        f"model = {json.dumps('gone/test' if settings.fallback else 'main/test')}",
        f"fallback = {json.dumps(['main/test'] if settings.fallback else [SECOND] if settings.buttons else [])}",
        'tools = ["time", "send_message", "http_post"]',
        f"queue = {json.dumps(settings.queue)}",
        f"debounce_ms = {settings.debounce_ms}",
        f"introduce = {json.dumps(settings.introduce)}",
        f"reset_idle_minutes = {settings.reset_idle_minutes}",
        *_prices("main/test"),
        *_prices(SECOND),
        "[tools.http_post]",
        f"url = {json.dumps(around.platform + '/effect')}",
        *_connection(settings, around.platform, around.telegram),
        f"dm_policy = {json.dumps(settings.dm_policy)}",
        f"streaming = {json.dumps('edit' if settings.streaming else 'off')}",
        *_hooks(settings, around),
    ]
    return "\n".join(lines) + "\n"


def _prices(model: str) -> Sequence[str]:
    return (f"[prices.{json.dumps(model)}]", *(f'{kind} = "{price}"' for kind, price in PRICES.items()))


def _server(settings: Settings, port: int) -> Sequence[str]:
    """A gateway that is called has the same port in all of its lives."""
    if not settings.webhook:
        return ("port = 0",)
    return (f"port = {port}", f"public_url = {json.dumps(ADDRESS)}")


def _connection(settings: Settings, platform: str, telegram: str) -> Sequence[str]:
    """The one account that the scenario's people write to."""
    if settings.telegram:
        return (
            "[connections.bot]",
            'channel = "telegram"',
            f"api_root = {json.dumps(telegram)}",
            'token = { env = "BOT_TOKEN" }',
            f"mode = {json.dumps('webhook' if settings.webhook else 'poll')}",
            "webhook_check_seconds = 0.5",
        )
    return (
        "[connections.loop]",
        'channel = "loopback"',
        f"api_root = {json.dumps(platform)}",
        'token = { env = "LOOP_TOKEN" }',
        f"keys = {json.dumps(settings.keys)}",
        f"edits = {json.dumps(settings.edits)}",
        f"buttons = {json.dumps(settings.buttons)}",
    )


def _hooks(settings: Settings, around: Around) -> Sequence[str]:
    """Whoever keeps the rule; where it fails, nothing passes."""
    if not settings.hooks:
        return ()
    who = {
        "plugin": ('plugin = "rules"', f"journal = {json.dumps(around.journal)}"),
        "signed": (f"url = {json.dumps(around.hooks)}", 'secret = { env = "HOOK_SECRET" }'),
    }
    head = ("[[hooks]]", 'name = "rules"', f"on = {json.dumps(POINTS)}", f"timeout_seconds = {HOOK_SECONDS}")
    return (*head, *who[settings.hooks])
