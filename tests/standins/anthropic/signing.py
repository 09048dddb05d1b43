"""Is this thinking as we gave it out? Blocks are signed, so that it can be told without a memory."""

import hashlib

from tests.standins.anthropic.shapes import Redacted, Thinking

SECRET = b"a stand-in's secret\0"
ENCRYPTED = "redacted:"


def signature(thinking: str) -> str:
    """The signature of one block of thinking."""
    return "sig" + hashlib.sha256(SECRET + thinking.encode()).hexdigest()


def redacted(thinking: str) -> str:
    """What stands for thinking that is not shown."""
    return ENCRYPTED + signature(thinking)


def valid(block: Thinking | Redacted) -> bool:
    """Whether the block is one of ours and was not changed."""
    if isinstance(block, Redacted):
        return block.data.startswith(ENCRYPTED)
    return block.signature == signature(block.thinking)
