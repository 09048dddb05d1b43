"""Who may speak: every combination of a connection's policy, list, state and kind of room."""

import itertools

import pytest

from quarterdeck.governance.identity import Admitted, NotAdmitted, admit

POLICIES, STATES, ROOMS = (
    ("pairing", "allowlist", "open", "disabled"),
    ("unknown", "allowed", "denied"),
    ("dm", "group", "thread"),
)


@pytest.mark.parametrize(
    ("policy", "listed", "state", "expected"),
    [
        ("pairing", False, "unknown", NotAdmitted("pairing", "refused", "pairing")),
        ("pairing", False, "allowed", Admitted("pairing")),
        ("pairing", True, "unknown", Admitted("allowlist")),
        ("allowlist", True, "unknown", Admitted("allowlist")),
        ("allowlist", False, "unknown", NotAdmitted("allowlist", "refused", "silent")),
        ("allowlist", False, "allowed", NotAdmitted("allowlist", "refused", "silent")),
        ("open", False, "unknown", Admitted("open")),
        ("open", False, "denied", NotAdmitted("denied", "refused", "silent")),
        ("disabled", True, "allowed", NotAdmitted("disabled", "refused", "silent")),
        ("a policy of tomorrow", False, "unknown", NotAdmitted("pairing", "refused", "pairing")),
    ],
)
def test_the_rules(policy: str, listed: bool, state: str, expected: Admitted | NotAdmitted) -> None:
    assert admit(policy, ("me",) if listed else ("you",), "me", state, "dm") == expected


def test_who_was_denied_is_never_let_in_and_groups_are_ignored() -> None:
    for policy, state, room, allow in itertools.product(POLICIES, STATES, ROOMS, ((), ("me",))):
        verdict = admit(policy, allow, "me", state, room)  # type: ignore[arg-type]
        if room != "dm":
            assert verdict == NotAdmitted("groups", "ignored", "silent")
        if state == "denied" or policy == "disabled":
            assert isinstance(verdict, NotAdmitted)
        if isinstance(verdict, NotAdmitted) and verdict.reaction == "pairing":
            assert (policy, state) == ("pairing", "unknown")
