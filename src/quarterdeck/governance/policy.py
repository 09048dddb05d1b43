"""The policy in force: pure rules over an action and the facts about it. What no rule allows is denied.

These are the configured defaults: an assistant may ask its own models, run the tools that it was given, answer
in the room that it was spoken to in, and write to rooms that already know it.
"""

from collections.abc import Collection

import msgspec

from quarterdeck.model.action import Action, ModelCall, Part, StreamTo, ToolRun, digest_of

POLICY_DIGEST = digest_of(b"policy", b"defaults/1")[:32]


class Facts(msgspec.Struct, frozen=True):
    """What the rules may look at. `rooms` are routes (connection/room) that the effect may reach."""

    models: Collection[str] = ()
    tools: Collection[str] = ()
    rooms: Collection[str] = ()


class Allow(msgspec.Struct, frozen=True):
    """A rule allows it."""

    rule: str


class Deny(msgspec.Struct, frozen=True):
    """No rule allows it: the rule that is missing, the reason, the next step."""

    rule: str
    reason: str
    next_step: str


def decide(action: Action, facts: Facts) -> Allow | Deny:
    """The policy's answer."""
    match action:
        case ModelCall():
            return _model(action, facts)
        case ToolRun():
            return _tool(action, facts)
        case Part() | StreamTo():
            return _send(action, facts)


def _model(action: ModelCall, facts: Facts) -> Allow | Deny:
    if action.route in facts.models:
        return Allow("default.model.own")
    return Deny(
        "default.model.own",
        f"the assistant has no model {action.route}",
        "Add it to the assistant's model or fallback in the configuration.",
    )


def _tool(action: ToolRun, facts: Facts) -> Allow | Deny:
    if action.tool in facts.tools:
        return Allow("default.tool.listed")
    return Deny(
        "default.tool.listed",
        f"the assistant was not given the tool {action.tool}",
        "Add it to the assistant's tools in the configuration.",
    )


def _send(action: Part | StreamTo, facts: Facts) -> Allow | Deny:
    if action.route in facts.rooms:
        return Allow("default.send.known_room")
    return Deny(
        "default.send.known_room",
        f"the room {action.room} has not spoken with this installation",
        "Write to the assistant from that room first.",
    )
