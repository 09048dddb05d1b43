"""Handlers of `/v1`: assistants as models, and chat completions as turns."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.api.openai import asking
from quarterdeck.api.openai.answering import Answer, Answers
from quarterdeck.api.openai.wire import (
    AnswerMessage,
    ChatCompletion,
    ChatCompletionChunk,
    ChatRequest,
    Choice,
    ChunkChoice,
    Delta,
    Model,
    Models,
)
from quarterdeck.api.problems import openai_error_of
from quarterdeck.api.streams import Stream, Streams
from quarterdeck.base.errors import Conflict, NotFound, QuarterdeckError, Retry
from quarterdeck.flow.live import Watcher
from quarterdeck.model.inbound import Inbound, Room
from quarterdeck.model.message import UserMessage, decode
from quarterdeck.store import inbox, people, turns
from quarterdeck.store.inbox import InboxRow
from quarterdeck.store.sessions import NewSession

WAIT_SECONDS = 300.0  # for a turn's place, beside the time that the turn itself may take
KEEP_ALIVE = b": still here\n\n"
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Asked:
    """An accepted request."""

    ask: ChatRequest
    row: InboxRow
    watcher: Watcher
    seconds: float

    @property
    def id(self) -> str:
        """The same for every retry."""
        return f"chatcmpl-{self.row.id}"

    @property
    def created(self) -> int:
        """Unix seconds."""
        return int(self.row.created_at)


class OpenAIDoor:
    """Chat completions over turns."""

    def __init__(self, doors: Doors, streams: Streams) -> None:
        self._doors = doors
        self._streams = streams
        self._answers = Answers(doors.store, streams, doors.clock)

    async def list_models(self, call: Call, ask: Nothing) -> Models:
        """GET /v1/models."""
        return Models([self._model(name) for name in self._doors.directory.assistants])

    async def get_model(self, call: Call, ask: Nothing) -> Model:
        """GET /v1/models/{model}."""
        return self._model(self._doors.directory.assistant(call.path("model")).id)

    async def create_chat_completion(self, call: Call, ask: ChatRequest) -> Response:
        """POST /v1/chat/completions."""
        assistant = self._doors.directory.assistant(ask.model)
        key = call.header("Idempotency-Key")
        conversation = call.header("X-Quarterdeck-Session") or ask.user or ""
        inbound = asking.inbound(ask, call.principal, conversation, key, self._doors.new_id, self._doors.clock.now())
        with ExitStack() as stack:
            row, watcher = await self._accept(inbound, stack)
            asked = Asked(ask, row, watcher, assistant.turn_seconds + WAIT_SECONDS)
            headers = {"x-request-id": row.id, "x-quarterdeck-session-id": row.session_id}
            if ask.stream:
                cleanup = stack.pop_all().close
                return Stream(self._frames(asked), headers=headers, cleanup=cleanup, left=self._stop(inbound, key))
            async for news in self._answers.follow(watcher, row.id, asked.seconds):
                row = news.row
            body = msgspec.json.encode(self._completion(asked, await self._answers.answer(row)))
        return Response(body, 200, {**headers, "cache-control": "no-store"}, "application/json")

    async def _accept(self, inbound: Inbound, stack: ExitStack) -> tuple[InboxRow, Watcher]:
        """Watch the session, then commit the act: no piece of its answer is missed."""
        session = NewSession(
            inbound.assistant,
            inbound.connection,
            people.room_id(inbound.connection, inbound.room.native_id),
            people.identity_id(inbound.connection, inbound.sender.native_id),
        ).id
        watcher = stack.enter_context(self._streams.watch(session))
        accepted = await self._doors.intake.accept(inbound)
        if accepted.session_id != session:  # a retry without a conversation's name: the first one's session
            watcher = stack.enter_context(self._streams.watch(accepted.session_id))
        row = await inbox.get(self._doors.store, accepted.inbox_id)
        if row is None:
            raise NotFound("the message that was accepted before is gone")
        message = decode(row.content)
        if not isinstance(message, UserMessage) or message.text != inbound.text:
            raise Conflict("this Idempotency-Key was used for another message")
        return row, watcher

    def _stop(self, inbound: Inbound, key: str) -> Callable[[], Awaitable[None]] | None:
        """What a client that leaves a stream wants; one with a key may come back for the answer."""
        if key:
            return None

        async def stop() -> None:
            if not await self._alone(inbound):
                return
            act_key = f"{inbound.sender.native_id}/{self._doors.new_id('act')}"
            message = msgspec.structs.replace(
                inbound, act_key=act_key, room=Room(inbound.room.native_id, title=inbound.room.title), text="/stop",
                history=(), sent_at=self._doors.clock.now(),
            )  # fmt: skip
            try:
                await self._doors.intake.accept(message)
            except Retry as error:
                self._doors.log.warning("stream.stop_failed", reason=error.code)

        return stop

    async def _alone(self, inbound: Inbound) -> bool:
        """Whether this request's row is the only one of its conversation that is not ended."""
        row = await inbox.find(self._doors.store, inbound.connection, inbound.act_key)
        if row is None or row.state == "ended":
            return False
        waiting = await inbox.count_waiting(self._doors.store, row.session_id)
        if row.state == "taken":
            return waiting == 0
        return waiting == 1 and await turns.running(self._doors.store, row.session_id) is None

    # --- the stream -------------------------------------------------------------------------------------------

    async def _frames(self, asked: Asked) -> AsyncGenerator[bytes]:
        yield _frame(asked, ChunkChoice(Delta(role="assistant", content="")))
        shown, row = "", asked.row
        try:
            async for news in self._answers.follow(asked.watcher, asked.row.id, asked.seconds):
                row = news.row
                if row.state == "ended":
                    break
                if news.grown:
                    shown += news.grown
                    yield _frame(asked, ChunkChoice(Delta(content=news.grown)))
                else:
                    yield KEEP_ALIVE
            answer = await self._answers.answer(row)
        except QuarterdeckError as error:
            yield b"data: %s\n\n" % msgspec.json.encode(openai_error_of(error))
            yield DONE
            return
        for frame in _ending(asked, answer, shown):
            yield frame

    def _completion(self, asked: Asked, answer: Answer) -> ChatCompletion:
        choice = Choice(AnswerMessage(answer.text), answer.finish)
        return ChatCompletion(asked.id, asked.created, asked.ask.model, [choice], answer.usage)

    def _model(self, name: str) -> Model:
        return Model(name, int(self._doors.started_at))


def _ending(asked: Asked, answer: Answer, shown: str) -> list[bytes]:
    """What follows the pieces: what is still lacking, the reason of the end, usage where it was asked for."""
    frames: list[bytes] = []
    if text := asking.rest(shown, answer.text):
        frames.append(_frame(asked, ChunkChoice(Delta(content=text))))
    frames.append(_frame(asked, ChunkChoice(Delta(), answer.finish)))
    options = asked.ask.stream_options
    if options is not None and options.include_usage:
        chunk = ChatCompletionChunk(asked.id, asked.created, asked.ask.model, [], answer.usage)
        frames.append(b"data: %s\n\n" % msgspec.json.encode(chunk))
    return [*frames, DONE]


def _frame(asked: Asked, choice: ChunkChoice) -> bytes:
    chunk = ChatCompletionChunk(asked.id, asked.created, asked.ask.model, [choice])
    return b"data: %s\n\n" % msgspec.json.encode(chunk)
