"""Scenarios in which nothing goes wrong but the kill."""

import hashlib
from collections.abc import Iterator

from tests.checkers.judge import Evidence
from tests.crash.configuration import Settings
from tests.crash.scenario import Look, Scenario
from tests.crash.world import World
from tests.standins.loopback import Fault, Upload

NOTE = b"what the note says\n" * 100
PIECES = 6


class Dm(Scenario):
    """One message, one answer."""

    name = "dm"
    hits = ("group.before_commit:2", "group.after_commit:3", "group.before_commit:4", "group.after_commit:4")

    async def drive(self, world: World) -> None:
        self.said = world.say("hello {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.said)


class Followup(Scenario):
    """Two messages within one turn: one turn each, in order."""

    name = "followup"

    async def drive(self, world: World) -> None:
        self.first = world.say("first {n} [[delay 0.4]]")
        await world.asked(self.first)
        self.second = world.say("second {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.first, self.second)
        if {row.turn_id for row in look.rows(self.first)} & {row.turn_id for row in look.rows(self.second)}:
            yield "both messages are in one turn"


class Collect(Scenario):
    """Two messages during a turn are answered together."""

    name = "collect"
    settings = Settings(queue="collect", debounce_ms=150)

    async def drive(self, world: World) -> None:
        self.first = world.say("first {n} [[delay 0.4]]")
        await world.asked(self.first)
        self.second = world.say("second {n}")
        self.third = world.say("third {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        for said in (self.first, self.second):
            yield from look.ended(said, "answered")
        yield from look.answered(self.third)


class SteerTool(Scenario):
    """A message that is taken in after a tool's result."""

    name = "steer_tool"
    ends = ("answered", "absorbed")
    settings = Settings(queue="steer")

    async def drive(self, world: World) -> None:
        self.first = world.say("first {n} [[delay 1]] [[tool time {}]]")
        await world.asked(self.first)
        self.second = world.say("second {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.first, "answered")
        yield from look.ended(self.second, "absorbed", "answered")
        if not look.answers(self.second):
            yield f"nothing speaks of {self.second.nonce}: {look.texts(self.second.room)}"


class SteerAnswer(SteerTool):
    """A message that comes during the last model call: the answer is delivered, and the turn goes on."""

    name = "steer_answer"

    async def drive(self, world: World) -> None:
        self.first = world.say("first {n} [[delay 1]]")
        await world.asked(self.first)
        self.second = world.say("second {n}")


class Interrupt(Scenario):
    """A message that ends the turn before it."""

    name = "interrupt"
    ends = ("answered", "superseded")
    settings = Settings(queue="interrupt")

    async def drive(self, world: World) -> None:
        self.first = world.say("first {n} [[delay 1.5]]")
        await world.asked(self.first)
        self.second = world.say("second {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.first, "superseded", "answered")
        yield from look.answered(self.second)


class ToolRow(Scenario):
    """A tool whose effect is a row of ours: a message to another room."""

    name = "tool_row"
    proves = ("channel.loopback", "tool.send_message")

    async def drive(self, world: World) -> None:
        self.other = world.say("here I am {n}", room="r2")
        await world.rest()
        self.said = world.say('pass it on {n} [[tool send_message {"room": "r2", "text": "for you {n}"}]]')

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.other, self.said)
        yield from look.shows("r2", f"for you {self.said.nonce}")


class ToolExternal(Scenario):
    """A tool that acts on the world: done once, or told as unknown and at most once."""

    name = "tool_external"
    proves = ("channel.loopback", "tool.http_post")
    text = 'do it {n} [[tool http_post {"payload": {"for": "{n}"}}]]'

    async def drive(self, world: World) -> None:
        self.said = world.say(self.text)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.said)
        unknown = any(b'"status":"unknown"' in step.content for step in evidence.database.steps)
        if not evidence.platform.effects and not unknown:
            yield "the effect did not happen, and no result says that this is unknown"


class ToolRounds(ToolExternal):
    """Two calls at once, then a third."""

    name = "tool_rounds"
    text = (
        'do it {n} [[tool time {}]] [[tool http_post {"payload": {"for": "{n}"}}]]'
        ' [[then]] [[tool http_post {"payload": {"round": 2}}]]'
    )


class Chunked(Scenario):
    """An answer of three parts."""

    name = "chunked"
    hits = ("send.before:2", "send.after:2", "op.send_intent.after:2", "op.send_outcome.before:2")

    async def drive(self, world: World) -> None:
        self.said = world.say("tell me all {n} [[long 5000]]")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.said)
        parts = len(evidence.database.parts)
        if parts != 3:
            yield f"the answer has {parts} parts"


class ChunkedKeys(Chunked):
    """The same on a platform with idempotency keys: no repeat is seen."""

    name = "chunked_keys"
    settings = Settings(keys=True)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from super().expect(evidence)
        if (shown := len(evidence.platform.entries)) != 3:
            yield f"the room shows {shown} messages"


class Streamed(Scenario):
    """An answer that grows in one message of the room."""

    name = "streamed"
    settings = Settings(streaming=True)
    hits = ("provider.delta:3", f"provider.delta:{PIECES}")

    async def drive(self, world: World) -> None:
        self.said = world.say(f"slowly {{n}} [[stream {PIECES} 250]]")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.said, "answered")
        text = "".join(f"piece {number} of {PIECES}. " for number in range(1, PIECES + 1))
        yield from look.shows(self.said.room, text.strip())


class StreamedKeys(Streamed):
    """The same where the platform knows idempotency keys."""

    name = "streamed_keys"
    settings = Settings(streaming=True, keys=True)


class StreamedShort(Scenario):
    """The answer ends while its first showing is on the way: it goes into the message that arrives then."""

    name = "streamed_short"
    settings = Settings(streaming=True)

    async def drive(self, world: World) -> None:
        world.platform.fault(Fault(route="messages", kind="slow", retry_after=1.0))
        self.said = world.say("shortly {n} [[stream 3 150]]")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.said, "answered")
        yield from look.shows(self.said.room, "piece 1 of 3. piece 2 of 3. piece 3 of 3.")


class WithFile(Scenario):
    """A message that comes with a file."""

    name = "attachment"

    async def drive(self, world: World) -> None:
        self.said = world.say("look at this {n}", attachments=[Upload("note.txt", "text/plain", NOTE)])

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.said)
        digest = hashlib.sha256(NOTE).hexdigest()
        if digest not in [blob.digest for blob in evidence.database.blobs]:
            yield "the file has no row"
        if not any(digest.encode() in message.content for message in evidence.database.messages):
            yield "the history does not name the file"


CHATS: tuple[type[Scenario], ...] = (
    Dm,
    Followup,
    Collect,
    SteerTool,
    SteerAnswer,
    Interrupt,
    ToolRow,
    ToolExternal,
    ToolRounds,
    Chunked,
    ChunkedKeys,
    Streamed,
    StreamedKeys,
    StreamedShort,
    WithFile,
)
