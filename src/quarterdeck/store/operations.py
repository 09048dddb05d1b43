"""A durable operation is a value: a named list of statements with expectations, committed all or nothing.

There is no await and no Python decision inside a transaction: reads come before, and what a decision rested
on is checked again by the statements. A failed expectation rolls the whole operation back and raises
`ExpectationFailed` with the statement's name, so that the caller reads again and decides again.

On PostgreSQL each statement sees what others have committed before it. Where two of a list have to see the same rows
(one counts, one adds), an earlier one has locked them: those of a session by its row, others themselves. The row of a
session comes before all that belongs to it, so that no two operations wait for each other; where two do so all the
same, the server gives one of them up after a second, and the store carries it out again.

`OPERATIONS` lists every operation there is; each has a crash point before and after its commit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from quarterdeck.base.errors import Conflict

Value = str | int | float | bytes | None

T = TypeVar("T")

OPERATIONS: Mapping[str, str] = {
    "accept": "an inbound becomes an inbox row (or ends at once: command, refused, ignored)",
    "take": "a turn takes inbox rows; alone after an unclean end or when step 0 exists, else with its first intent",
    "media": "step 0: inbound files were fetched or honestly not",
    "model_intent": "the intent of a model call",
    "model_retry": "a failed model call's outcome with the next attempt's intent",
    "compact": "step 0: a summary takes the place of the oldest messages, or could not be had",
    "model_step": "an answer that asks for tools, with the intents of those tools",
    "tool_result": "one tool's result and outcome; the last one carries the next model intent",
    "steer_step": "an answer was delivered, and messages that arrived meanwhile are taken in",
    "stream_id": "a streamed message's native id is known",
    "end_turn": "the end of a turn: outcome, history, answer, inbox rows done",
    "embedding_intent": "the intent of a call for vectors; with the outcome of the attempt before it",
    "embedding_outcome": "what became of a call for vectors",
    "response": "a stored response of an API client is deleted",
    "send_intent": "the intent of one part's send",
    "send_outcome": "what became of one part's send",
    "settle": "a person settles an unknown delivery, has it sent again, or leaves it",
    "probe_intent": "the intent of a call that tries a model",
    "probe_outcome": "what became of a call that tried a model",
    "recover": "open intents of a dead process are closed",
    "expire": "inbox rows that waited longer than their time to live",
    "retry_inbox": "a person brings a dead-lettered row back",
    "pairing": "a stranger is let in or refused, or an invitation is made",
    "context": "a summary is dropped",
    "person": "identities are linked to one person, or parted",
    "session": "a session is created, reset or changed by a use case",
    "fork": "a slice of a conversation is copied into its fork",
    "export": "an export of a conversation is recorded, before anything of it is given out",
    "timer": "a timer is set to another time, or ended without an act",
    "token": "an access token is made, used or revoked",
    "signin": "a sign-in code is made or exchanged",
    "blob_part": "a part of a blob's bytes, where they are rows",
    "blob": "a blob's row",
    "alert": "an alert fires, is seen again, taken on, resolved or posted",
    "search": "messages become findable, and the cursor moves behind them",
    "verify": "what a verification of the audit record found",
    "seal": "audit rows get positions and a signed checkpoint",
    "start": "a process start is recorded",
    "process": "a process joins those on its database, leaves them, or is found dead and settled",
    "lease": "a process takes what only one may do, or gives it back",
    "outage": "the database takes writes again; what kept it from that is recorded",
    "configuration": "the configuration in force is recorded",
    "connection": "a connection is paused, resumed or tried",
    "instructions": "an assistant's instruction files become rows",
    "workspace": "a text of an instruction file is kept: before it is written, and when that is known",
}


class Statement(msgspec.Struct, frozen=True):
    """One SQL statement with `:name` parameters.

    `expect` is the exact number of rows it must touch (None: any number); `name` is what a failed expectation
    reports, and how a receipt finds the statement's result.
    """

    name: str
    sql: str
    params: dict[str, Value]
    expect: int | None = None


Riding = Callable[[T], Sequence[Statement]]
"""What somebody else wants written in an operation, given what it makes."""


def nothing_rides(made: object) -> Sequence[Statement]:
    """Nothing."""
    return ()


class Operation(msgspec.Struct, frozen=True):
    """A named list of statements, all or nothing."""

    name: str
    statements: tuple[Statement, ...]


class ExpectationFailed(Conflict):
    """A statement touched another number of rows than expected; nothing of the operation was kept."""

    code = "expectation_failed"

    def __init__(self, operation: str, statement: str, touched: int) -> None:
        super().__init__(f"operation {operation}: statement {statement} touched {touched} rows")
        self.operation = operation
        self.statement = statement
        self.touched = touched


class Receipt(msgspec.Struct, frozen=True):
    """Proof of a commit: how many rows each named statement touched, and the rows it returned."""

    operation: str
    touched: dict[str, int]
    returned: dict[str, list[tuple[Value, ...]]]

    def one(self, statement: str) -> tuple[Value, ...]:
        """The only row that `statement` returned."""
        rows = self.returned[statement]
        if len(rows) != 1:
            raise ExpectationFailed(self.operation, statement, len(rows))
        return rows[0]


def operation(name: str, *groups: Statement | Iterable[Statement]) -> Operation:
    """Compose an operation from statements and lists of them, in order."""
    flat: list[Statement] = []
    for group in groups:
        if isinstance(group, Statement):
            flat.append(group)
        else:
            flat.extend(group)
    return Operation(name, tuple(flat))
