"""A loopback connection's own table."""

import msgspec

from quarterdeck.base.secrets import SecretRef
from quarterdeck.model.button import ButtonBounds
from quarterdeck.ports import Capabilities

BUTTONS = ButtonBounds(most=24, abreast=4, label=40, value=64)


class LoopbackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`keys`: the server honours idempotency keys, for `key_seconds`; `edits`: it can edit messages; `file_bytes`: how
    large a file it takes, 0 for none; `buttons`: it shows buttons under messages; `reactions`: it shows our reaction
    on one.
    """

    api_root: str
    token: SecretRef
    keys: bool = False
    key_seconds: float = 600.0
    edits: bool = True
    file_bytes: int = 0
    buttons: bool = False
    reactions: bool = False
    limit: int = 2000
    poll_seconds: float = 25.0

    @property
    def capabilities(self) -> Capabilities:
        """What a connection with these settings can do."""
        return Capabilities(
            text_limit=self.limit,
            edits=self.edits,
            typing=True,
            reactions=self.reactions,
            idempotent_sends=self.keys,
            idempotency_window=self.key_seconds if self.keys else 0.0,
            files_in=True,
            file_bytes=self.file_bytes,
            buttons=BUTTONS if self.buttons else None,
        )
