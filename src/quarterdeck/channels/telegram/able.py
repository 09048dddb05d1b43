"""What can a Telegram connection do? Declared here, kept by the adapter, checked by the kit, shown in the docs."""

from quarterdeck.channels.telegram import media, wire
from quarterdeck.model.button import ButtonBounds
from quarterdeck.ports import Capabilities

BUTTONS = ButtonBounds(most=24, abreast=8, label=64, value=64)
"""`value`: api, InlineKeyboardButton, 1 to 64 bytes; `abreast`: aiogram 3.31.0, utils/keyboard.py. Of a label's length
nothing is said (unverified). 100 buttons are taken (aiogram, the same file), but no markup of more than about 10,000
bytes of JSON (seen: tginfo/Telegram-Limits, issue 187): 24 fit into that with the longest labels of any script.
"""


def capabilities(streaming: str = "off") -> Capabilities:
    """Of a connection that shows growing answers so. No key of ours is known to Telegram, so no send is idempotent."""
    return Capabilities(
        text_limit=wire.TEXT_UNITS,
        edits=streaming == "edit",
        drafts=streaming == "draft",
        typing=True,
        reactions=True,
        files_in=True,
        file_bytes=media.FILE_BYTES,
        buttons=BUTTONS,
    )
