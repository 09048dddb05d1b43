"""A gateway between its stand-ins, and what people do in it."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import aiohttp
import msgspec
from tests.standins import spawned
from tests.standins.telegram import TelegramDriver
from tests.waiting import slowly

from bench.gateway import Failed, Gateway, running
from bench.machine import cpu_of
from bench.proof import complaints
from bench.records import Book

AT_ONCE = 200  # messages in one request to a stand-in
CLOSE_LOOK_S, FAR_LOOK_S = 0.002, 0.05
ANSWERED_SECONDS = 240.0
ALONE, SHORT = 1000, 40  # first room of `alone`, and messages in each: too few to be summarized
FIRST_USER = 7000  # Telegram's ids of people begin here


def alone(count: int) -> list[int]:
    """The rooms of `count` messages of which each waits for the last answer: one conversation after the other."""
    return [ALONE + number // SHORT for number in range(count)]


class Said(msgspec.Struct, frozen=True):
    """A message: in which room, and its text."""

    room: int
    text: str


class Injected(msgspec.Struct, frozen=True):
    """What the loopback stand-in says about one injected event."""

    seq: int


class InjectedMany(msgspec.Struct, frozen=True):
    """And about several."""

    events: list[Injected]


class Platform(Protocol):
    """Where people write; gives the platform's numbers of what they wrote."""

    async def say(self, what: Sequence[Said]) -> list[int]: ...


class Loopback:
    """Loopback stand-ins; a room belongs to one of them. `number` makes one number of a place and a stand-in's own."""

    def __init__(self, urls: Sequence[str], number: Callable[[int, int], int], http: aiohttp.ClientSession) -> None:
        self._urls = urls
        self._number = number
        self._http = http

    async def say(self, what: Sequence[Said]) -> list[int]:
        """See Platform.say."""
        numbers: dict[Said, int] = {}
        for place, url in enumerate(self._urls):
            if mine := [one for one in what if one.room % len(self._urls) == place]:
                said = await self._say(f"{url}/_control/inject", mine)
                numbers.update(zip(mine, (self._number(place, seq) for seq in said), strict=True))
        return [numbers[one] for one in what]

    async def _say(self, url: str, what: Sequence[Said]) -> list[int]:
        acts = [
            {"room": {"id": f"r{one.room}"}, "sender": {"id": f"u{one.room}", "name": "Ada"}, "text": one.text}
            for one in what
        ]
        async with self._http.post(url, data=msgspec.json.encode(acts)) as answer:
            if answer.status != 200:
                raise Failed(f"the stand-in refuses: {await answer.text()}")
            return [event.seq for event in msgspec.json.decode(await answer.read(), type=InjectedMany).events]


class Telegram:
    """The Telegram stand-in; a room is the private chat with one person."""

    def __init__(self, driver: TelegramDriver) -> None:
        self._driver = driver

    async def say(self, what: Sequence[Said]) -> list[int]:
        """See Platform.say."""
        numbers: list[int] = []
        for one in what:
            done = await self._driver.write(one.text, user_id=FIRST_USER + one.room)
            if done.update_id is None:
                raise Failed("the bot does not want messages")
            numbers.append(done.update_id)
        return numbers


class World:
    """The stand-ins and what people do there. `numbers` are the platform's numbers of what was said, by text.

    `model` is where the model is asked.
    """

    def __init__(
        self, folder: Path, config: str, platform: Platform, book: Book, standins: Sequence[int], model: str
    ) -> None:
        self.folder = folder
        self.book = book
        self.model = model
        self.numbers: dict[str, int] = {}
        self.config = config
        self._platform = platform
        self._standins = standins
        self.begun = time.time()

    @asynccontextmanager
    async def gateway(self, profiled: Path | None = None) -> AsyncIterator[Gateway]:
        """Run the command; when this is left, check everything since the stand-ins began. Raises Failed."""
        async with running(self.folder, self.config, profiled) as gateway:
            yield gateway
            await gateway.at_rest()
        self.book.read()
        if found := complaints(self.book, self.numbers, self.folder, self.begun):
            raise Failed("\n".join(found))

    def standins_cpu(self) -> float:
        """CPU seconds that the stand-ins have used."""
        return sum(cpu_of(pid).total for pid in self._standins)

    async def say(self, rooms: Sequence[int]) -> list[str]:
        """One message into each of the rooms, in this order; their texts."""
        first = len(self.numbers)
        said = [
            Said(room, f"What shall we cook tonight? Anything but beans. ({first + n})") for n, room in enumerate(rooms)
        ]
        for begin in range(0, len(said), AT_ONCE):
            some = said[begin : begin + AT_ONCE]
            numbers = await self._platform.say(some)
            self.numbers.update(zip((one.text for one in some), numbers, strict=True))
        return [one.text for one in said]

    async def answered(self, *, look: float = FAR_LOOK_S) -> None:
        """Wait until every message that was said is answered and its answer sent. Raises Failed."""
        for _ in range(int(ANSWERED_SECONDS / look)):
            self.book.read()
            if len(self.book.sent) >= len(self.numbers):
                return
            await slowly(look)
        raise Failed(f"{len(self.book.sent)} of {len(self.numbers)} messages were answered in {ANSWERED_SECONDS:g} s")

    async def talk(self, rooms: Sequence[int]) -> list[str]:
        """One message after the other: the next is said when the last is answered; their texts."""
        said: list[str] = []
        for room in rooms:
            said += await self.say([room])
            await self.answered(look=CLOSE_LOOK_S)
        return said

    async def together(self, rooms: Sequence[int]) -> list[str]:
        """All at once, until all is answered; their texts."""
        said = await self.say(rooms)
        await self.answered()
        return said


@asynccontextmanager
async def world(
    folder: Path, channel: str = "loopback", accounts: int = 1, *, keys: bool = False
) -> AsyncIterator[World]:
    """Start the stand-ins, with their records in `folder`, which is empty or holds a data directory.

    Several accounts are for loopback alone: each is a platform of its own; with `keys` it knows a send that is told
    twice.
    """
    names = [f"{channel}{n or ''}" for n in range(accounts)]
    records, model_record = [folder / f"{name}.jsonl" for name in names], folder / "model.jsonl"
    book = Book(records, model_record)
    async with AsyncExitStack() as stack:
        options = ["--keys"] if keys else []
        spawn = [spawned(channel, "--record", str(record), *options) for record in records]
        started = [await stack.enter_async_context(one) for one in spawn]
        model_url, model_pid = await stack.enter_async_context(spawned("model", "--record", str(model_record)))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        urls = [url for url, _ in started]
        driver = await stack.enter_async_context(TelegramDriver(urls[0]))
        platform = Telegram(driver) if channel == "telegram" else Loopback(urls, book.number, http)
        config = configuration(channel, model_url, dict(zip(names, urls, strict=True)), keys=keys)
        yield World(folder, config, platform, book, (*(pid for _, pid in started), model_pid), model_url)


def configuration(channel: str, model: str, platforms: Mapping[str, str], *, keys: bool = False) -> str:
    """The smallest file that brings model and platforms; everything else is as it comes."""
    token = f"BENCH_{channel.upper()}_TOKEN"
    lines = [
        "[server]",
        "port = 0",
        "[providers.main]",
        'kind = "openai-compatible"',
        f"base_url = {json.dumps(model + '/v1')}",
        'api_keys = [{ env = "BENCH_MODEL_KEY" }]',
        "[assistants.default]",
        'model = "main/test"',
        "introduce = false",  # a conversation that goes on is measured
    ]
    for name, url in platforms.items():
        lines += [
            f"[connections.{name}]",
            f"channel = {json.dumps(channel)}",
            f"api_root = {json.dumps(url)}",
            f"token = {{ env = {json.dumps(token)} }}",
            'dm_policy = "open"',
            *(["keys = true"] if keys else []),
        ]
    return "\n".join(lines) + "\n"
