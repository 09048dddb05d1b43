"""How does an operation's whole list travel in one trip? As a function that the connection keeps, made from the list.

The list is what it is on every other way: each statement of a function that may write sees what was committed before
it began (PostgreSQL documentation, "Function Volatility Categories"), waits for rows as it would alone, and its plan is
kept. A failed expectation raises in the function. Functions are temporary: they end with their connection, nobody else
sees them, and nothing of them is in a dump. Values travel as one array for each type.

What a list's texts are, and the types of its values, is its shape; the hot operations have a few each.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from quarterdeck.store.database import Row
from quarterdeck.store.dialect import LOCKS, Translated, translate
from quarterdeck.store.operations import Operation, Receipt, Statement, Value

HOT: Final = frozenset(
    {"accept", "take", "model_step", "tool_result", "steer_step", "stream_id", "end_turn", "send_intent"}
    | {"send_outcome"}
)
"""The operations that every turn has: theirs are the lists that travel in one trip."""
SHAPES: Final = 256  # functions that a connection keeps; what comes behind them goes statement by statement
FAILED: Final = "QD001"
"""The SQLSTATE of a failed expectation; its message has the statement's place in the list and the rows it touched."""

_ARRAYS: Final = {"text": "q_text", "bigint": "q_int", "double precision": "q_float", "bytea": "q_bytes"}
_CREATE: Final = """\
CREATE OR REPLACE FUNCTION {name}
(q_text text[], q_int bigint[], q_float double precision[], q_bytes bytea[], OUT q_touched bigint[], OUT q_rows json[])
LANGUAGE plpgsql AS $list$
#variable_conflict use_column
DECLARE q_count bigint; q_found json;
BEGIN
q_touched := '{{}}'; q_rows := '{{}}';
{steps}
END $list$"""
_CALL: Final = "SELECT q_touched, q_rows FROM {name}($1, $2, $3, $4)"
_WRITE: Final = "{text}; GET DIAGNOSTICS q_count = ROW_COUNT; "
_READ: Final = (
    "WITH q_said AS ({text}) SELECT COALESCE(json_agg(to_json(q_said)), '[]'), COUNT(*) INTO q_found, q_count"
    " FROM q_said; q_rows := q_rows || q_found; "
)
_COUNT: Final = "q_touched := q_touched || q_count;"
_CHECK: Final = (
    "IF q_count <> {expect} THEN RAISE EXCEPTION USING ERRCODE = '" + FAILED + "', MESSAGE = '{place} ' || q_count;"
    " END IF;"
)
_rows = msgspec.json.Decoder(list[dict[str, str | int | float | None]])


class Shape(msgspec.Struct, frozen=True):
    """A list's function: `make` creates it, `call` carries the list out. `returns` tells statements that give rows."""

    make: str
    call: str
    returns: tuple[bool, ...]


class Listed(msgspec.Struct, frozen=True):
    """An operation as one call, with its values."""

    operation: Operation
    shape: Shape
    values: tuple[list[Value], ...]

    def receipt(self, touched: Sequence[int], returned: Sequence[str]) -> Receipt:
        """What the answer says: rows touched where any number will do, and the rows (JSON) of those that give any."""
        counts, found = iter(touched), iter(returned)
        total: dict[str, int] = {}
        rows: dict[str, list[Row]] = {}
        for statement, returns in zip(self.operation.statements, self.shape.returns, strict=True):
            count = next(counts) if statement.expect is None else statement.expect
            total[statement.name] = total.get(statement.name, 0) + count
            if returns:
                rows[statement.name] = [tuple(row.values()) for row in _rows.decode(next(found))]
        return Receipt(self.operation.name, total, rows)


def listed(operation: Operation) -> Listed | None:
    """An operation as one call, if its list is to travel so."""
    if operation.name not in HOT:
        return None
    steps, values = list[_Step](), _Values()
    for place, statement in enumerate(operation.statements):
        if statement.name in LOCKS:
            steps.append(values.add(LOCKS[statement.name], statement, None))
        steps.append(values.add(statement.sql, statement, place))
    return Listed(operation, _shape(operation.name, tuple(steps)), values.arrays)


_Step = tuple[Translated, int | None, int | None]
"""A text, its statement's place in the list (None: a lock), the rows that it is expected to touch."""


class _Values:
    def __init__(self) -> None:
        self._of: dict[str, list[Value]] = {kind: [] for kind in _ARRAYS}

    @property
    def arrays(self) -> tuple[list[Value], ...]:
        return tuple(self._of.values())

    def add(self, sql: str, statement: Statement, place: int | None) -> _Step:
        said = translate(sql, statement.params)
        for kind, value in zip(said.kinds, said.arguments(statement.params), strict=True):
            self._of[kind].append(value)
        return said, place, statement.expect


@lru_cache(4 * SHAPES)
def _shape(operation: str, steps: tuple[_Step, ...]) -> Shape:
    used = dict.fromkeys(_ARRAYS, 0)
    body = "\n".join(
        _step(said.with_values(_taken(said, used)), said.returns, place, expect) for said, place, expect in steps
    )
    name = f"pg_temp.{operation}_{hashlib.sha256(body.encode()).hexdigest()[:16]}"
    return Shape(
        _CREATE.format(name=name, steps=body),
        _CALL.format(name=name),
        tuple(said.returns for said, place, _ in steps if place is not None),
    )


def _taken(said: Translated, used: dict[str, int]) -> list[str]:
    """Where the values of a text stand in the arrays."""
    found: list[str] = []
    for kind in said.kinds:
        used[kind] += 1
        found.append(f"{_ARRAYS[kind]}[{used[kind]}]")
    return found


def _step(text: str, returns: bool, place: int | None, expect: int | None) -> str:
    if place is None:
        return text.replace("SELECT", "PERFORM", 1) + ";"
    ran = (_READ if returns else _WRITE).format(text=text)
    return ran + (_COUNT if expect is None else _CHECK.format(expect=expect, place=place))
