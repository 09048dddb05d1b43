"""A hook that lives elsewhere: signed HTTP, as `net/signed.py` signs it."""

from datetime import UTC, datetime

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Refused, Retry
from quarterdeck.base.outside import UNREADABLE
from quarterdeck.base.secrets import SecretReader, SecretRef
from quarterdeck.model.hook import (
    HOOK_SCHEMA,
    Deny,
    HookContext,
    HookEvent,
    HookOutcome,
    HookReply,
    HookSubject,
    ModelSubject,
    RouteSubject,
    SendSubject,
    ToolSubject,
)
from quarterdeck.net.client import Client
from quarterdeck.net.outgoing import Response
from quarterdeck.net.signed import SignedPost

NO_REASON = Deny("it is denied, without a reason that can be read")


class _Data(msgspec.Struct, frozen=True, omit_defaults=True):
    about: HookContext
    subject: HookSubject | msgspec.Raw
    outcome: HookOutcome | None = None


class _Body(msgspec.Struct, frozen=True):
    type: str
    timestamp: str
    schema: int
    data: _Data


class _Tool(msgspec.Struct, frozen=True):
    """The subject of a tool as it travels: its arguments are an object."""

    place: str
    tool: str
    arguments: msgspec.Raw


class _RouteChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    assistant: str | None = None
    model: str | None = None
    text: str | None = None


class _ModelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    system: str | None = None
    messages: tuple[str, ...] | None = None


class _ToolChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    arguments: msgspec.Raw


class _SendChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class SignedHook:
    """Implements ports.Hook over HTTP. Redirects are not followed; the client is shared."""

    def __init__(
        self, name: str, url: str, secret: SecretRef, path: str, client: Client, secrets: SecretReader, clock: Clock
    ) -> None:
        self._name = name
        self._post = SignedPost(url, secret, f"{path}.secret", client, secrets, clock)

    async def check(self) -> None:
        """Raises ConfigRefused when its secret is not there, or is none."""
        await self._post.check()

    async def before(self, event: HookEvent) -> HookReply:
        """See ports.Hook.before. Raises Retry and Refused for what is no reply, and NetError."""
        answer = await self._send(event)
        return reply(answer, event.subject)

    async def after(self, event: HookEvent) -> None:
        """See ports.Hook.after."""
        answer = await self._send(event)
        if not 200 <= answer.status < 300:
            raise Retry(f"it answered {answer.status}")

    async def close(self) -> None:
        """Nothing is held."""

    async def _send(self, event: HookEvent) -> Response:
        return await self._post.post(event.id, encode(event))


def encode(event: HookEvent) -> bytes:
    """The body of a request."""
    subject: HookSubject | msgspec.Raw = event.subject
    if isinstance(subject, ToolSubject):
        subject = msgspec.Raw(msgspec.json.encode(_Tool("tool", subject.tool, msgspec.Raw(subject.arguments.encode()))))
    at = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode(_Body(event.on, at, HOOK_SCHEMA, _Data(event.about, subject, event.outcome)))


def reply(answer: Response, subject: HookSubject) -> HookReply:
    """What an answer says: nothing (pass), `{"deny": {reason, next_step}}` or `{"change": {...}}`.

    A denial counts whatever else is wrong with the answer. Raises Retry for a status that is no success, and Refused
    for a body that nobody can use.
    """
    try:
        said = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw]) if answer.body.strip() else {}
    except UNREADABLE as error:
        said = {"?": msgspec.Raw(str(error).encode())}
    if "deny" in said:
        return _denial(said["deny"])
    if not 200 <= answer.status < 300:
        raise Retry(f"it answered {answer.status}")
    if not said:
        return None
    if set(said) != {"change"}:
        raise Refused("its answer is none of {}, deny and change")
    try:
        return _changed(subject, bytes(said["change"]))
    except UNREADABLE as error:
        raise Refused(f"its change cannot be read: {error}") from error


def _denial(raw: msgspec.Raw) -> Deny:
    try:
        found = msgspec.json.decode(bytes(raw), type=Deny)
    except UNREADABLE:
        return NO_REASON
    return found if found.reason else NO_REASON


def _changed(subject: HookSubject, change: bytes) -> HookSubject:
    """The subject with a change. Raises one of UNREADABLE."""
    match subject:
        case RouteSubject():
            return _with(subject, msgspec.json.decode(change, type=_RouteChange))
        case ModelSubject():
            wanted = msgspec.json.decode(change, type=_ModelChange)
            system = subject.system if wanted.system is None else wanted.system
            texts = tuple(one.text for one in subject.messages) if wanted.messages is None else wanted.messages
            if len(texts) != len(subject.messages):
                raise msgspec.ValidationError(f"{len(texts)} texts for {len(subject.messages)} messages")
            pairs = zip(subject.messages, texts, strict=True)
            messages = tuple(msgspec.structs.replace(one, text=text) for one, text in pairs)
            return msgspec.structs.replace(subject, system=system, messages=messages)
        case ToolSubject():
            arguments = bytes(msgspec.json.decode(change, type=_ToolChange).arguments).decode()
            return msgspec.structs.replace(subject, arguments=arguments)
        case SendSubject():
            return _with(subject, msgspec.json.decode(change, type=_SendChange))


def _with(subject: HookSubject, change: _RouteChange | _SendChange) -> HookSubject:
    given = {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not None}
    return msgspec.structs.replace(subject, **given)
