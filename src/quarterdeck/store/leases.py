"""Leases: what only one of the processes may do at a time, such as receiving for a connection.

A lease has no time: it ends with its process, or is given back. Whoever takes it names the fence that was read.
"""

from collections.abc import Sequence

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, values
from quarterdeck.store.tenancy import TENANT


class Lease(msgspec.Struct, frozen=True):
    """One row of `leases`; an empty process: nobody has it."""

    name: str
    process: str
    fence: int
    taken_at: float
    facts: str


def take(name: str, seen: Lease | None, process: str, now: float) -> Statement:
    """Take a lease that nobody has, or whose process is dead, if it is still as it was seen."""
    fence = seen.fence if seen else 0
    return Statement(
        "leases.take",
        "INSERT INTO leases (tenant, name, process, fence, taken_at) VALUES (:tenant, :name, :process, :next, :now)"
        " ON CONFLICT (tenant, name) DO UPDATE SET process = :process, fence = :next, taken_at = :now, facts = ''"
        " WHERE leases.fence = :fence",
        {"tenant": TENANT, "name": name, "process": process, "fence": fence, "next": fence + 1, "now": now},
        expect=1,
    )


def give_back(name: str, process: str, now: float) -> Statement:
    """A process gives a lease back."""
    return Statement(
        "leases.give_back",
        "UPDATE leases SET process = '', fence = fence + 1, taken_at = :now"
        " WHERE tenant = :tenant AND name = :name AND process = :process",
        {"tenant": TENANT, "name": name, "process": process, "now": now},
        expect=1,
    )


def report(name: str, process: str, facts: str) -> Statement:
    """What a process sees of what it holds."""
    return Statement(
        "leases.report",
        "UPDATE leases SET facts = :facts WHERE tenant = :tenant AND name = :name AND process = :process",
        {"tenant": TENANT, "name": name, "process": process, "facts": facts},
    )


async def all_of(store: Store) -> Sequence[Lease]:
    """Every lease; there are as many as connections and single services."""
    rows = await store.fetch(
        f"SELECT {columns(Lease)} FROM leases WHERE tenant = :tenant ORDER BY name LIMIT 1000", {"tenant": TENANT}
    )
    return values(Lease, rows)
