"""Who may speak: a pure rule over a connection's policy and what is known of the speaker."""

from typing import Literal

import msgspec

from quarterdeck.model.inbound import RoomKind

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


def admit(dm_policy: str, allow: tuple[str, ...], native_id: str, state: str, room: RoomKind) -> Admission:
    """Decide on an act of `native_id` whose identity is in `state` (unknown, allowed, denied)."""
    if room != "dm":
        return NotAdmitted("groups", "ignored", "silent")
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
