"""Scenarios of what goes on behind conversations: a timer falls due, messages become findable."""

from collections.abc import Iterator

from tests.checkers.judge import Evidence
from tests.crash.configuration import Settings
from tests.crash.scenario import Look, Scenario
from tests.crash.world import STEP_SECONDS, World
from tests.waiting import until

RESET = "SELECT COUNT(*) FROM sessions WHERE history_from > 0"
SAYING = (
    "(json_extract(CAST(content AS TEXT), '$.text') <> ''"
    " OR json_array_length(COALESCE(json_extract(CAST(content AS TEXT), '$.calls'), '[]')) > 0)"
)
UNFINDABLE = (
    f"SELECT COUNT(*) FROM messages m WHERE {SAYING} AND NOT EXISTS"
    " (SELECT 1 FROM search s WHERE s.session_id = m.session_id AND s.position = m.position AND s.part = m.part)"
)
TWICE = f"SELECT COUNT(*) - (SELECT COUNT(*) FROM messages WHERE {SAYING}) FROM search"

BUSY_SECONDS = 75.0  # a timer that falls due while a turn is left, or runs, is looked at again after a minute


class IdleReset(Scenario):
    """A conversation starts anew after a silence, once for each silence, and the model is shown nothing of before."""

    name = "idle_reset"
    ends = ("answered", "command")
    settings = Settings(reset_idle_minutes=0.02)
    hits = ("op.accept.before:2", "op.accept.after:2")
    sure = ("op.accept.before:2", "op.accept.after:2")

    async def drive(self, world: World) -> None:
        self.first = world.say("before {n}")
        await world.rest()
        await until(lambda: world.value(RESET) == 1, BUSY_SECONDS, "a conversation that starts anew")
        self.second = world.say("after {n}")

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.first, self.second)
        if not any(row.kind == "timer" for row in evidence.database.inbox):
            yield "no timer has a row"
        shown = [{c.messages for c in evidence.requests if said.nonce in c.text} for said in (self.first, self.second)]
        if shown[0] != shown[1]:
            yield f"the model was shown another number of messages than for the first: {shown}"


class Findable(Scenario):
    """Every message can be found, once, however often the process ends while it reads."""

    name = "findable"
    sure = ("op.search.before:1", "op.search.after:1")

    async def drive(self, world: World) -> None:
        self.said = [world.say("look for me {n} [[tool time {}]]") for _ in range(3)]
        await world.rest()
        await until(lambda: world.value(UNFINDABLE) == 0, STEP_SECONDS, "every message in the index")
        self.twice = world.value(TWICE)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from Look(evidence).answered(*self.said)
        if self.twice:
            yield f"{self.twice} messages are in the index twice"


BEHIND: tuple[type[Scenario], ...] = (IdleReset, Findable)
