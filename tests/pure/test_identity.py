"""Who may speak: every combination of a connection's policy, list and state, in private and in groups."""

import itertools

import pytest

from quarterdeck.governance.identity import Admitted, NotAdmitted, admit, admit_group

POLICIES, STATES = ("pairing", "allowlist", "open", "disabled"), ("unknown", "allowed", "denied")


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
    assert admit(policy, ("me",) if listed else ("you",), "me", state) == expected


def test_who_was_denied_is_never_let_in() -> None:
    for policy, state, allow in itertools.product(POLICIES, STATES, ((), ("me",))):
        verdict = admit(policy, allow, "me", state)
        if state == "denied" or policy == "disabled":
            assert isinstance(verdict, NotAdmitted)
        if isinstance(verdict, NotAdmitted) and verdict.reaction == "pairing":
            assert (policy, state) == ("pairing", "unknown")


@pytest.mark.parametrize(
    ("policy", "listed", "group", "speaker", "expected"),
    [
        ("allowlist", None, "unknown", "unknown", NotAdmitted("group_pairing", "refused", "pairing")),
        ("allowlist", None, "unknown", "allowed", NotAdmitted("group_pairing", "refused", "pairing")),
        ("allowlist", None, "allowed", "unknown", Admitted("group_pairing")),
        ("allowlist", True, "unknown", "unknown", Admitted("group_allowlist")),
        ("allowlist", False, "allowed", "allowed", NotAdmitted("group_denied", "refused", "silent")),
        ("allowlist", True, "denied", "allowed", NotAdmitted("group_denied", "refused", "silent")),
        ("allowlist", None, "allowed", "denied", NotAdmitted("denied", "refused", "silent")),
        ("open", None, "unknown", "unknown", Admitted("group_open")),
        ("open", False, "unknown", "unknown", NotAdmitted("group_denied", "refused", "silent")),
        ("open", None, "unknown", "denied", NotAdmitted("denied", "refused", "silent")),
        ("disabled", True, "allowed", "allowed", NotAdmitted("group_disabled", "refused", "silent")),
        ("a policy of tomorrow", None, "unknown", "allowed", NotAdmitted("group_pairing", "refused", "pairing")),
    ],
)
def test_the_rules_in_groups(
    policy: str, listed: bool | None, group: str, speaker: str, expected: Admitted | NotAdmitted
) -> None:
    assert admit_group(policy, listed, group, speaker) == expected
