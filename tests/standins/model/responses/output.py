"""Which items is an answer made of? Pure: a request and a Reply in, the vendor's objects out.

Shapes: openai 3.54.0, types/responses/response.py and the items beside it, which its tests parse strictly here.
"""

import msgspec

from tests.standins.model.answer import Call, Reply, Usage
from tests.standins.model.responses.requests import ENCRYPTED, Accepted
from tests.standins.model.responses.secrets import seal

Object = dict[str, object]
REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Head(msgspec.Struct, frozen=True):
    """What every object of one answer repeats; `created` in unix seconds."""

    id: str
    created: int


def response(accepted: Accepted, head: Head, status: str, output: list[Object], usage: Usage | None) -> Object:
    """The response object; `error` and `incomplete_details` are the caller's to fill."""
    request = accepted.request
    thinking = request.reasoning
    effort = thinking.effort if thinking else None
    return {
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": None,
        "model": request.model,
        "output": output,
        "parallel_tool_calls": accepted.asked.parallel,
        "previous_response_id": request.previous_response_id,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": {
            "effort": effort or ("medium" if accepted.thinks else None),
            "summary": thinking.summary if thinking else None,
        },
        "safety_identifier": request.safety_identifier,
        "service_tier": "default",
        "store": request.store is not False,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": {"format": _format(accepted), "verbosity": "medium"},
        "tool_choice": _choice(accepted),
        "tools": [msgspec.json.decode(tool) for tool in request.tools or ()],
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": request.truncation or "disabled",
        "usage": None if usage is None else _usage(usage),
        "user": None,
        "metadata": request.metadata or {},
    }


def items(accepted: Accepted, reply: Reply, head: Head) -> list[Object]:
    """Reasoning first, then the text or the calls."""
    found = [reasoning(accepted, reply.thoughts, head)] if accepted.thinks else []
    status = "incomplete" if reply.finish in REASONS else "completed"
    if reply.calls:
        return [*found, *(call(made, made.arguments, head, "completed") for made in reply.calls)]
    return [*found, message(reply.text, reply.refused, head, status)]


def reasoning(accepted: Accepted, thoughts: tuple[str, ...], head: Head) -> Object:
    """Its summary is only told when it was asked for; its contents only where they are not stored, or asked for."""
    request, identity = accepted.request, head.id.replace("resp_", "rs_")
    told = thoughts if request.reasoning and request.reasoning.summary else ()
    item: Object = {
        "id": identity,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": thought} for thought in told],
    }
    if ENCRYPTED in (request.include or ()):
        item["encrypted_content"] = seal(identity, request.model)
    return item


def message(text: str, refused: bool, head: Head, status: str) -> Object:
    """What is said to the person; no content while it has not begun."""
    return {
        "id": head.id.replace("resp_", "msg_"),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [] if status == "in_progress" else [part(text, refused)],
    }


def part(text: str, refused: bool) -> Object:
    """A part of a message's content."""
    if refused:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def call(made: Call, arguments: str, head: Head, status: str) -> Object:
    """A call of one of the client's functions."""
    return {
        "id": f"fc_{made.id.removeprefix('call_')}",
        "type": "function_call",
        "status": status,
        "arguments": arguments,
        "call_id": made.id,
        "name": made.name,
    }


def _format(accepted: Accepted) -> Object:
    text = accepted.request.text
    wanted = text.format if text else None
    if wanted is None:
        return {"type": "text"}
    return {name: value for name, value in msgspec.to_builtins(wanted).items() if value is not None}


def _choice(accepted: Accepted) -> object:
    choice = accepted.asked.choice
    return choice if choice in ("none", "auto", "required") else {"type": "function", "name": choice}


def _usage(usage: Usage) -> Object:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }
