"""The record: turns a fact into the statements that write its audit row in the operation of the fact."""

import os
from collections.abc import Callable

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.governance.leaf import Actor, Decision, Leaf, commit_to, encode_leaf
from quarterdeck.governance.tree import hash_leaf
from quarterdeck.store import audit
from quarterdeck.store.operations import Statement
from quarterdeck.store.tenancy import TENANT

SYSTEM = Actor(id="quarterdeck", kind="system")


class Subject(msgspec.Struct, frozen=True):
    """What a fact is about; empty where a field does not apply."""

    assistant: str = ""
    connection: str = ""
    session: str = ""
    turn: str = ""
    resource: str = ""


class Auditor:
    """Makes audit rows. Content goes to a row of its own, under a fresh salt; the leaf holds its commitment."""

    def __init__(self, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._clock = clock
        self._new_id = new_id

    def record(
        self,
        kind: str,
        actor: Actor,
        about: Subject,
        *,
        record_id: str = "",
        intent: str = "",
        outcome: str = "",
        decision: Decision | None = None,
        content: bytes = b"",
        person: str = "",
        riding: bool = False,
    ) -> list[Statement]:
        """The statements of one record.

        `record_id` names the record (an intent's record has the intent's id), else a new id is given. `person`
        is whose content it is, for erasure. A `riding` record is left out when its intent is.
        """
        audit_id = record_id or self._new_id("aud")
        salt = os.urandom(16) if content else b""
        leaf = Leaf(
            actor=actor,
            assistant=about.assistant,
            commitment=commit_to(salt, content) if content else "",
            connection=about.connection,
            decision=decision,
            id=audit_id,
            intent=intent,
            outcome=outcome,
            resource=about.resource,
            session=about.session,
            tenant=TENANT,
            time_us=int(self._clock.now() * 1_000_000),
            turn=about.turn,
            type=kind,
        )
        data = encode_leaf(leaf)
        rows = [audit.insert(audit_id, data, hash_leaf(data), with_intent=record_id if riding else "")]
        if content:
            rows.append(audit.insert_content(audit_id, person, salt, content))
        return rows
