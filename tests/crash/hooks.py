"""Scenarios with hooks before and after model, tool and send: in the gateway's own process, and over signed HTTP.

What holds is that nothing goes around a before-hook, and that what it denied stays denied: it is asked again by a
gateway that died before its word was committed, and a failure then is a denial. After-hooks only look on, and the last
of what a killed gateway did they may be told twice, or never.
"""

from collections.abc import Iterable, Iterator

import msgspec

from tests.checkers.judge import Evidence
from tests.checkers.platform import MARK
from tests.crash.chats import PIECES
from tests.crash.configuration import Settings
from tests.crash.rules import FORBIDDEN, POINTS, STAMP, Line
from tests.crash.scenario import Look, Scenario
from tests.crash.world import World

IN_PROCESS = ("channel.loopback", "plugin.hook", *(f"hook.{point}" for point in POINTS))
SIGNED = (*IN_PROCESS[2:], "channel.loopback", "hook.signed")
UNSEEN = ("What I was going to say here is held back by hook:rules", "A check that has to come first did not work")
"""How notices begin that take the place of a denied text: those no hook is asked about."""

TOLD_OF_ONE_TOOL = {"after_model": 2, "after_tool": 1, "after_send": 1}


class _Leaf(msgspec.Struct, frozen=True):
    type: str


class Hooks(Scenario):
    """A tool is called and its result told: each of the three is changed on its way, and looked at afterwards."""

    name = "hooks"
    proves = IN_PROCESS
    settings = Settings(hooks="plugin")
    sure = ("provider.after:1", "send.after:1")
    killed = False

    def crash_settings(self, point: str, hit: int) -> tuple[str, ...]:
        self.killed = True
        return super().crash_settings(point, hit)

    async def drive(self, world: World) -> None:
        self.world = world
        self.said = world.say('do it {n} [[tool http_post {"payload": {"for": "{n}"}}]]')

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.said)
        if sum(not entry.marked for entry in look.answers(self.said)) > 1:
            yield f"it was answered twice: {look.texts(self.said.room)}"
        yield from unscreened(evidence, self.world.journal())
        yield from invented(evidence, self.world.journal())
        if not self.killed:
            told = [line.on for line in self.world.journal() if line.word == "told"]
            if {on: told.count(on) for on in told} != TOLD_OF_ONE_TOOL:
                yield f"after-hooks were told {told}"


class HooksSigned(Hooks):
    """The same by somebody else, over HTTP."""

    name = "hooks_signed"
    proves = SIGNED
    settings = Settings(hooks="signed")


class HooksDeny(Scenario):
    """A model call, a tool's run and an answer are denied, once; who asks again meets a hook that is broken."""

    name = "hooks_deny"
    ends = ("answered", "failed")
    proves = IN_PROCESS
    settings = Settings(hooks="plugin", streaming=True)
    hits = ("op.end_turn.before:2", "op.end_turn.before:3", "op.end_turn.after:2", "op.end_turn.after:3")
    sure = ("op.end_turn.before:1", "op.model_step.before:1", "op.end_turn.before:3")

    async def drive(self, world: World) -> None:
        self.world = world
        self.unasked = world.say("never-ask {n}", room="ask")
        await world.rest()
        self.undone = world.say('go on {n} [[tool http_post {"payload": {"never-do": "{n}"}}]]', room="do")
        await world.rest()
        self.unsaid = world.say(f"slowly {{n}} [[stream {PIECES} 100]]", room="say")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.unasked, "failed")
        yield from look.ended(self.undone, "answered")
        yield from look.ended(self.unsaid, "answered")
        yield from unscreened(evidence, self.world.journal())
        for place, texts in far_end(evidence).items():
            word = FORBIDDEN[f"before_{place}"]
            yield from (f"{place}: what was denied happened: {text!r}" for text in texts if word in text)
            if f"{place}.denied" not in {
                msgspec.json.decode(row.leaf, type=_Leaf).type for row in evidence.database.audit
            }:
                yield f"no record says {place}.denied"
        for said in (self.unasked, self.undone, self.unsaid):
            if not look.texts(said.room):
                yield f"{said.room} was told nothing"


class HooksDenySigned(HooksDeny):
    """The same by somebody else, over HTTP."""

    name = "hooks_deny_signed"
    proves = SIGNED
    settings = Settings(hooks="signed", streaming=True)


def far_end(evidence: Evidence) -> dict[str, list[str]]:
    """What models were asked, what the world was done, and what rooms were shown, with all that they showed before."""
    shown = [text.removeprefix(MARK) for entry in evidence.platform.entries for text in (entry.first, entry.text)]
    return {
        "model": [request.text for request in evidence.requests],
        "tool": [effect.body for effect in evidence.platform.effects],
        "send": shown,
    }


def stamps(texts: Iterable[str]) -> set[str]:
    """The questions that texts bear."""
    return {name for text in texts for name in STAMP.findall(text)}


def unscreened(evidence: Evidence, journal: list[Line]) -> Iterator[str]:
    """Whatever has come to a far end without the stamp of a question that a before-hook let pass."""
    for place, texts in far_end(evidence).items():
        passed = {line.id for line in journal if line.on == f"before_{place}" and line.word == "change"}
        for text in texts:
            if not stamps([text]) & passed and not text.startswith(UNSEEN):
                yield f"{place}: no hook has seen {text!r}"


def invented(evidence: Evidence, journal: list[Line]) -> Iterator[str]:
    """Whatever after-hooks were told happened and did not."""
    for place, texts in far_end(evidence).items():
        told = [line.text for line in journal if line.on == f"after_{place}"]
        if not stamps(told) <= stamps(texts):
            yield f"{place}: a hook was told of what did not happen: {told}"


HOOKS: tuple[type[Scenario], ...] = (Hooks, HooksSigned, HooksDeny, HooksDenySigned)
