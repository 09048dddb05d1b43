"""A Telegram connection's own table."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from quarterdeck.base.secrets import SecretRef


class TelegramSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What only Telegram needs to know; what every connection has is in ConnectionConfig."""

    token: Annotated[SecretRef, Meta(description="The token that @BotFather gave for the bot.")]
    api_root: Annotated[
        str, Meta(description="Address of the Bot API server, your own or Telegram's; trusted as written.")
    ] = "https://api.telegram.org"
    mode: Annotated[
        Literal["poll", "webhook"], Meta(description="How updates come: by long poll, or by Telegram calling us.")
    ] = "poll"
    poll_seconds: Annotated[
        int, Meta(ge=1, le=50, description="Longest wait of one poll, in seconds; the server allows 50.")
    ] = 50

    max_connections: Annotated[
        int, Meta(ge=1, le=100, description="Calls that Telegram may make at once, by webhook.")
    ] = 40
    webhook_check_seconds: Annotated[
        float, Meta(gt=0, le=3600, description="How often it is looked whether the webhook is still ours.")
    ] = 60.0

    def __post_init__(self) -> None:
        if not self.api_root.startswith(("https://", "http://")):
            raise ValueError("api_root must start with https:// or http://")
