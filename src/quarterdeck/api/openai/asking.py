"""From a chat completion request to an act: what is new, what was said before, and in which conversation."""

from collections.abc import Callable, Sequence

from quarterdeck.api.openai.wire import ChatMessage, ChatRequest
from quarterdeck.base.errors import BadInput
from quarterdeck.governance.principal import Principal
from quarterdeck.model.inbound import Inbound, Room, Sender
from quarterdeck.model.message import AssistantMessage, Message, SystemEvent, UserMessage

CONNECTION = "api"
INSTRUCTIONS = "Instructions from the API client: "
NAME_LENGTH = 200
OVERLAP = 16  # characters by which the beginning of the answer is found in what was shown
RESTARTED = "\n\n[restarted]\n"


def inbound(
    ask: ChatRequest, principal: Principal, conversation: str, key: str, new_id: Callable[[str], str], now: float
) -> Inbound:
    """The act of a request. Raises BadInput with the field that is not served.

    With a `conversation` the session is durable, and only what stands behind the last answer is new. Without one
    the session is for this turn alone, and what stands before is its history.
    """
    refuse_unserved(ask)
    if len(conversation) > NAME_LENGTH or not conversation.isprintable():
        raise BadInput("user", "is no name of a conversation", f"Write at most {NAME_LENGTH} plain characters.")
    start = 1 + max((n for n, message in enumerate(ask.messages) if message.role == "assistant"), default=-1)
    texts = [(message.role, _text(n, message)) for n, message in enumerate(ask.messages)]
    said = [text for role, text in texts[start:] if role == "user"]
    if not any(text.strip() for text in said):
        raise BadInput("messages", "hold no text behind the last answer", "End with a message of the user.")
    before = [] if conversation else [_earlier(role, text) for role, text in texts[:start]]
    before += [_earlier(role, text) for role, text in texts[start:] if role != "user"]
    return Inbound(
        connection=CONNECTION,
        act_key=f"{principal.id}/{key or new_id('act')}",
        room=Room(conversation or new_id("conv"), title=conversation),
        sender=Sender(principal.id, principal.name),
        text="\n\n".join(said),
        sent_at=now,
        history=tuple(before),
        assistant=ask.model,
    )


def refuse_unserved(ask: ChatRequest) -> None:
    """Raises BadInput for what would silently mean something else here."""
    if ask.tools or ask.functions:
        field = "tools" if ask.tools else "functions"
        raise BadInput(field, "are not supported yet", "Leave them out; the assistant has tools of its own.")
    if ask.n not in (None, 1):
        raise BadInput("n", "is not supported", "Ask once per answer.")
    if ask.logprobs:
        raise BadInput("logprobs", "are not supported", "Leave them out.")
    if ask.response_format is not None and ask.response_format.type != "text":
        raise BadInput("response_format", f"{ask.response_format.type} is not supported yet", "Leave it out.")


def _text(n: int, message: ChatMessage) -> str:
    if message.role in ("tool", "function") or message.tool_calls:
        raise BadInput(f"messages[{n}]", "belongs to a client's tool, not supported yet", "Leave it out.")
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    texts: list[str] = []
    for k, part in enumerate(message.content):
        if part.type != "text":
            where = f"messages[{n}].content[{k}].type"
            raise BadInput(where, f"{part.type} is not supported yet", "Send text parts.")
        texts.append(part.text)
    return "".join(texts)


def _earlier(role: str, text: str) -> Message:
    match role:
        case "user":
            return UserMessage(text)
        case "assistant":
            return AssistantMessage(text)
        case _:
            return SystemEvent(INSTRUCTIONS + text)


def rest(shown: str, final: str) -> str:
    """What a reader of `shown` still lacks of `final`; what was said before a tool ran stays shown before it."""
    shown = shown.rstrip()
    if final.startswith(shown):
        return final[len(shown) :]
    at = shown.rfind(final[:OVERLAP])
    if at >= 0 and final.startswith(shown[at:]):
        return final[len(shown) - at :]
    return RESTARTED + final


def joined(texts: Sequence[str]) -> str:
    """Several messages as one answer."""
    return "\n\n".join(text for text in texts if text)
