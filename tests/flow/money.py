"""Does the money add up in a database at rest? Reckoned anew with fractions, from the rates that worlds have."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from quarterdeck.governance.prices import Price, Rates, flat

RATES = {"input": 333_333_333, "output": 1_777_777_777, "cached": 33_333_331, "cache_write": 416_666_667}
PRICES: Mapping[str, Price] = {"main/m": flat(Rates(**RATES))}
"""What worlds have: rates at which nothing comes out even. Other models have no price."""

DIMENSIONS = ("assistant", "session_id", "connection", "identity_id", "route", "CAST(created_at / 86400 AS INTEGER)")

Rows = Callable[[str], list[dict[str, Any]]]


def money_faults(rows: Rows) -> list[str]:
    """Every settlement that is wrong, and every grouping whose sum is another."""
    reserved = {row["intent_id"]: row for row in rows("SELECT * FROM ledger WHERE kind = 'reserve'")}
    settled = rows("SELECT * FROM ledger WHERE kind = 'settle'")
    found: list[str] = []
    for row in settled:
        found += [f"settlement of {row['intent_id']}: {fault}" for fault in _faults(row, reserved[row["intent_id"]])]
    return found + _sums(rows, settled)


def _faults(row: dict[str, Any], reserve: dict[str, Any]) -> list[str]:
    priced = row["route"] in PRICES
    wanted = ("connection", "identity_id", *(("assistant",) if row["session_id"] else ()))  # vectors are nobody's act
    found = [f"{name} is {row[name]!r}" for name in wanted if not row[name]]
    if priced != (row["amount"] is not None) or (row["currency"] == "USD") != priced:
        return [*found, f"{row['route']} has amount {row['amount']} {row['currency']!r}"]
    if not priced:
        return found
    cached, written = row["tokens_cached"], row["tokens_cache_write"]
    counts = {
        "input": row["tokens_in"] - cached - written,
        "cached": cached,
        "cache_write": written,
        "output": row["tokens_out"],
    }
    exact = sum((Fraction(count * RATES[kind], 1_000_000) for kind, count in counts.items()), Fraction())
    at_reserve = (row["reported"], row["amount"]) == (0, reserve["amount"])
    if not at_reserve and abs(row["amount"] - exact) > Fraction(len(counts), 2):
        found.append(f"amount {row['amount']}, reckoned {float(exact)}")
    return found


def _sums(rows: Rows, settled: list[dict[str, Any]]) -> list[str]:
    total = (len(settled), sum(row["amount"] or 0 for row in settled))
    by_turn = rows(
        "SELECT COUNT(*) AS n, COALESCE(SUM(l.amount), 0) AS amount FROM intents i"
        " JOIN ledger l ON l.intent_id = i.id AND l.kind = 'settle' GROUP BY i.turn_id"
    )
    sums = {"turn": by_turn}
    for name in DIMENSIONS:
        sums[name] = rows(
            "SELECT COUNT(*) AS n, COALESCE(SUM(amount), 0) AS amount FROM ledger WHERE kind = 'settle'"
            f" GROUP BY {name}, currency"
        )
    found = {
        name: (sum(one["n"] for one in lines), sum(one["amount"] for one in lines)) for name, lines in sums.items()
    }
    return [f"by {name} it is {both}, in all {total}" for name, both in found.items() if both != total]
