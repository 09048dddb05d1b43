"""Handlers of `/v1/responses`. A response belongs to the access token that it was asked with; nobody else sees it."""

from collections.abc import AsyncGenerator
from contextlib import ExitStack, suppress

import msgspec
from starlette.responses import Response as HttpResponse

from quarterdeck.actions.responses import Responses
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.api.openai.accepting import CONNECTION, Accepting, Asked
from quarterdeck.api.openai.answering import Answers
from quarterdeck.api.openai.responses import asking, showing
from quarterdeck.api.openai.responses.events import Writer
from quarterdeck.api.openai.responses.wire import (
    Deleted,
    GetResponseAsk,
    InputItemsAsk,
    ItemList,
    Response,
    ResponseRequest,
)
from quarterdeck.api.problems import AnswerFailed, TooMany, openai_error_of
from quarterdeck.api.streams import Stream, Streams
from quarterdeck.base.errors import BadInput, Conflict, MovedOn, NotFound, QuarterdeckError
from quarterdeck.flow.budget import CUT_MARK
from quarterdeck.flow.history import KEEP
from quarterdeck.flow.live import Watcher
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.inbound import Inbound, Room, Sender
from quarterdeck.model.message import Message, UserMessage, decode
from quarterdeck.store import inbox, messages, people, sessions, turns
from quarterdeck.store.inbox import InboxRow
from quarterdeck.store.sessions import Session

WAIT_SECONDS = 300.0  # for a turn's place, beside the time that the turn itself may take
CANCEL_SECONDS = 30.0
MOST_ITEMS = 100
KEEP_ALIVE = b": still here\n\n"
NO_ANSWER = (AnswerFailed, Conflict, TooMany)


class NoResponse(NotFound):
    """There is none with this id, or it is somebody else's, or it was not to be stored."""

    code = "response_not_found"


class ResponsesDoor:
    """Responses over turns."""

    def __init__(self, doors: Doors, streams: Streams) -> None:
        self._doors = doors
        self._streams = streams
        self._accepting = Accepting(doors, streams)
        self._answers = Answers(doors.store, streams, doors.clock)
        self._responses = Responses(doors.store, doors.auditor)

    async def create_response(self, call: Call, ask: ResponseRequest) -> HttpResponse:
        """POST /v1/responses."""
        if call.header("X-Quarterdeck-Session"):
            raise BadInput("X-Quarterdeck-Session", "is for chat completions", "Send previous_response_id.")
        assistant = self._doors.directory.assistant(ask.model)
        key = call.header("Idempotency-Key")
        with ExitStack() as stack:
            inbound, row, watcher = await self._begin(call, ask, assistant, key, stack)
            seconds = assistant.turn_seconds + WAIT_SECONDS
            headers = {"x-request-id": row.id, "x-quarterdeck-session-id": row.session_id}
            if ask.stream:
                left = None if key else self._accepting.leaving(inbound)  # one with a key may come back for the answer
                frames = self._frames(ask, row, watcher, seconds)
                return Stream(frames, headers=headers, cleanup=stack.pop_all().close, left=left)
            if not ask.background:
                async for news in self._answers.follow(watcher, row.id, seconds):
                    row = news.row
                response = showing.ended(row, ask, await self._answers.answer(row))
            else:
                response = await self._shown(row, ask)
        headers["cache-control"] = "no-store"
        return HttpResponse(msgspec.json.encode(response), 200, headers, "application/json")

    async def get_response(self, call: Call, ask: GetResponseAsk) -> Response:
        """GET /v1/responses/{id}."""
        if ask.stream:
            raise BadInput("stream", "is not supported for a response that was begun before", "Ask without it.")
        return await self._shown(*await self._stored(call, call.path("id")))

    async def delete_response(self, call: Call, ask: Nothing) -> Deleted:
        """DELETE /v1/responses/{id}."""
        row, _ = await self._stored(call, call.path("id"))
        if row.state != "ended":
            raise Conflict(f"{call.path('id')} is not finished; cancel it first")
        await self._responses.delete(row, call.principal.actor)
        return Deleted(call.path("id"))

    async def cancel_response(self, call: Call, ask: Nothing) -> Response:
        """POST /v1/responses/{id}/cancel; one that has ended stays as it is."""
        row, request = await self._stored(call, call.path("id"))
        with self._streams.watch(row.session_id) as watcher:
            if row.state != "ended":
                await self._accepting.stop(await self._act(call, row))
            async for news in self._answers.follow(watcher, row.id, CANCEL_SECONDS):
                row = news.row
        return await self._shown(row, request)

    async def list_input_items(self, call: Call, ask: InputItemsAsk) -> ItemList:
        """GET /v1/responses/{id}/input_items."""
        row, request = await self._stored(call, call.path("id"))
        if not 1 <= ask.limit <= MOST_ITEMS:
            raise BadInput("limit", f"is not between 1 and {MOST_ITEMS}", "Send a number within.")
        items = showing.input_items(row, request)
        items = items if ask.order == "asc" else items[::-1]
        if ask.after:
            ids = [item.id for item in items]
            if ask.after not in ids:
                raise BadInput("after", f"{ask.after!r} is no item of this response", "Take `last_id`.")
            items = items[ids.index(ask.after) + 1 :]
        page = items[: ask.limit]
        return ItemList(page, page[0].id if page else None, page[-1].id if page else None, len(items) > len(page))

    # --- the beginning ----------------------------------------------------------------------------------------

    async def _begin(
        self, call: Call, ask: ResponseRequest, assistant: Assistant, key: str, stack: ExitStack
    ) -> tuple[Inbound, InboxRow, Watcher]:
        """Accept the act. Of two that go on from one response, only one goes on in its session."""
        items = asking.items(ask)
        options = asking.options(ask, assistant, self._accepting.profile(assistant))
        asked = Asked(call.principal, assistant, "input", items, options, key=key, language=call.language)
        asked = msgspec.structs.replace(asked, record=asking.record(ask))
        if (previous := await self._previous(call, ask)) is None:
            return await self._accept(asked, stack)
        session = await sessions.get(self._doors.store, previous.session_id)
        assert session is not None  # its row is in it
        last = await turns.newest(self._doors.store, session.id)
        if last and last == previous.turn_id and session.assistant == assistant.id:
            room = await people.room(self._doors.store, session.room_id)
            assert room is not None  # a session's room is written with it
            there = msgspec.structs.replace(asked, room=room.native_id, follows=last)
            with suppress(MovedOn):
                return await self._accept(there, stack)
        said = await self._said(session, previous)
        return await self._accept(msgspec.structs.replace(asked, before=said), stack)

    async def _accept(self, asked: Asked, stack: ExitStack) -> tuple[Inbound, InboxRow, Watcher]:
        inbound = await self._accepting.inbound(asked)
        return inbound, *await self._accepting.accept(inbound, stack)

    async def _previous(self, call: Call, ask: ResponseRequest) -> InboxRow | None:
        if not ask.previous_response_id:
            return None
        try:
            row, _ = await self._stored(call, ask.previous_response_id)
        except NoResponse as missing:
            raise BadInput("previous_response_id", str(missing), "Send one that was stored.") from missing
        if row.state != "ended":
            raise Conflict(f"{ask.previous_response_id} is not finished")
        return row

    async def _said(self, session: Session, previous: InboxRow) -> tuple[Message, ...]:
        """What was said up to a response, for a session of its own that goes on from there."""
        rows = await messages.up_to_turn(
            self._doors.store, session.id, session.history_from, previous.turn_id or "", previous.position, KEEP + 1
        )
        said: list[Message] = [decode(row.content) for row in rows]
        if len(said) > KEEP:
            start = next((n for n, one in enumerate(said) if n and isinstance(one, UserMessage)), len(said))
            said = [CUT_MARK, *said[start:]]
        return tuple(said) or (CUT_MARK,)

    # --- what is stored ---------------------------------------------------------------------------------------

    async def _stored(self, call: Call, name: str) -> tuple[InboxRow, ResponseRequest]:
        """The row and the request of a response that is the asker's. Raises NoResponse."""
        row = await inbox.get(self._doors.store, name.removeprefix(showing.PREFIX))
        mine = row is not None and row.identity_id == people.identity_id(CONNECTION, call.principal.id)
        request = showing.kept(row) if row is not None and mine else None
        if row is None or request is None or request.store is False or not name.startswith(showing.PREFIX):
            raise NoResponse(f"there is no response {name!r}")
        return row, request

    async def _shown(self, row: InboxRow, ask: ResponseRequest) -> Response:
        if row.state != "ended":
            return showing.begun(row, ask)
        try:
            return showing.ended(row, ask, await self._answers.answer(row))
        except NO_ANSWER as error:
            return showing.broken(row, ask, str(error))

    async def _act(self, call: Call, row: InboxRow) -> Inbound:
        """An act in the session of a row, by whoever asks."""
        room = await people.room(self._doors.store, row.room_id)
        session = await sessions.get(self._doors.store, row.session_id)
        assert room is not None
        assert session is not None
        sender = Sender(call.principal.id, call.principal.name)
        return Inbound(CONNECTION, row.act_key, Room(room.native_id), sender, "", assistant=session.assistant)

    # --- the stream -------------------------------------------------------------------------------------------

    async def _frames(
        self, ask: ResponseRequest, row: InboxRow, watcher: Watcher, seconds: float
    ) -> AsyncGenerator[bytes]:
        writer = Writer(row, ask)
        whole = ask.text is not None and ask.text.format is not None and ask.text.format.type != "text"
        for frame in writer.begin():
            yield frame
        try:
            async for news in self._answers.follow(watcher, row.id, seconds):
                row = news.row
                if row.state == "ended":
                    break
                if not news.grown or whole:  # an answer that has to have a form may be asked for once more
                    yield KEEP_ALIVE
                    continue
                for frame in writer.grow(news.grown):
                    yield frame
            frames = writer.end(row, await self._answers.answer(row))
        except NO_ANSWER as error:
            frames = writer.fail(row, str(error))
        except QuarterdeckError as error:
            frames = writer.leave(openai_error_of(error).error)
        for frame in frames:
            yield frame
