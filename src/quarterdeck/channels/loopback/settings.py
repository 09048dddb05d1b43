"""A loopback connection's own table."""

import msgspec

from quarterdeck.base.secrets import SecretRef
from quarterdeck.ports import Capabilities


class LoopbackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`keys`: the server honours idempotency keys, for `key_seconds`; `edits`: it can edit messages; `file_bytes`: how
    large a file it takes, 0 for none.
    """

    api_root: str
    token: SecretRef
    keys: bool = False
    key_seconds: float = 600.0
    edits: bool = True
    file_bytes: int = 0
    limit: int = 2000
    poll_seconds: float = 25.0

    @property
    def capabilities(self) -> Capabilities:
        """What a connection with these settings can do."""
        return Capabilities(
            text_limit=self.limit,
            edits=self.edits,
            typing=True,
            idempotent_sends=self.keys,
            idempotency_window=self.key_seconds if self.keys else 0.0,
            files_in=True,
            file_bytes=self.file_bytes,
        )
