"""Scenarios at our own doors: a program that asks again with the same key until it is answered."""

from collections import Counter
from collections.abc import Iterator, Mapping

import aiohttp
import msgspec

from tests.checkers.judge import Evidence
from tests.crash.scenario import Look, Scenario
from tests.crash.world import STEP_SECONDS, Said, World
from tests.waiting import until

AGAIN = frozenset((429, 500, 502, 503, 504))
"""Statuses that are worth another try."""

ROOM_OF = "SELECT native_id FROM rooms WHERE id = ?"


class _Token(msgspec.Struct, frozen=True):
    token: str


class Session(msgspec.Struct, frozen=True):
    """As far as a program needs it."""

    id: str
    room: str


class Receipt(msgspec.Struct, frozen=True):
    """What became of a message that was written."""

    inbox_id: str
    state: str


class _Call(msgspec.Struct, frozen=True):
    id: str


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None
    tool_calls: tuple[_Call, ...] = ()


class _Choice(msgspec.Struct, frozen=True):
    message: _Message


class Completion(msgspec.Struct, frozen=True):
    """An answer in OpenAI's words."""

    id: str
    choices: tuple[_Choice, ...]

    @property
    def text(self) -> str:
        """The only choice."""
        return self.choices[0].message.content or ""

    @property
    def calls(self) -> list[str]:
        """Ids of the calls that the program is to run."""
        return [call.id for call in self.choices[0].message.tool_calls]


class Program:
    """A client with a token. What it says is written down as the judge reads it."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token
        self._revisions: Counter[str] = Counter()
        self._seq = 0

    async def ask(self, path: str, body: Mapping[str, object], key: str = "") -> bytes:
        """POST until there is an answer. A try that failed may have been done: the key is the same each time."""
        return await until(lambda: self._try(path, body, key), STEP_SECONDS * 2, f"an answer of {path}")

    async def say(self, room: str, text: str, path: str, body: Mapping[str, object], key: str) -> bytes:
        """The same for an act: on record before it is first tried, and when it was acknowledged."""
        self._seq += 1
        self._revisions[room] += 1
        act = {"seq": self._seq, "kind": "message", "id": "", "revision": self._revisions[room]}
        self._world.doors.write({"event": "inject", **act, "room": room, "text": text})
        answer = await self.ask(path, body, key)
        self._world.doors.write({"event": "ack", "after": self._seq, "seqs": [self._seq]})
        return answer

    async def _try(self, path: str, body: Mapping[str, object], key: str) -> bytes:
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Idempotency-Key": key} if key else {})
        url = await self._world.gateway.ready()
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=STEP_SECONDS)) as http,
                http.post(url + path, json=body, headers=headers) as answer,
            ):
                said = await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return b""
        assert answer.status < 300 or answer.status in AGAIN, f"{path}: {answer.status} {said!r}"
        return said if answer.status < 300 else b""


class AtDoor(Scenario):
    """A program has its token before the gateway is started."""

    scopes: tuple[str, ...] = ("chat",)

    async def prepare(self, world: World) -> None:
        wanted = [word for scope in self.scopes for word in ("--scope", scope)]
        words = ("token", "create", "--name", "program", *wanted)
        status, printed = await world.gateway.command(*words)
        assert status == 0, printed
        token = msgspec.json.decode(printed, type=_Token).token
        world.secrets.append(token)
        self.program = Program(world, token)

    def one_answer(self, evidence: Evidence, said: Said) -> Iterator[str]:
        """One row, answered once."""
        look = Look(evidence)
        yield from look.ended(said, "answered")
        if (rows := len(look.rows(said))) != 1:
            yield f"there are {rows} rows of {said.nonce}"
        answers = [part for part in evidence.database.parts if said.nonce in part.text]
        if len(answers) != 1:
            yield f"{said.nonce} was answered {len(answers)} times"


class ApiMessage(AtDoor):
    """A message over the native API, sent again with its key after the answer was committed."""

    name = "api_message"
    proves = ("channel.web",)

    async def drive(self, world: World) -> None:
        session = msgspec.json.decode(await self.program.ask("/api/v1/sessions", {}), type=Session)
        room = str(world.value(ROOM_OF, session.room))
        nonce, path = world.nonce(), f"/api/v1/sessions/{session.id}/messages"
        self.said = Said(room, "", nonce)
        body = {"text": f"hello {nonce}"}
        first = await self.program.say(room, body["text"], path, body, "key-1")
        await world.rest()
        again = await self.program.ask(path, body, "key-1")
        self.receipts = [msgspec.json.decode(one, type=Receipt) for one in (first, again)]

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from self.one_answer(evidence, self.said)
        first, again = self.receipts
        if (again.inbox_id, again.state) != (first.inbox_id, "duplicate"):
            yield f"the same key gave {first} and {again}"


class ApiKeys(AtDoor):
    """Things made under a key, asked for again with it: each is there once, and the answer is the same."""

    name = "api_keys"
    proves = ("channel.web",)
    sure = ("op.session.after:1", "op.token.after:1", "op.blob.after:1")
    key = "0c8f4f0e-1d1f-4a59-9d3a-9a3f0e5b7c11"
    scopes = ("chat", "admin")

    async def drive(self, world: World) -> None:
        asks = {
            "/api/v1/sessions": {"title": "Kept"},
            "/api/v1/tokens": {"name": "kept", "scopes": ["chat"]},
            "/api/v1/blobs": {"kept": "as a file"},
        }
        self.answers = {
            path: [await self.program.ask(path, body, self.key) for _ in "12"] for path, body in asks.items()
        }
        session = msgspec.json.decode(self.answers["/api/v1/sessions"][0], type=Session)
        room, nonce = str(world.value(ROOM_OF, session.room)), world.nonce()
        self.said = Said(room, "", nonce)
        body = {"text": f"hello {nonce}"}
        await self.program.say(room, body["text"], f"/api/v1/sessions/{session.id}/messages", body, "key-1")
        counts = ("sessions", "tokens WHERE name = 'kept'", "uploads", "kept_answers")
        self.rows = {what: world.value(f"SELECT COUNT(*) FROM {what}") for what in counts}
        self.made = msgspec.json.decode(self.answers["/api/v1/tokens"][0], type=_Token).token
        world.secrets.append(self.made)

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from self.one_answer(evidence, self.said)
        for path, (first, again) in self.answers.items():
            if first != again:
                yield f"{path}: the same key gave {first!r} and {again!r}"
        wanted = {"sessions": 1, "tokens WHERE name = 'kept'": 1, "uploads": 1, "kept_answers": 3}
        if self.rows != wanted:
            yield f"there are {self.rows}, not {wanted}"


class OpenAICompletion(AtDoor):
    """A chat completion, asked for again with its key when it is there."""

    name = "openai_completion"
    proves = ("channel.api",)
    path = "/v1/chat/completions"

    async def drive(self, world: World) -> None:
        nonce = world.nonce()
        self.said = Said("one", "", nonce)
        text = f"hello {nonce}"
        body = {"model": "default", "user": self.said.room, "messages": [{"role": "user", "content": text}]}
        first = await self.program.say(self.said.room, text, self.path, body, "key-1")
        again = await self.program.ask(self.path, body, "key-1")
        self.answers = [msgspec.json.decode(one, type=Completion) for one in (first, again)]

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from self.one_answer(evidence, self.said)
        first, again = self.answers
        if self.said.nonce not in first.text or (first.id, first.text) != (again.id, again.text):
            yield f"the same key gave {first} and {again}"


class OpenAITool(AtDoor):
    """A program's own tool: called once, its result answered once, however often both are asked for."""

    name = "openai_tool"
    proves = ("channel.api",)
    path = "/v1/chat/completions"
    sure = ("op.model_step.after:1",)
    hits = ("op.accept.after:2", "op.end_turn.before:2", "op.end_turn.after:2", "provider.after:2")

    async def drive(self, world: World) -> None:
        self.answers: list[Completion] = []
        nonce = world.nonce()
        self.said = Said("one", "", nonce)
        weather = {"type": "function", "function": {"name": "weather"}}
        text = f'how is it? {nonce} [[tool weather {{"place": "Kiel"}}]]'
        body = {"model": "default", "user": self.said.room, "tools": [weather]}
        asked = {**body, "messages": [{"role": "user", "content": text}]}
        first = await self._twice(text, asked, "key-1")
        results = [{"role": "tool", "tool_call_id": call, "content": "rain"} for call in first.calls]
        await self._twice("", {**body, "messages": results}, "key-2")

    async def _twice(self, text: str, body: Mapping[str, object], key: str) -> Completion:
        first = await self.program.say(self.said.room, text, self.path, body, key)
        again = await self.program.ask(self.path, body, key)
        self.answers += [msgspec.json.decode(one, type=Completion) for one in (first, again)]
        return self.answers[-1]

    def expect(self, evidence: Evidence) -> Iterator[str]:
        yield from self.one_answer(evidence, self.said)
        asked, asked_again, told, told_again = self.answers
        if (asked, told) != (asked_again, told_again):
            yield f"the same key gave {self.answers}"
        if len(asked.calls) != 1 or "weather -> rain" not in told.text:
            yield f"the call gave {asked}, its result {told}"


DOORS: tuple[type[Scenario], ...] = (ApiMessage, ApiKeys, OpenAICompletion, OpenAITool)
