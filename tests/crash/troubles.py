"""Scenarios in which something else goes wrong, or somebody steps in: the provider, a stop, a drain, a poison."""

import time
from collections.abc import Iterator

from tests.checkers.judge import Evidence
from tests.crash.configuration import Settings
from tests.crash.scenario import Look, Scenario
from tests.crash.world import Said, World

DAY = 86_400.0


class Provider500(Scenario):
    """The model's service fails once."""

    name = "provider_500"
    text = "hello {n} [[status 500 x1]]"

    async def drive(self, world: World) -> None:
        self.said = world.say(self.text)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.said)


class Provider429(Provider500):
    """It asks to be asked later."""

    name = "provider_429"
    text = "hello {n} [[status 429 0.2 x1]]"


class ProviderHang(Provider500):
    """It does not answer."""

    name = "provider_hang"
    settings = Settings(first_byte=1.5)
    text = "hello {n} [[hang x1]]"


class ProviderCut(Provider500):
    """It breaks off in the middle of an answer."""

    name = "provider_cut"
    text = "hello {n} [[cut 2 x1]]"


class ProviderDown(Provider500):
    """It goes on failing: the person is told."""

    name = "provider_down"
    ends = ("failed",)
    text = "hello {n} [[status 500]]"

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.said, "failed", "dead_lettered")
        if not look.texts(self.said.room):
            yield "the person was not told"


class Fallback(Provider500):
    """The assistant's own model cannot be reached; another answers, and goes on answering."""

    name = "fallback"
    proves = ("channel.loopback", "context.fallback")
    settings = Settings(fallback=True)
    text = "hello {n}"


class KeyRotation(Provider500):
    """The first of two keys is refused: the second is used at once."""

    name = "key_rotation"
    proves = ("channel.loopback", "context.keys")
    settings = Settings(old_key=True)
    text = "hello {n}"

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from super().expect(evidence)
        if not any(request.kind == "refused 401" for request in evidence.requests):
            yield "no key was refused"


class Compaction(Scenario):
    """A conversation grows until its beginning is summarized."""

    name = "compaction"
    proves = ("channel.loopback", "context.summary")
    settings = Settings(context_tokens=2_000)

    async def drive(self, world: World) -> None:
        self.said = []
        for _ in range(4):
            self.said.append(world.say("hello {n} " + "word " * 180))
            await world.rest()

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(*self.said)
        if not any(step.step == "c1" and b'"summary":"re:' in step.content for step in evidence.database.steps):
            yield "nothing was summarized"


class Drain(Scenario):
    """SIGTERM in the middle of a turn, then another start."""

    name = "drain"

    async def drive(self, world: World) -> None:
        self.first = world.say("first {n} [[delay 0.6]]")
        await world.asked(self.first)
        await world.gateway.stop(last=False)
        self.second = world.say("second {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.first, self.second)


class Stop(Scenario):
    """/stop during a turn, with one more message waiting."""

    name = "stop"
    ends = ("answered", "stopped", "command")
    proves = ("channel.loopback", "command.stop")
    command = "/stop {n}"

    async def drive(self, world: World) -> None:
        self.first = world.say("first {n} [[delay 1.5]]")
        await world.asked(self.first)
        self.waiting = world.say("waiting {n}")
        self.stop = world.say(self.command)
        await world.accepted(self.stop)
        await world.rest()
        self.last = world.say("last {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.stop, "command")
        for said in (self.first, self.waiting):
            yield from look.ended(said, "stopped", "answered")
            if look.outcome(said) == "stopped" and look.answers(said):
                yield f"{said.nonce} was stopped and answered: {look.texts(said.room)}"
        yield from look.answered(self.last)


class New(Scenario):
    """/new: what was said before is not shown to the model any more."""

    name = "new"
    ends = ("answered", "command")
    proves = ("channel.loopback", "command.new")

    async def drive(self, world: World) -> None:
        self.first = world.say("first {n}")
        await world.rest()
        self.new = world.say("/new {n}")
        await world.accepted(self.new)
        await world.rest()
        self.second = world.say("second {n}")
        await world.rest()
        self.leaked = leaks(world, self.first, self.second)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.first, self.second)
        yield from look.ended(self.new, "command")
        if self.leaked:
            yield "the model was shown what was said before /new"


class Pairing(Scenario):
    """A stranger writes: refused, with one code."""

    name = "pairing"
    ends = ("refused",)
    settings = Settings(dm_policy="pairing")

    async def drive(self, world: World) -> None:
        self.said = world.say("let me in {n}")
        await world.accepted(self.said)
        self.again = world.say("please {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.said, "refused")
        yield from look.ended(self.again, "refused")
        notices = {entry.bare for entry in evidence.platform.entries}
        if len(notices) != 1:
            yield f"the stranger was sent {notices}"


class Group(Scenario):
    """A message in a group that nobody has let in: it is shown a code."""

    name = "group"
    ends = ("refused",)

    async def drive(self, world: World) -> None:
        self.said = world.say("hello all {n}", group=True)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).ended(self.said, "refused")
        notices = {entry.bare for entry in evidence.platform.entries}
        if len(notices) != 1:
            yield f"the group was sent {notices}"


class Expired(Scenario):
    """A message older than its time to live is not answered as if it were new."""

    name = "expired"
    ends = ("answered", "expired")

    async def drive(self, world: World) -> None:
        self.old = world.say("old {n}", sent_at=time.time() - 2 * DAY)
        await world.accepted(self.old)
        self.new = world.say("new {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.old, "expired")
        yield from look.answered(self.new)


class Poison(Scenario):
    """A message that kills its turn each time: it steps aside after three takes, and the lane goes on."""

    name = "poison"
    ends = ("answered", "dead_lettered")
    sure = ("provider.before:1",)
    deadly = ("op.take.after", "provider.before", "provider.delta", "provider.after", "op.end_turn.before")
    point = ""

    def crash_settings(self, point: str, hit: int) -> tuple[str, ...]:
        self.point = point
        return (f"{point}:{hit}",) * 3

    async def drive(self, world: World) -> None:
        self.first = world.say("first {n}")
        await world.accepted(self.first)
        self.second = world.say("second {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        if self.point in self.deadly:
            yield from look.ended(self.first, "dead_lettered")
            if not any("put aside" in text for text in look.texts(self.first.room)):
                yield "the person was not told"
        else:
            yield from look.ended(self.first, "dead_lettered", "answered")
        yield from look.ended(self.second, "answered", "dead_lettered")
        if look.outcome(self.first) == "dead_lettered":
            yield from look.answered(self.second)


def leaks(world: World, before: Said, after: Said) -> bool:
    """Whether a request about `after` holds what was said before."""
    asked = [str(body) for body in world.model.bodies]
    return any(after.nonce in body and before.nonce in body for body in asked)


TROUBLES: tuple[type[Scenario], ...] = (
    Provider500,
    Provider429,
    ProviderHang,
    ProviderCut,
    ProviderDown,
    Fallback,
    KeyRotation,
    Compaction,
    Drain,
    Stop,
    New,
    Pairing,
    Group,
    Expired,
    Poison,
)
