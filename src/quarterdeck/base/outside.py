"""What does decoding raise for bytes from outside?"""

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""Not the right shape, no UTF-8, and brackets nested without end. Catch all three, wherever bytes come from others."""
