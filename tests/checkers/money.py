"""Has every reservation one settlement, does that cost what it should, and do all sums agree?"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction

from tests.checkers.database import Database, Entry
from tests.checkers.violation import Violation

PRICES: Mapping[str, str] = {"input": "0.333333333", "output": "1.7", "cached": "0.0333", "cache_write": "0.41"}
"""What scenarios' gateways are told that a million tokens cost, in USD."""


def check_money(database: Database) -> Iterator[Violation]:
    """Reservations against settlements, settlements against prices, sums by turn and session against each other."""
    kinds = Counter((entry.intent_id, entry.kind) for entry in database.ledger)
    calls = {intent.id: intent for intent in database.intents if intent.kind == "model"}
    for name in calls.keys() | {entry.intent_id for entry in database.ledger}:
        reserved, settled = kinds[name, "reserve"], kinds[name, "settle"]
        if (reserved, settled) != (1, 1) or name not in calls:
            code = "settled_twice" if settled > reserved or name not in calls else "unsettled"
            yield Violation(code, f"model call {name}", f"{reserved} reservations, {settled} settlements")
    reserves = {entry.intent_id: entry for entry in database.ledger if entry.kind == "reserve"}
    for entry in database.ledger:
        if entry.kind == "settle" and (fault := _fault(entry, reserves.get(entry.intent_id))):
            yield Violation("other_cost", f"model call {entry.intent_id}", fault)
    yield from _sums(database)


def _fault(entry: Entry, reserve: Entry | None) -> str:
    if (entry.amount is None) != (entry.currency == ""):
        return f"{entry.amount} {entry.currency!r}"
    if entry.amount is None or reserve is None:
        return "" if entry.amount is None else "it was never reserved"
    if not entry.reported and entry.amount == reserve.amount:
        return ""
    plain = entry.tokens_in - entry.tokens_cached - entry.tokens_cache_write
    counts = {
        "input": plain, "cached": entry.tokens_cached, "cache_write": entry.tokens_cache_write,
        "output": entry.tokens_out,
    }  # fmt: skip
    exact = sum((counts[kind] * Fraction(price) * 1000 for kind, price in PRICES.items()), Fraction())
    off = abs(entry.amount - exact)
    return f"{entry.amount}, reckoned {float(exact)}" if off > Fraction(len(counts), 2) else ""


def _sums(database: Database) -> Iterator[Violation]:
    turns = {intent.id: intent.turn_id for intent in database.intents}
    sessions = {turn.id: turn.session_id for turn in database.turns}
    by_turn: defaultdict[str, int] = defaultdict(int)
    by_session: defaultdict[str, int] = defaultdict(int)
    for entry in database.ledger:
        if entry.kind == "settle":
            by_turn[turns.get(entry.intent_id, "")] += entry.amount or 0
            by_session[entry.session_id] += entry.amount or 0
    through_turns: defaultdict[str, int] = defaultdict(int)
    for turn, amount in by_turn.items():
        through_turns[sessions.get(turn, "")] += amount
    for session in by_session.keys() | through_turns.keys():
        if by_session[session] != through_turns[session]:
            evidence = f"its settlements are {by_session[session]}, its turns' {through_turns[session]}"
            yield Violation("sums_differ", f"session {session}", evidence)
