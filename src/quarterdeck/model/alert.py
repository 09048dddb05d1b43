"""What the watcher finds wrong, in the words of a person who has to mend it."""

from collections.abc import Mapping
from typing import Literal

import msgspec

Rule = Literal[
    "connection_dead",
    "connection_deaf",
    "connection_unauthorised",
    "message_unanswered",
    "lane_stuck",
    "outbox_late",
    "provider_failing",
    "audit_late",
    "disk_filling",
    "configuration_drift",
    "process_dead",
    "role_missing",
]

RULES: Mapping[Rule, str] = {
    "connection_dead": "a connection cannot reach its platform",
    "connection_deaf": "a connection says that it is up, and hears nothing",
    "connection_unauthorised": "a platform does not let a connection in",
    "message_unanswered": "an accepted message has no outcome",
    "lane_stuck": "messages wait and nobody works on them, or a turn does not end",
    "outbox_late": "answers are not sent",
    "provider_failing": "the newest calls of a model failed",
    "audit_late": "the record is not sealed",
    "disk_filling": "the disk is full soon",
    "configuration_drift": "a process does not work by the newest shared configuration",
    "process_dead": "a process died, and nothing has come in its place",
    "role_missing": "no process has a role",
}
"""What each rule notices; its runbook is docs/howto/runbooks/RULE.md."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong now: with what (`subject`), why, who is affected, and one next step.

    `owner` names who is answerable; the rules leave it to `flow/watch/answerable`.
    """

    rule: Rule
    subject: str
    cause: str
    affected: str
    next_step: str
    owner: str = ""


def runbook(rule: str) -> str:
    """The page that says what to do, as a path within the documentation."""
    return f"docs/howto/runbooks/{rule}.md"
