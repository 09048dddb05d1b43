"""Which limits does the vendor set, and in which unit?"""

import time
from collections import deque
from collections.abc import Callable
from math import ceil

from tests.standins.telegram.refusals import too_many_requests

TEXT_UTF16_UNITS = 4096
"""Message text after entity parsing (PTB: MessageLimit.MAX_TEXT_LENGTH; the unit as of entity offsets)."""
CAPTION_UTF16_UNITS = 1024
"""PTB: MessageLimit.CAPTION_LENGTH."""
ENTITIES = 100
"""More are ignored, not refused (PTB: MessageLimit.MESSAGE_ENTITIES, "undocumented")."""
CALLBACK_DATA_BYTES = 64
"""PTB: InlineKeyboardButtonLimit.MAX_CALLBACK_DATA; at least 1."""
BUTTONS = 100
"""PTB: InlineKeyboardMarkupLimit.TOTAL_BUTTON_NUMBER."""
BUTTONS_ABREAST = 8
"""PTB: InlineKeyboardMarkupLimit.BUTTONS_PER_ROW."""
MARKUP_BYTES = 10_000
"""Of a markup's JSON. Seen: tginfo/Telegram-Limits, issue 187; the exact figure is unverified."""
CALLBACK_ANSWER_CHARS = 200
"""PTB: CallbackQueryLimit.ANSWER_CALLBACK_QUERY_TEXT_LENGTH."""
DOWNLOAD_BYTES = 20_000_000
"""PTB: FileSizeLimit.FILESIZE_DOWNLOAD (the server's own constant may be 20 MiB: unverified)."""
UPLOAD_BYTES = 50_000_000
"""PTB: FileSizeLimit.FILESIZE_UPLOAD."""
PHOTO_UPLOAD_BYTES = 10_000_000
"""PTB: FileSizeLimit.PHOTOSIZE_UPLOAD."""
POLL_LIMIT = (1, 100)
"""Updates per answer; other values are clamped (server: process_get_updates_query; PTB: PollingLimit)."""
POLL_SECONDS = 50
"""Longest long poll; longer ones are clamped (server: Client.h, LONG_POLL_MAX_TIMEOUT)."""
WEBHOOK_PORTS = frozenset({80, 88, 443, 8443})
"""PTB: constants.SUPPORTED_WEBHOOK_PORTS."""
WEBHOOK_CONNECTIONS = (1, 100)
"""PTB: WebhookLimit.MIN_CONNECTIONS_LIMIT, MAX_CONNECTIONS_LIMIT."""
WEBHOOK_SECRET = r"[A-Za-z0-9_-]{1,256}"
"""PTB: WebhookLimit.MIN_SECRET_TOKEN_LENGTH, MAX_SECRET_TOKEN_LENGTH; the letters: aiogram, methods/set_webhook.py."""
COMMANDS = 100
"""PTB: BotCommandLimit.MAX_COMMAND_NUMBER."""
COMMAND_CHARS = (1, 32)
"""PTB: BotCommandLimit.MIN_COMMAND, MAX_COMMAND."""
COMMAND_DESCRIPTION_CHARS = (1, 256)
"""PTB: BotCommandLimit.MIN_DESCRIPTION, MAX_DESCRIPTION."""
REACTIONS = 1
"""Of a bot without premium on one message (aiogram: methods/set_message_reaction.py)."""


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units: 2 for a character beyond the basic plane, else 1."""
    return len(text) + sum(1 for character in text if character > "\uffff")


class SendRates:
    """The published send rates, enforced only when `strict` (PTB: FloodLimit).

    1 message per second and chat, 30 per second over all, 20 per minute and group. The vendor tolerates short
    bursts; this does not. Which methods count beside the sending ones is unverified: edits do not count here.
    """

    def __init__(self, strict: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.strict = strict
        self._clock = clock
        self._windows: dict[str, deque[float]] = {}

    def admit(self, chat_id: int) -> None:
        """Count one send to `chat_id`, or raise the 429 that names the whole seconds to wait."""
        if not self.strict:
            return
        rules = [("all", 30, 1.0), (f"chat {chat_id}", 1, 1.0)]
        if chat_id < 0:
            rules.append((f"group {chat_id}", 20, 60.0))
        now = self._clock()
        wait = max(self._wait(name, count, span, now) for name, count, span in rules)
        if wait > 0:
            raise too_many_requests(max(1, ceil(wait)))
        for name, _count, _span in rules:
            self._windows[name].append(now)

    def _wait(self, name: str, count: int, span: float, now: float) -> float:
        window = self._windows.setdefault(name, deque(maxlen=count))
        if len(window) < count or now - window[0] >= span:
            return 0.0
        return span - (now - window[0])
