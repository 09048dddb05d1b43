"""Who may speak: pure rules over a connection's policy and what is known of the speaker and of the group."""

from typing import Literal

import msgspec

Reaction = Literal["silent", "pairing"]


class Admitted(msgspec.Struct, frozen=True):
    """The act goes on, by this rule."""

    rule: str


class NotAdmitted(msgspec.Struct, frozen=True):
    """The act ends here: refused or ignored, by this rule, with this reaction."""

    rule: str
    outcome: Literal["refused", "ignored"]
    reaction: Reaction


Admission = Admitted | NotAdmitted


def admit(dm_policy: str, allow: tuple[str, ...], native_id: str, state: str) -> Admission:
    """Decide on what `native_id`, whose identity is in `state` (unknown, allowed, denied), says in private."""
    if dm_policy == "disabled":
        return NotAdmitted("disabled", "refused", "silent")
    if state == "denied":
        return NotAdmitted("denied", "refused", "silent")
    if dm_policy == "open":
        return Admitted("open")
    if native_id in allow:
        return Admitted("allowlist")
    if dm_policy == "allowlist":
        return NotAdmitted("allowlist", "refused", "silent")
    if state == "allowed":
        return Admitted("pairing")
    return NotAdmitted("pairing", "refused", "pairing")


def admit_group(group_policy: str, listed: bool | None, state: str, speaker: str) -> Admission:
    """Decide on what is said in a group that is in `state`, by an identity in the state `speaker`.

    `listed` is what the configuration says of the group, None for nothing. Being let in in private says nothing about
    groups, and a group that was let in says nothing about private chats.
    """
    if group_policy == "disabled":
        return NotAdmitted("group_disabled", "refused", "silent")
    if listed is False or state == "denied":
        return NotAdmitted("group_denied", "refused", "silent")
    if speaker == "denied":
        return NotAdmitted("denied", "refused", "silent")
    if group_policy == "open":
        return Admitted("group_open")
    if listed:
        return Admitted("group_allowlist")
    if state == "allowed":
        return Admitted("group_pairing")
    return NotAdmitted("group_pairing", "refused", "pairing")
