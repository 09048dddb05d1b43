"""A loopback connection's own table."""

import msgspec

from quarterdeck.base.secrets import SecretRef


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
