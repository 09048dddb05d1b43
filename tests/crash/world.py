"""One gateway between its stand-ins: what people do in it, and whether anything is left to do."""

import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.checkers.judge import Evidence, judge, read_evidence
from tests.checkers.violation import Violation
from tests.crash.configuration import SECRETS, Around, Settings, render
from tests.crash.gateway import Gateway
from tests.crash.rules import JOURNAL, Line, read_journal
from tests.crash.rules_peer import rules_peer
from tests.crash.telegram import Telegram, telegram
from tests.plugins.packages import install
from tests.reading import Reader
from tests.standins import Record
from tests.standins.loopback import Event, Inject, LoopbackStandin, Person, Room, Upload, loopback_standin
from tests.standins.loopback import Settings as Platform
from tests.standins.model import ModelStandin, model_standin
from tests.waiting import until

STEP_SECONDS = 30.0
REST_SECONDS = 45.0
PERSON = Person("u1", "Ada")
ROOM = "r1"

PLUGIN = {"hooks": {"rules": "tests.crash.rules_plugin:plugin"}}
"""The entry points of the package that a gateway with a hook of its own process finds installed."""

LEFT = (
    "SELECT (SELECT COUNT(*) FROM inbox WHERE state <> 'ended')"
    " + (SELECT COUNT(*) FROM parts WHERE state IN ('streaming', 'ready', 'sending'))"
    " + (SELECT COUNT(*) FROM intents WHERE state = 'open')"
    " + (SELECT COUNT(*) FROM turns WHERE state = 'running')"
)
"""What is left to do, in one snapshot: an act that waits, a part that is not settled, an effect under way."""


class Said(msgspec.Struct, frozen=True):
    """One act: where, under which id, with which unique mark in its text."""

    room: str
    id: str
    nonce: str


class Buttons(msgspec.Struct, frozen=True):
    """Those of one message, by the values that a press of them sends."""

    room: str
    message: str
    values: tuple[str, ...]


class World:
    """What a scenario acts on. Every random choice comes from `chance`, so that a seed repeats it.

    `secrets` are texts that the gateway keeps to itself; a scenario adds what it makes.
    """

    def __init__(
        self,
        folder: Path,
        gateway: Gateway,
        platform: LoopbackStandin,
        bot: Telegram,
        model: ModelStandin,
        chance: random.Random,
        server: Reader | None = None,
    ) -> None:
        self.folder = folder
        self.gateway = gateway
        self.platform = platform
        self.bot = bot
        self.model = model
        self.chance = chance
        self.secrets = list(SECRETS.values())
        self.doors = Record(folder / "doors.jsonl")
        self._database = gateway.data / "quarterdeck.db"
        self._reader: sqlite3.Connection | None = None
        self._server = server

    # --- what people do ---------------------------------------------------------------------------------------

    def say(
        self,
        text: str,
        *,
        room: str = ROOM,
        group: bool = False,
        duplicate: bool = False,
        attachments: Sequence[Upload] = (),
        sent_at: float | None = None,
    ) -> Said:
        """A person writes `text`; every `{n}` in it becomes a mark that no other text has."""
        nonce = self.nonce()
        events = self._act(
            Inject(
                id=f"p{self.chance.getrandbits(40):010x}",
                room=Room(room, "group" if group else "dm"),
                sender=PERSON,
                text=text.replace("{n}", nonce),
                sent_at=sent_at,
                attachments=tuple(attachments),
                duplicate=duplicate,
            )
        )
        return Said(room, events[0].id, nonce)

    def again(self, said: Said) -> None:
        """The platform brings the same event once more."""
        self._act(Inject(id=said.id, room=Room(said.room), sender=PERSON, duplicate=True))

    def edit(self, said: Said, text: str) -> Said:
        """The person changes what was written."""
        nonce = self.nonce()
        text = text.replace("{n}", nonce)
        self._act(Inject(kind="edit", id=said.id, room=Room(said.room), sender=PERSON, text=text))
        return Said(said.room, said.id, nonce)

    def press(self, buttons: Buttons, number: int) -> Said:
        """The person presses a button."""
        room, value = Room(buttons.room), buttons.values[number]
        events = self._act(Inject(kind="press", room=room, sender=PERSON, message=buttons.message, value=value))
        return Said(buttons.room, events[0].id, "")

    def tell_bot(self, text: str) -> Said:
        """The same in the chat with the bot on Telegram."""
        nonce = self.nonce()
        return Said(self.bot.room, self.bot.write(text.replace("{n}", nonce)), nonce)

    def give_bot(self, content: bytes, name: str, text: str) -> Said:
        """A person sends a document there."""
        nonce = self.nonce()
        return Said(self.bot.room, self.bot.give(content, name, text.replace("{n}", nonce)), nonce)

    def show_bot(self, content: bytes, text: str, album: str) -> Said:
        """A person sends a picture of an album there."""
        nonce = self.nonce()
        return Said(self.bot.room, self.bot.show(content, text.replace("{n}", nonce), album), nonce)

    def edit_for_bot(self, said: Said, text: str) -> Said:
        """The person changes what was written there."""
        nonce = self.nonce()
        self.bot.edit(said.id, text.replace("{n}", nonce))
        return Said(said.room, said.id, nonce)

    def press_for_bot(self, buttons: Buttons, number: int) -> Said:
        """The person presses a button there."""
        return Said(buttons.room, self.bot.press(buttons.message, buttons.values[number]), "")

    def nonce(self) -> str:
        """A mark that no other text has."""
        return f"#{self.chance.getrandbits(40):010x}"

    def _act(self, what: Inject) -> list[Event]:
        return self.platform.inject(what)

    # --- what a scenario waits for ----------------------------------------------------------------------------

    async def asked(self, said: Said) -> None:
        """The model has been asked about it."""
        await until(lambda: self._asked(said), STEP_SECONDS, f"a model request about {said.nonce}")

    async def accepted(self, said: Said) -> None:
        """Its row is committed."""
        await until(lambda: self._accepted(said), STEP_SECONDS, f"an inbox row of {said.nonce}")

    async def shown(self, said: Said) -> None:
        """Something of the answer can be seen."""
        await until(lambda: self.bot_texts(said.room), STEP_SECONDS, f"a message of the bot in {said.room}")

    async def buttons(self, room: str) -> Buttons:
        """Those that the room shows last, as soon as it shows some."""
        return (await until(lambda: self._buttons(room), STEP_SECONDS, f"buttons in {room}"))[-1]

    async def off(self, buttons: Buttons) -> None:
        """They are no longer there."""
        await until(lambda: buttons not in self._buttons(buttons.room), STEP_SECONDS, f"no buttons in {buttons.room}")

    async def rest(self, seconds: float = REST_SECONDS) -> bool:
        """Wait until nothing is left to do; False when that does not come (the judge will say what is missing)."""
        try:
            await until(self.at_rest, seconds, "rest")
        except AssertionError:
            return False
        return True

    def at_rest(self) -> bool:
        """Every event confirmed, then every row settled: what is confirmed has a row."""
        return not self.platform.pending and not self.bot.pending and self._number(LEFT) == 0

    def bot_texts(self, room: str) -> list[str]:
        """What the bot's messages in a room say now."""
        return [entry.text for entry in self.platform.messages(room) if entry.author == "bot"]

    def _buttons(self, room: str) -> list[Buttons]:
        if room == self.bot.room:
            shown = [(str(message), values) for message, values in self.bot.buttons()]
        else:
            entries = self.platform.messages(room)
            shown = [(one.id, [button.value for row in one.buttons for button in row]) for one in entries]
        return [Buttons(room, message, tuple(values)) for message, values in shown if values]

    def _asked(self, said: Said) -> bool:
        return any(said.nonce in call.text for call in reversed(self.model.calls))

    def _accepted(self, said: Said) -> bool:
        return self._number("SELECT COUNT(*) FROM inbox WHERE instr(content, CAST(? AS BLOB)) > 0", said.nonce) > 0

    def _number(self, query: str, *values: str) -> int:
        """One figure of the database; -1 while there is none."""
        found = self.value(query, *values)
        return found if isinstance(found, int) else -1

    def value(self, query: str, *values: str) -> object:
        """One value of the database; None while there is none."""
        try:
            if self._server is not None:
                rows = self._server.rows(query, values)
                return next(iter(rows[0].values())) if rows else None
            if self._reader is None and self._database.exists():
                self._reader = sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True, timeout=5)
            found = self._reader.execute(query, values).fetchone() if self._reader else None
        except sqlite3.OperationalError:
            return None  # the file, or the table, is being made
        return found[0] if found else None

    def close(self) -> None:
        """Let go of the files."""
        self.doors.close()
        if self._reader is not None:
            self._reader.close()
        if self._server is not None:
            self._server.close()

    # --- afterwards -------------------------------------------------------------------------------------------

    def evidence(self) -> Evidence:
        """What there is to judge, once the gateway is stopped; what PostgreSQL has lies beside it as a file."""
        if self._server is not None:
            self._server.copy(self._database)
        return read_evidence(self.folder, self._database)

    def journal(self) -> list[Line]:
        """What the hooks were asked and told, in all of the gateway's lives."""
        return read_journal(self.folder / JOURNAL)

    def judge(self, evidence: Evidence) -> list[Violation]:
        """The independent judgement."""
        return judge(evidence, self.gateway.data, self.gateway.said(), self.secrets)


@asynccontextmanager
async def world(
    folder: Path, settings: Settings, seed: str, crashes: Sequence[str] = (), trace: Path | None = None
) -> AsyncIterator[World]:
    """Stand-ins and a configured gateway that is not running yet; it leaves all in `folder`, which exists."""
    async with AsyncExitStack() as stack:
        rules = Platform(keys=settings.keys, edits=settings.edits)
        platform = await stack.enter_async_context(loopback_standin(rules, record=folder / "platform.jsonl"))
        bot = await stack.enter_async_context(telegram(folder / "telegram.jsonl", SECRETS["BOT_TOKEN"]))
        model = await stack.enter_async_context(model_standin(record=folder / "model.jsonl"))
        environ, hooks = dict(SECRETS), ""
        if settings.hooks == "signed":
            hooks = await stack.enter_async_context(rules_peer(folder / JOURNAL))
        elif settings.hooks == "plugin":
            environ["PYTHONPATH"] = site = stack.enter_context(TemporaryDirectory())  # a colon would end the path
            install(Path(site), "house-rules", "1.0", PLUGIN)
        around = Around(model.url, platform.url, bot.url, bot.port, hooks, str(folder / JOURNAL))
        (folder / "config.toml").write_text(render(settings, around))
        at = f"http://127.0.0.1:{bot.port}" if settings.webhook else ""
        gateway = Gateway(folder, environ, crashes, trace, at)
        server = None if settings.database == "sqlite" else Reader(settings.database)
        made = World(folder, gateway, platform, bot, model, random.Random(seed), server)
        yield stack.enter_context(closing(made))
