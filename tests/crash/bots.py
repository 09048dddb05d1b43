"""Scenarios on Telegram: no idempotency keys, a feed that is confirmed by offset, limits in whole seconds."""

import hashlib
import json
import re
from collections.abc import Iterator

from tests.checkers.judge import Evidence
from tests.crash.configuration import Settings
from tests.crash.scenario import Look, Scenario
from tests.crash.world import STEP_SECONDS, World
from tests.standins.telegram.faults import Fault
from tests.waiting import until

CODE = re.compile(r"\b[0-9A-F]{8}\b")
APPROVE_SECONDS = 60.0


class TgDm(Scenario):
    """One message, one answer."""

    name = "tg_dm"
    proves = ("channel.telegram",)
    settings = Settings(telegram=True)
    text = "hello {n}"

    async def drive(self, world: World) -> None:
        self.said = world.tell_bot(self.text)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.said)


class TgChunked(TgDm):
    """An answer of three messages; without Markdown, so that what is shown is what was stored."""

    name = "tg_chunked"
    text = "tell me all {n} [[stream 600 0]]"
    hits = ("send.before:2", "send.after:2")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).ended(self.said, "answered")
        parts = len(evidence.database.parts)
        if parts != 3:
            yield f"the answer has {parts} parts"


class TgFile(Scenario):
    """A document comes, and the assistant sends it back: fetched, stored, and a part of its own."""

    name = "tg_file"
    proves = ("channel.telegram", "tool.send_message")
    settings = Settings(telegram=True)
    hits = ("send.before:2", "send.after:2")
    content = b"name,sum\nA,1\n"

    async def drive(self, world: World) -> None:
        wanted = '[[tool send_message {"text": "here {n}", "files": ["table.csv"]}]]'
        self.world = world
        self.said = world.give_bot(self.content, "table.csv", f"back please {{n}} {wanted}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.said)
        yield from look.shows(self.said.room, f"here {self.said.nonce}")
        came = self.world.bot.files()
        if set(came) != {self.content} and not any(part.state == "unknown" for part in evidence.database.parts):
            yield f"files of the chat: {came}"


class TgAlbum(Scenario):
    """Two pictures of an album are taken together, and the newest comes back as a picture.

    A kill between the two may part them: then the first has an answer of its own.
    """

    name = "tg_album"
    proves = ("channel.telegram", "tool.send_message")
    settings = Settings(telegram=True)
    hits = ("op.accept.before:2", "op.accept.after:2", "blob.written:2", "send.before:2", "send.after:2")
    pictures = (b"one picture", b"another picture")

    async def drive(self, world: World) -> None:
        wanted = '[[tool send_message {"text": "here {n}", "files": ["photo.jpg"]}]]'
        self.world = world
        first, second = self.pictures
        world.show_bot(first, "", "77")
        self.said = world.show_bot(second, f"which one {{n}} {wanted}", "77")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.said)
        yield from look.shows(self.said.room, f"here {self.said.nonce}")
        if ends := [row.outcome for row in evidence.database.inbox if row.outcome != "answered"]:
            yield f"pictures ended {ends}"
        came = set(self.world.bot.files())
        unknown = any(part.state == "unknown" for part in evidence.database.parts)
        if not came <= set(self.pictures) or not (came or unknown):
            yield f"files of the chat: {came}"
        stored = {blob.digest for blob in evidence.database.blobs}
        if {hashlib.sha256(one).hexdigest() for one in self.pictures} - stored:
            yield f"kept is {stored}"


class TgStreamed(TgDm):
    """An answer that grows in one message."""

    name = "tg_streamed"
    settings = Settings(telegram=True, streaming=True)
    text = "slowly {n} [[stream 6 250]]"

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.said, "answered")
        text = "".join(f"piece {number} of 6. " for number in range(1, 7))
        yield from look.shows(self.said.room, text.strip())


class TgEdit(Scenario):
    """A message is changed while it waits, and once more while it is worked on."""

    name = "tg_edit"
    ends = ("answered", "superseded")
    proves = ("channel.telegram",)
    settings = Settings(telegram=True)

    async def drive(self, world: World) -> None:
        self.first = world.tell_bot("first {n} [[delay 1.5]]")
        await world.asked(self.first)
        self.old = world.tell_bot("old words {n}")
        await world.accepted(self.old)
        self.new = world.edit_for_bot(self.old, "new words {n} [[delay 0.4]]")
        await world.asked(self.new)
        self.newest = world.edit_for_bot(self.old, "newest words {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.first, self.newest)
        yield from look.ended(self.old, "superseded", "answered")
        yield from look.ended(self.new, "answered", "superseded")
        if look.outcome(self.old) == "superseded" and look.answers(self.old):
            yield "what was replaced was answered"


class TgLostAck(TgDm):
    """The chat has the answer, and nobody said so: it comes once more with a mark."""

    name = "tg_lost_ack"

    async def drive(self, world: World) -> None:
        world.bot.fault(Fault("drop_after", "sendMessage"))
        await super().drive(world)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from super().expect(evidence)
        yield from Look(evidence).repeated(self.said)


class TgRedelivered(TgDm):
    """A confirmation gets lost: what was confirmed comes once more."""

    name = "tg_redelivered"

    async def drive(self, world: World) -> None:
        world.bot.fault(Fault("redeliver", "getUpdates"))
        await super().drive(world)


class TgLimited(TgDm):
    """Telegram asks to wait a second before it takes the answer."""

    name = "tg_rate_limited"

    async def drive(self, world: World) -> None:
        world.bot.fault(Fault("error", "sendMessage", status=429, retry_after=1))
        await super().drive(world)


class TgBlocked(TgDm):
    """The person blocks the bot before the answer comes: it is refused, and nothing is tried again."""

    name = "tg_blocked"
    text = "hello {n} [[delay 0.4]]"

    async def drive(self, world: World) -> None:
        await super().drive(world)
        await world.accepted(self.said)
        world.bot.block()

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.said, "answered")
        states = [part.state for part in evidence.database.parts]
        # a kill in the act leaves it open whether it had arrived, so it is tried once more, with a mark
        if states != ["refused"] and not look.answers(self.said):
            yield f"the answer is {states}"


class TgPairing(Scenario):
    """A stranger is let in by a person at the command line; what was written before is not answered."""

    name = "tg_pairing"
    ends = ("answered", "refused")
    proves = ("channel.telegram",)
    settings = Settings(telegram=True, dm_policy="pairing", introduce=True)

    async def drive(self, world: World) -> None:
        self.stranger = world.tell_bot("let me in {n}")
        self.code = await until(lambda: codes(world), STEP_SECONDS, "a code")
        await world.rest()
        await until(lambda: approved(world, self.code), APPROVE_SECONDS, "a stranger who is let in")
        self.guest = world.tell_bot("hello {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.ended(self.stranger, "refused")
        yield from look.answered(self.guest)
        if look.answers(self.stranger):
            yield "what the stranger wrote was answered"
        notices = {entry.bare for entry in evidence.platform.room(self.stranger.room) if CODE.search(entry.bare)}
        if len(notices) != 1:
            yield f"the stranger was shown {notices}"
        machine = [entry for entry in evidence.platform.room(self.stranger.room) if "I am a machine" in entry.text]
        if len(machine) - sum(entry.marked for entry in machine) > 1 or not machine:
            yield f"the stranger was told {len(machine)} times what answers"


def codes(world: World) -> str:
    """The code that the chat shows."""
    return next((found.group() for text in world.bot.shown() if (found := CODE.search(text))), "")


async def approved(world: World, code: str) -> bool:
    """Approve it, unless that has been done already: a gateway may be killed before it has said so."""
    await world.gateway.command("pairing", "approve", code)
    return world.value("SELECT state FROM pairings WHERE code = ?", code) == "approved"


class TgInvited(Scenario):
    """A stranger comes by an invitation: let in and greeted once, and never asked for a pairing."""

    name = "tg_invited"
    proves = ("channel.telegram",)
    ends = ("answered", "command")
    settings = Settings(telegram=True, dm_policy="pairing", introduce=True)

    async def drive(self, world: World) -> None:
        code = await until(lambda: invited(world), APPROVE_SECONDS, "an invitation")
        world.bot.write(f"/start {code}")
        await until(lambda: any("I am a machine" in text for text in world.bot.shown()), APPROVE_SECONDS, "a greeting")
        self.guest = world.tell_bot("hello {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(self.guest)
        room = evidence.platform.room(self.guest.room)
        if asked := [entry.bare for entry in room if CODE.search(entry.bare)]:
            yield f"who was invited was asked for a pairing: {asked}"
        for words in ("I am a machine", "You have been let in"):
            told = [entry for entry in room if words in entry.text]
            if len(told) - sum(entry.marked for entry in told) > 1 or not told:
                yield f"who was invited was told {len(told)} times: {words}"


async def invited(world: World) -> str:
    """The code of an invitation; a gateway may be killed before it has said so."""
    status, printed = await world.gateway.command("pairing", "invite", "bot")
    return str(json.loads(printed)["code"]) if status == 0 and printed else ""


class TgWebhook(TgDm):
    """Telegram calls: what a killed gateway has not acknowledged it brings again."""

    name = "tg_webhook"
    settings = Settings(telegram=True, webhook=True)
    sure = ("op.accept.before:1", "op.accept.after:1", "intake.acknowledge:1")


BOTS: tuple[type[Scenario], ...] = (
    TgDm,
    TgChunked,
    TgFile,
    TgAlbum,
    TgStreamed,
    TgEdit,
    TgLostAck,
    TgRedelivered,
    TgLimited,
    TgBlocked,
    TgPairing,
    TgInvited,
    TgWebhook,
)
