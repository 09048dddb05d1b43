"""Is a stored value of a kind that only a newer version knows?

While versions take turns on one database, the older one reads what the newer one wrote. Fields that it does not know
are ignored; a whole kind that it does not know is told from broken bytes here.
"""

from collections.abc import Iterable

import msgspec


class _Tagged(msgspec.Struct, frozen=True):
    type: str


_decoder = msgspec.json.Decoder(_Tagged)


def tags_of(kinds: Iterable[type[msgspec.Struct]]) -> frozenset[str]:
    """The names by which these kinds are stored."""
    return frozenset(str(kind.__struct_config__.tag) for kind in kinds)


def is_newer(stored: bytes, known: frozenset[str]) -> bool:
    """Whether `stored` names a kind that is not among `known`. Raises msgspec.DecodeError when it names none."""
    return _decoder.decode(stored).type not in known
