"""Handlers of `/v1`: assistants as models, and chat completions as turns."""

from collections.abc import AsyncGenerator
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec
from msgspec import UNSET
from starlette.responses import Response

from quarterdeck.api.call import Call as Request
from quarterdeck.api.call import Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.api.openai import chat
from quarterdeck.api.openai.accepting import Accepting, Asked
from quarterdeck.api.openai.answering import Answer, Answers, Tokens
from quarterdeck.api.openai.text import rest
from quarterdeck.api.openai.wire import (
    AnswerMessage,
    CachedTokens,
    Call,
    CallDelta,
    CalledFunction,
    ChatCompletion,
    ChatCompletionChunk,
    ChatRequest,
    Choice,
    ChunkChoice,
    Delta,
    Model,
    Models,
    ReasoningTokens,
    Usage,
)
from quarterdeck.api.problems import openai_error_of
from quarterdeck.api.streams import Stream, Streams
from quarterdeck.base.errors import QuarterdeckError
from quarterdeck.flow.live import Watcher
from quarterdeck.store.inbox import InboxRow

WAIT_SECONDS = 300.0  # for a turn's place, beside the time that the turn itself may take
KEEP_ALIVE = b": still here\n\n"
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Running:
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
    def whole(self) -> bool:
        """Whether pieces are of no use: an answer that has to have a form may be asked for once more."""
        return self.ask.response_format is not None and self.ask.response_format.type != "text"

    @property
    def created(self) -> int:
        """Unix seconds."""
        return int(self.row.created_at)


class OpenAIDoor:
    """Chat completions over turns."""

    def __init__(self, doors: Doors, streams: Streams) -> None:
        self._doors = doors
        self._accepting = Accepting(doors, streams)
        self._answers = Answers(doors.store, streams, doors.clock)

    async def list_models(self, call: Request, ask: Nothing) -> Models:
        """GET /v1/models."""
        return Models([self._model(name) for name in self._doors.directory.assistants])

    async def get_model(self, call: Request, ask: Nothing) -> Model:
        """GET /v1/models/{model}."""
        return self._model(self._doors.directory.assistant(call.path("model")).id)

    async def create_chat_completion(self, call: Request, ask: ChatRequest) -> Response:
        """POST /v1/chat/completions."""
        assistant = self._doors.directory.assistant(ask.model)
        key = call.header("Idempotency-Key")
        inbound = await self._accepting.inbound(
            Asked(
                principal=call.principal,
                assistant=assistant,
                field="messages",
                items=chat.items(ask),
                options=chat.options(ask, assistant, self._accepting.profile(assistant)),
                conversation=call.header("X-Quarterdeck-Session") or ask.user or "",
                key=key,
                language=call.language,
            )
        )
        with ExitStack() as stack:
            row, watcher = await self._accepting.accept(inbound, stack)
            running = Running(ask, row, watcher, assistant.turn_seconds + WAIT_SECONDS)
            headers = {"x-request-id": row.id, "x-quarterdeck-session-id": row.session_id}
            if ask.stream:
                left = None if key else self._accepting.leaving(inbound)  # one with a key may come back for the answer
                return Stream(self._frames(running), headers=headers, cleanup=stack.pop_all().close, left=left)
            async for news in self._answers.follow(watcher, row.id, running.seconds):
                row = news.row
            body = msgspec.json.encode(_completion(running, await self._answers.answer(row)))
        return Response(body, 200, {**headers, "cache-control": "no-store"}, "application/json")

    # --- the stream -------------------------------------------------------------------------------------------

    async def _frames(self, asked: Running) -> AsyncGenerator[bytes]:
        yield _frame(asked, ChunkChoice(Delta(role="assistant", content="")))
        shown, row = "", asked.row
        try:
            async for news in self._answers.follow(asked.watcher, asked.row.id, asked.seconds):
                row = news.row
                if row.state == "ended":
                    break
                if news.grown and not asked.whole:
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

    def _model(self, name: str) -> Model:
        return Model(name, int(self._doors.started_at))


def _completion(asked: Running, answer: Answer) -> ChatCompletion:
    calls = [Call(call.id, CalledFunction(call.name, call.arguments)) for call in answer.calls]
    message = AnswerMessage(None if calls and not answer.text else answer.text, calls or UNSET)
    choice = Choice(message, answer.finish)
    return ChatCompletion(asked.id, asked.created, asked.ask.model, [choice], _usage(answer.tokens))


def _usage(tokens: Tokens) -> Usage:
    total = tokens.input + tokens.output
    return Usage(tokens.input, tokens.output, total, CachedTokens(tokens.cached), ReasoningTokens(tokens.reasoning))


def _ending(asked: Running, answer: Answer, shown: str) -> list[bytes]:
    """What follows the pieces: what is still lacking, calls, the reason of the end, usage where it was asked for."""
    frames: list[bytes] = []
    if text := rest(shown, answer.text):
        frames.append(_frame(asked, ChunkChoice(Delta(content=text))))
    for n, call in enumerate(answer.calls):
        made = CallDelta(n, call.id, CalledFunction(call.name, call.arguments))
        frames.append(_frame(asked, ChunkChoice(Delta(tool_calls=[made]))))
    frames.append(_frame(asked, ChunkChoice(Delta(), answer.finish)))
    options = asked.ask.stream_options
    if options is not None and options.include_usage:
        chunk = ChatCompletionChunk(asked.id, asked.created, asked.ask.model, [], _usage(answer.tokens))
        frames.append(b"data: %s\n\n" % msgspec.json.encode(chunk))
    return [*frames, DONE]


def _frame(asked: Running, choice: ChunkChoice) -> bytes:
    chunk = ChatCompletionChunk(asked.id, asked.created, asked.ask.model, [choice])
    return b"data: %s\n\n" % msgspec.json.encode(chunk)
