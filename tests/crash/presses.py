"""Scenarios with buttons: one press counts, those that come behind it do not, and the buttons come off."""

from collections.abc import Iterator

from tests.checkers.judge import Evidence
from tests.crash.configuration import SECOND, Settings
from tests.crash.scenario import Look, Scenario
from tests.crash.world import ROOM, Buttons, Said, World

SENDS = ("send.before:2", "send.after:2", "send.before:3", "send.after:3")
"""Further hits: what is said of the choice, and taking the buttons off."""


class Press(Scenario):
    """A model is chosen by a button; when the buttons are off, another one is pressed all the same."""

    name = "press"
    ends = ("command", "ignored", "answered")
    settings = Settings(buttons=True)
    hits = ("op.accept.before:2", "op.accept.after:2", "intake.acknowledge:2", *SENDS)
    sure = ("op.accept.before:2", "op.accept.after:2", "send.after:3")
    room = ROOM
    at_once = False

    async def drive(self, world: World) -> None:
        self.say(world, "/model")
        buttons = await world.buttons(self.room)
        self.first = self.press(world, buttons, 1)
        if not self.at_once:
            await world.off(buttons)
        self.second = self.press(world, buttons, 0)
        self.said = self.say(world, "hello {n}")

    def say(self, world: World, text: str) -> Said:
        """A person writes."""
        return world.say(text)

    def press(self, world: World, buttons: Buttons, number: int) -> Said:
        """A person presses."""
        return world.press(buttons, number)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        look = Look(evidence)
        yield from look.answered(self.said)
        if (became := [look.press(one) for one in (self.first, self.second)]) != ["command", "ignored"]:
            yield f"the presses ended {became}"
        yield from look.shows(self.said.room, f"From the next message on: {SECOND}.")
        if (asked := {call.model for call in evidence.requests if self.said.nonce in call.text}) != {"second"}:
            yield f"{asked} were asked, chosen was {SECOND}"


class TgPress(Press):
    """Both buttons are pressed at once, on Telegram: a query is answered when its press is committed."""

    name = "tg_press"
    proves = ("channel.telegram",)
    at_once = True
    settings = Settings(telegram=True, buttons=True)
    room = "7001"

    def say(self, world: World, text: str) -> Said:
        return world.tell_bot(text)

    def press(self, world: World, buttons: Buttons, number: int) -> Said:
        return world.press_for_bot(buttons, number)


class TgPressWebhook(TgPress):
    """One after the other where Telegram calls: a call that was not answered comes again."""

    name = "tg_press_webhook"
    at_once = False
    settings = Settings(telegram=True, webhook=True, buttons=True)


PRESSES: tuple[type[Scenario], ...] = (Press, TgPress, TgPressWebhook)
