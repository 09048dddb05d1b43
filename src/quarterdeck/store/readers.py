"""Which versions can work with a schema? Each migration says so in its first line.

`-- expand`: it only adds; whoever worked with the schema before goes on with it.
`-- contract 16`: it takes away what versions that do not know migration 16 need. It waits until it is asked for, so the
version that brings it works with and without it.
Neither: only versions that know this migration can go on.

The database keeps the answer beside the migration, for versions that have never seen its file.
"""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Final

from quarterdeck.base.errors import NewerSchema

TABLE: Final = "CREATE TABLE IF NOT EXISTS schema_readers (version BIGINT PRIMARY KEY, oldest BIGINT NOT NULL)"
APPLIED: Final = (
    "SELECT m.version, COALESCE(r.oldest, m.version) FROM schema_migrations m"
    " LEFT JOIN schema_readers r ON r.version = m.version"
)
"""Each migration that was applied, and the oldest one that a version must know to go on with it."""

_EXPAND: Final = "-- expand\n"
_CONTRACT: Final = re.compile(r"-- contract (\d+)\n")


def oldest_reader(number: int, sql: str) -> int:
    """The newest migration of the oldest version that can go on when `sql` was applied; 0 for all that could before."""
    if sql.startswith(_EXPAND):
        return 0
    contract = _CONTRACT.match(sql)
    return int(contract[1]) if contract else number


def is_contract(sql: str) -> bool:
    """Whether it waits until it is asked for."""
    return _CONTRACT.match(sql) is not None


def check(applied: Mapping[int, int], newest: int) -> None:
    """Raises NewerSchema when a version whose newest migration is `newest` cannot work with what `APPLIED` says."""
    needed = max((oldest for number, oldest in applied.items() if number > newest), default=0)
    if needed > newest:
        raise NewerSchema(
            f"the database has schema {max(applied)}, which needs a version with schema {needed} or newer; this one"
            f" has {newest}; install the newer version"
        )


def to_apply(
    migrations: Iterable[tuple[int, str, str]], applied: Container[int], contract: bool
) -> list[tuple[int, str, str]]:
    """What is to be applied now. Into a new database everything goes at once: nobody works with it yet."""
    waiting = [one for one in migrations if one[0] not in applied]
    return waiting if contract or 1 not in applied else [one for one in waiting if not is_contract(one[2])]
