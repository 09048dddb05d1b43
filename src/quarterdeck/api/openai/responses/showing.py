"""What became of a request for a response, in the vendor's words: from its row, what was kept with it, its answer."""

import msgspec

from quarterdeck.api.openai.answering import Answer
from quarterdeck.api.openai.responses.asking import Record
from quarterdeck.api.openai.responses.wire import (
    FunctionCall,
    Incomplete,
    InputDetails,
    InputItem,
    InputPart,
    ListedItem,
    OutputDetails,
    OutputItem,
    OutputMessage,
    OutputText,
    Reasoning,
    Response,
    ResponseError,
    ResponseRequest,
    ResponseUsage,
    Status,
    TextFormat,
    TextWish,
)
from quarterdeck.store.inbox import InboxRow

PREFIX = "resp_"

_record = msgspec.json.Decoder(Record)


def response_id(row: InboxRow) -> str:
    """The same for every retry."""
    return PREFIX + row.id


def kept(row: InboxRow) -> ResponseRequest | None:
    """The request that a row is of; None where it is of something else, or was deleted."""
    if row.asked is None:
        return None
    found = _record.decode(row.asked)
    return found.request if found.kind == "response" else None


def begun(row: InboxRow, ask: ResponseRequest) -> Response:
    """A response that has not ended."""
    return _response(row, ask, "in_progress" if row.turn_id else "queued")


def ended(row: InboxRow, ask: ResponseRequest, answer: Answer) -> Response:
    """A response with its answer."""
    cut = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(answer.finish)
    status: Status = "incomplete" if cut else "completed"
    tokens = answer.tokens
    return msgspec.structs.replace(
        _response(row, ask, status),
        output=output(row, answer, status),
        incomplete_details=msgspec.convert({"reason": cut}, Incomplete) if cut else None,
        usage=ResponseUsage(
            tokens.input, InputDetails(tokens.cached), tokens.output, OutputDetails(tokens.reasoning),
            tokens.input + tokens.output,
        ),
        completed_at=int(row.ended_at) if row.ended_at and not cut else None,
    )  # fmt: skip


def broken(row: InboxRow, ask: ResponseRequest, reason: str) -> Response:
    """A response without an answer: stopped, or failed."""
    if row.outcome in ("stopped", "superseded"):
        return _response(row, ask, "cancelled")
    return msgspec.structs.replace(_response(row, ask, "failed"), error=ResponseError("server_error", reason))


def output(row: InboxRow, answer: Answer, status: str) -> list[OutputItem]:
    """The items of an answer: what is said, then calls."""
    found: list[OutputItem] = []
    if answer.text or not answer.calls:
        found.append(OutputMessage(message_id(row), [OutputText(answer.text)], status))
    found += [
        FunctionCall(call_id(row, n), call.id, call.name, call.arguments, "completed")
        for n, call in enumerate(answer.calls)
    ]
    return found


def message_id(row: InboxRow) -> str:
    """Of the only message of an answer."""
    return f"msg_{row.id}"


def call_id(row: InboxRow, n: int) -> str:
    """Of the n-th call as an item; the call's own id is another."""
    return f"fc_{row.id}_{n}"


def input_items(row: InboxRow, ask: ResponseRequest) -> list[ListedItem]:
    """What was sent, oldest first."""
    listed = [InputItem(role="user", content=ask.input)] if isinstance(ask.input, str) else ask.input
    return [_listed(f"{row.id}_{n}", item) for n, item in enumerate(listed)]


def _listed(name: str, item: InputItem) -> ListedItem:
    match item.type:
        case "function_call":
            return ListedItem(
                f"fc_{name}",
                item.type,
                call_id=item.call_id or "",
                name=item.name or "",
                arguments=item.arguments or "",
            )
        case "function_call_output":
            texts = item.output if isinstance(item.output, list) else [InputPart("input_text", item.output or "")]
            return ListedItem(
                f"fco_{name}", item.type, call_id=item.call_id or "", output="".join(part.text for part in texts)
            )
        case _:
            kind = "output_text" if item.role == "assistant" else "input_text"
            content = item.content if isinstance(item.content, list) else [InputPart(kind, item.content or "")]
            return ListedItem(f"msg_{name}", item.type, role=item.role or "user", content=content)


def _response(row: InboxRow, ask: ResponseRequest, status: Status) -> Response:
    wish = ask.text or TextWish()
    return Response(
        id=response_id(row),
        created_at=int(row.created_at),
        status=status,
        model=ask.model,
        output=[],
        instructions=ask.instructions,
        previous_response_id=ask.previous_response_id,
        metadata=ask.metadata or {},
        tools=[msgspec.structs.replace(tool, strict=tool.strict is not False) for tool in ask.tools or ()],
        tool_choice=ask.tool_choice or "auto",
        parallel_tool_calls=ask.parallel_tool_calls is not False,
        text=wish if wish.format else msgspec.structs.replace(wish, format=TextFormat()),
        reasoning=ask.reasoning or Reasoning(),
        temperature=ask.temperature,
        top_p=ask.top_p,
        max_output_tokens=ask.max_output_tokens,
        truncation=ask.truncation or "auto",
        store=ask.store is not False,
        background=bool(ask.background),
        user=ask.user,
    )
