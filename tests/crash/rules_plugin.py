"""The rule as a plugin, in the gateway's own process; the rule's memory is read back in each of its lives."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec

from quarterdeck.model.hook import (
    Deny,
    HookEvent,
    HookReply,
    HookSubject,
    ModelSubject,
    RouteSubject,
    SendSubject,
    ToolSubject,
)
from quarterdeck.plugins import HookPlugin, Kit
from tests.crash.rules import REASON, Rules, stamp


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the journal is kept."""

    journal: str


class RulesHook:
    """Implements ports.Hook."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def before(self, event: HookEvent) -> HookReply:
        """What the rule says."""
        word = self._rules.ask(event.on, event.id, event.about.session, text_of(event.subject))
        if word == "deny":
            return Deny(REASON)
        return await broken(event.subject) if word == "break" else changed(event.subject, event.id)

    async def after(self, event: HookEvent) -> None:
        """Take it down and fail: that is to change nothing."""
        state = event.outcome.state if event.outcome else ""
        self._rules.tell(event.on, event.id, event.about.session, text_of(event.subject), state)
        raise RuntimeError("this must not matter")

    async def close(self) -> None:
        """Let go of the journal."""
        self._rules.close()


def text_of(subject: HookSubject) -> str:
    """What a subject says."""
    match subject:
        case ModelSubject():
            return "\n".join(message.text for message in subject.messages)
        case ToolSubject():
            return subject.arguments
        case SendSubject() | RouteSubject():
            return subject.text


def changed(subject: HookSubject, name: str) -> HookSubject:
    """The subject with a stamp."""
    match subject:
        case ModelSubject():
            messages = tuple(
                msgspec.structs.replace(one, text=f"{one.text} {stamp(name)}") if one.role == "user" else one
                for one in subject.messages
            )
            return msgspec.structs.replace(subject, messages=messages)
        case ToolSubject():
            arguments: dict[str, Any] = json.loads(subject.arguments)
            arguments["payload"]["note"] = stamp(name)
            return msgspec.structs.replace(subject, arguments=json.dumps(arguments))
        case SendSubject() | RouteSubject():
            return msgspec.structs.replace(subject, text=f"{subject.text} ({stamp(name)})")


async def broken(subject: HookSubject) -> HookReply:
    """A failure, in another way at each place."""
    match subject:
        case ToolSubject():
            return RouteSubject("", "", "")
        case SendSubject():
            await asyncio.Event().wait()
        case ModelSubject() | RouteSubject():
            pass
    raise RuntimeError("the rule is broken")


async def build(name: str, settings: Settings, kit: Kit) -> RulesHook:
    """One for a gateway's life."""
    return RulesHook(Rules(Path(settings.journal)))


plugin = HookPlugin(api=1, settings=Settings, build=build)
