"""Scenarios in which the platform repeats or changes itself, or the crash comes upon a recovery."""

from collections.abc import Iterator

from tests.checkers.judge import Evidence
from tests.crash.chats import Dm, Streamed, ToolExternal
from tests.crash.configuration import Settings
from tests.crash.scenario import Look, Scenario
from tests.crash.world import World
from tests.standins.loopback import Fault


class LostAck(Scenario):
    """The room has the answer, and nobody said so: it comes once more with a mark."""

    name = "lost_ack"

    async def drive(self, world: World) -> None:
        world.platform.fault(Fault(route="messages", kind="drop_after"))
        self.said = world.say("hello {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.said)
        yield from Look(evidence).repeated(self.said)


class LostAckKeys(LostAck):
    """The same where a key makes the repeat harmless."""

    name = "lost_ack_keys"
    settings = Settings(keys=True)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.said)
        if (shown := len(evidence.platform.entries)) != 1:
            yield f"the room shows {shown} messages"


class LostEffect(ToolExternal):
    """The effect happened, and nobody said so."""

    name = "lost_effect"

    async def drive(self, world: World) -> None:
        world.platform.fault(Fault(route="effect", kind="drop_after"))
        await super().drive(world)


class Limited(Dm):
    """The platform asks to slow down before it takes the answer."""

    name = "rate_limited"

    async def drive(self, world: World) -> None:
        world.platform.fault(Fault(route="messages", kind="rate", retry_after=0.3))
        await super().drive(world)


class Duplicate(Scenario):
    """The platform brings an event three times."""

    name = "duplicate"

    async def drive(self, world: World) -> None:
        self.said = world.say("hello {n}", duplicate=True)
        await world.accepted(self.said)
        world.again(self.said)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.said)


class EditWaiting(Scenario):
    """A message is changed while it waits: the newest words count."""

    name = "edit_waiting"
    ends = ("answered", "superseded")

    async def drive(self, world: World) -> None:
        self.first = world.say("first {n} [[delay 1.5]]")
        await world.asked(self.first)
        self.old = world.say("old words {n}")
        await world.accepted(self.old)
        self.new = world.edit(self.old, "new words {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.first, self.new)
        yield from look.ended(self.old, "superseded", "answered")
        if look.outcome(self.old) == "superseded" and look.answers(self.old):
            yield "what was replaced was answered"


class EditTaken(Scenario):
    """A message is changed while it is worked on: the change is a correction with an answer of its own."""

    name = "edit_taken"

    async def drive(self, world: World) -> None:
        self.old = world.say("old words {n} [[delay 0.4]]")
        await world.asked(self.old)
        self.new = world.edit(self.old, "new words {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.new)
        yield from look.ended(self.old, "answered", "superseded")


class RecoverSend(Dm):
    """Killed in the act of sending, then killed once more on the way up."""

    name = "recover_send"
    crashes = ("send.after:1",)
    hits = ()


class RecoverTurn(Dm):
    """Killed with an answer in hand, then once more."""

    name = "recover_turn"
    crashes = ("provider.after:1",)
    hits = ()


class RecoverTool(ToolExternal):
    """Killed with an effect done and not recorded, then once more."""

    name = "recover_tool"
    crashes = ("tool.after:1",)


class RecoverStream(Streamed):
    """Killed when the first piece was shown and its id not recorded, then once more."""

    name = "recover_stream"
    crashes = ("stream.shown:1",)
    hits = ()


REPEATS: tuple[type[Scenario], ...] = (
    LostAck,
    LostAckKeys,
    LostEffect,
    Limited,
    Duplicate,
    EditWaiting,
    EditTaken,
    RecoverSend,
    RecoverTurn,
    RecoverTool,
    RecoverStream,
)
