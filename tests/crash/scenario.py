"""What is a scenario?"""

from collections.abc import Iterator

import msgspec

from tests.checkers.database import Inbox
from tests.checkers.judge import Evidence
from tests.checkers.platform import Entry
from tests.crash.configuration import Settings
from tests.crash.world import Said, World


class Scenario:
    """What people do, and what has to come of it beside the judge's rules.

    `ends` are outcomes in which its acts really end, undisturbed or killed; `proves` are further features by name.
    `crashes` kill the gateway before the point under test does; `hits` are further points with the hit at which
    the short form kills too, `sure` those that it does not leave to chance. One instance is for one run: it keeps
    what was said.
    """

    name = ""
    settings = Settings()
    ends: tuple[str, ...] = ("answered",)
    proves: tuple[str, ...] = ("channel.loopback",)
    sure: tuple[str, ...] = ()
    crashes: tuple[str, ...] = ()
    hits: tuple[str, ...] = ()

    def crash_settings(self, point: str, hit: int) -> tuple[str, ...]:
        """The crash settings of the gateway's lives, one each."""
        return (*self.crashes, f"{point}:{hit}")

    async def prepare(self, world: World) -> None:
        """Do what there is to do before the gateway's first start."""

    async def drive(self, world: World) -> None:
        """Do what people do. The gateway may die and come back at any moment meanwhile."""
        raise NotImplementedError

    def expect(self, evidence: Evidence) -> Iterator[str]:
        """Sentences about what is missing."""
        raise NotImplementedError


class Look(msgspec.Struct, frozen=True):
    """Questions to the evidence that scenarios ask."""

    evidence: Evidence

    def rows(self, said: Said) -> list[Inbox]:
        """The rows of one text."""
        return [row for row in self.evidence.database.inbox if said.nonce.encode() in row.content]

    def outcome(self, said: Said) -> str:
        """What became of it; empty when it has no row."""
        return next((str(row.outcome) for row in self.rows(said)), "")

    def press(self, said: Said) -> str:
        """What became of a press; empty when it has no row."""
        rows = [row for row in self.evidence.database.inbox if row.act_key == f"press/{said.id}"]
        return next((str(row.outcome) for row in rows), "")

    def answers(self, said: Said) -> list[Entry]:
        """The messages of the bot in its room that speak of it."""
        return [entry for entry in self.evidence.platform.room(said.room) if said.nonce in entry.text]

    def ended(self, said: Said, *allowed: str) -> Iterator[str]:
        """It ended in one of these."""
        if (outcome := self.outcome(said)) not in allowed:
            yield f"{said.nonce} ended {outcome!r}, not one of {allowed}"

    def answered(self, *said: Said) -> Iterator[str]:
        """Each was answered, and its room shows an answer that speaks of it."""
        for one in said:
            yield from self.ended(one, "answered")
            if not self.answers(one) and not self.unknown(one.nonce):
                yield f"{one.room} has no answer to {one.nonce}: {self.texts(one.room)}"

    def shows(self, room: str, text: str) -> Iterator[str]:
        """The room shows a message of the bot with exactly this text, marked or not."""
        if text not in [entry.bare for entry in self.evidence.platform.room(room)] and not self.unknown(text):
            yield f"{room} does not show {text[:100]!r}: {self.texts(room)}"

    def repeated(self, said: Said) -> Iterator[str]:
        """What was shown came once more with a mark, or waits for a person because the repeat itself was killed."""
        if not any(entry.marked for entry in self.evidence.platform.entries) and not self.unknown(said.nonce):
            yield "no repeat is marked"

    def unknown(self, text: str) -> bool:
        """A part with this text waits for a person: a repeat whose own fate is unknown is not repeated."""
        return any(part.state == "unknown" and text in part.text for part in self.evidence.database.parts)

    def texts(self, room: str) -> list[str]:
        """What the bot's messages in a room say, shortened."""
        return [entry.text[:100] for entry in self.evidence.platform.room(room)]
