"""The seams for what varies: channels, providers, tools and hooks. Wiring gives each its dependencies by constructor.

What every implementation promises
- An effect starts only after `permit.spend(action)` with the action that is about to happen; where that does not fit
  it raises NotAllowed and nothing leaves the process.
- Cancellation ends a call soon and is not swallowed; what was begun is reported by the next recovery, not guessed.
- No call waits without a deadline. No implementation keeps a queue of things that a person could miss.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from quarterdeck.base.errors import QuarterdeckError
from quarterdeck.model.action import Effect, ModelCall, Part, StreamTo, ToolRun
from quarterdeck.model.asking import NO_WISHES, Options, ToolSpec
from quarterdeck.model.button import ButtonBounds
from quarterdeck.model.hook import HookEvent, HookReply
from quarterdeck.model.inbound import Acceptance, Inbound
from quarterdeck.model.message import Attachment, Said
from quarterdeck.model.permit import Permit, PresencePermit, StreamPermit
from quarterdeck.model.turn import ModelAnswer, Usage

MARK_RESERVE = 64  # `cut` leaves this much room in each text for a mark that sending may add

# --- channels -------------------------------------------------------------------------------------------------


class Sent(msgspec.Struct, frozen=True):
    """The platform took it; `native_id` is its id of the message (or of the edited one)."""

    native_id: str


class NotSent(msgspec.Struct, frozen=True):
    """Certainly nothing arrived; try again, after `retry_after` seconds where the platform said so.

    `room_only` is False when the whole connection must back off (the platform's global limit, no network).
    """

    reason: str
    retry_after: float | None = None
    room_only: bool = True


class MaybeSent(msgspec.Struct, frozen=True):
    """The request left, but no answer tells its fate."""

    reason: str


class SendRefused(msgspec.Struct, frozen=True):
    """The platform says that it will never take this (blocked, chat gone, bad request)."""

    code: str
    reason: str


SendResult = Sent | NotSent | MaybeSent | SendRefused


class Capabilities(msgspec.Struct, frozen=True):
    """What a channel can do. `text_limit` is in the platform's own unit; windows are seconds.

    `edits`: an answer is shown while it grows, as a message that is edited; `drafts`: as the platform's own draft.
    `reactions`: it can set one on a person's message. `file_bytes`: how large a file may be that it sends; 0: it sends
    none. `buttons`: how many a message may have.
    """

    text_limit: int
    edits: bool = False
    drafts: bool = False
    typing: bool = False
    reactions: bool = False
    idempotent_sends: bool = False
    idempotency_window: float = 0.0
    files_in: bool = False
    file_bytes: int = 0
    buttons: ButtonBounds | None = None


class ChannelHealth(msgspec.Struct, frozen=True):
    """The four facts of a connection; times are Unix seconds, 0 for never.

    `last_heard`: when the platform last answered the receiving side, with or without news. Where it stands still while
    `alive` is True, the connection is deaf; where it is never set, it cannot be found deaf. `refused`: the platform
    said that it does not let this account in (`authenticated` is False also before anybody has asked).
    """

    alive: bool
    authenticated: bool
    last_inbound: float = 0.0
    last_outbound: float = 0.0
    detail: str = ""
    last_heard: float = 0.0
    refused: bool = False


class FileSource(Protocol):
    """Where a channel that sends files gets their bytes."""

    async def read(self, digest: str) -> bytes:
        """All bytes of `Part.file.blob`. Raises NotFound where they are gone, Retry where they cannot be read now."""
        ...


class IntakePort(Protocol):
    """What a channel hands its inbounds to."""

    async def accept(self, inbound: Inbound) -> Acceptance:
        """Returns only after the inbox row is committed; then, and only then, acknowledge the platform.

        Raises Retry when the store cannot take it now: do not acknowledge, the platform will bring it again. Raises
        MovedOn where it was to follow a turn that something else has followed.
        """
        ...


class Channel(Protocol):
    """One configured account of a messenger."""

    @property
    def capabilities(self) -> Capabilities:
        """What this account can do."""
        ...

    def cut(self, text: str) -> Sequence[str]:
        """Cut an answer into texts that one platform call each can carry. Pure; the order is the reading order."""
        ...

    async def receive(self, intake: IntakePort) -> None:
        """Receive until cancelled. Reconnects by itself; returns only by cancellation or a GiveUp error."""
        ...

    async def send(self, part: Part, permit: Permit) -> SendResult:
        """One platform call. Spends the permit on `part` first."""
        ...

    async def show(self, stream: StreamTo, text: str, native_id: str, permit: StreamPermit) -> SendResult:
        """Show a growing answer: a new message when `native_id` is empty, else an edit of that one."""
        ...

    async def edit(self, part: Part, native_id: str, permit: Permit) -> SendResult:
        """Set the final text of a message that was streamed. Spends the permit on `part` first."""
        ...

    async def draft(self, room: str, number: int, text: str, permit: PresencePermit) -> bool:
        """Show a growing answer as the platform's own draft; called where `capabilities.drafts`.

        `number` is the same for one answer, and not 0. Best effort, never raised; False: not again in this turn.
        """
        ...

    async def typing(self, room: str, permit: PresencePermit) -> None:
        """Show that an answer is being made; best effort, errors are counted, never raised."""
        ...

    async def react(self, room: str, native_id: str, permit: PresencePermit, *, on: bool) -> bool:
        """Set our reaction on a person's message, or take it off; called where `capabilities.reactions`. Best effort,
        never raised; whether the platform said that it took it.
        """
        ...

    def fetch(self, file: Attachment, max_bytes: int) -> AsyncIterator[bytes]:
        """The bytes of an inbound file. Raises Refused (too large, gone) or Retry."""
        ...

    def health(self) -> ChannelHealth:
        """The connection's four facts as of now."""
        ...

    async def close(self) -> None:
        """Release what is held; no call follows."""
        ...


# --- providers ------------------------------------------------------------------------------------------------


class ModelRequest(msgspec.Struct, frozen=True):
    """One question to a model, in our words.

    `tools` are all that it is told of, the client's own among them. `max_tokens` bounds the answer. `options` holds
    the other wishes; a wire leaves out what its model does not know. `files` are the bytes of attachments by digest:
    a wire writes those out that it has a form for, and names the others. `cache_key` is the same for all requests
    that begin alike, for providers that keep a cache of prompts by it.
    """

    model: str
    system: str
    messages: tuple[Said, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 2048
    options: Options = NO_WISHES
    files: Mapping[str, bytes] = {}
    cache_key: str = ""


FailureKind = Literal[
    "auth", "credit", "access", "rate", "overload", "network", "timeout", "cut", "context", "invalid", "server"
]
"""What went wrong, by what helps: another key (auth: it is wrong; credit: nothing is left; rate: it has had enough),
another model (access: the key may not use this one), time (rate, overload, network, timeout, cut, server), a shorter
request (context), or nothing but a mended one (invalid)."""


class ProviderFailed(QuarterdeckError):
    """A model call brought no answer. `retryable`: whether the same request may work later, or with another key.

    `usage` is what the provider reported before it failed; None (it said nothing): the reserved amount is settled.
    """

    code = "provider_failed"

    def __init__(
        self,
        kind: FailureKind,
        reason: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(reason)
        self.kind: FailureKind = kind
        self.retryable = retryable
        self.retry_after = retry_after
        self.usage = usage


class Delta(msgspec.Struct, frozen=True):
    """A piece of an answer's text as it grows."""

    text: str


OnDelta = Callable[[Delta], None]


class ModelProfile(msgspec.Struct, frozen=True):
    """What may be asked of a model. `label` is a note that people must see beside its answers;
    of the `demo` model we say ourselves what it is.

    `system`: a prompt that takes the place of the assistant's (None: the assistant's own). `starters`: first
    questions that it can handle, where ordinary ones are too much for it. `window` is how many tokens a request and
    its answer may have together, 0 where nobody knows. `reads` are the media types of files that can be put into a
    request, such as `image/png`; `file_bytes` is the most that one may have. `forms`: its wire sees to the form that
    an answer has to have, in words where the vendor has no field; else the form is told in the prompt.
    """

    label: str = ""
    demo: bool = False
    tools: bool = True
    system: str | None = None
    history_messages: int = 100
    max_tokens: int = 2048
    starters: tuple[str, ...] = ()
    window: int = 0
    reads: tuple[str, ...] = ()
    file_bytes: int = 5_000_000
    forms: bool = False


class ListedModel(msgspec.Struct, frozen=True):
    """A model that a key can reach. Numbers are tokens, 0 where the provider does not say."""

    name: str
    window: int = 0
    max_output: int = 0
    capabilities: tuple[str, ...] = ()  # of: tools, images, documents, structured, reasoning, embeddings


class Embeddings(msgspec.Struct, frozen=True):
    """One vector for each text, in the order of the texts."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage
    model: str = ""


class Provider(Protocol):
    """One configured source of models."""

    def profile(self, model: str) -> "ModelProfile":
        """What may be asked of a model of this provider."""
        ...

    def prepare(self, request: ModelRequest) -> ModelCall:
        """Encode the request for the wire: the same request gives the same bytes. Names the key to be used."""
        ...

    async def complete(self, call: ModelCall, permit: Permit, on_delta: OnDelta) -> ModelAnswer:
        """Make one attempt. Spends the permit on `call` first. Raises ProviderFailed; never retries by itself."""
        ...

    def prepare_embedding(self, model: str, texts: Sequence[str], dimensions: int | None) -> ModelCall:
        """Encode a request for vectors. Raises ProviderFailed (invalid) where this provider makes none."""
        ...

    async def embed(self, call: ModelCall, permit: Permit) -> Embeddings:
        """Make one attempt at vectors. Spends the permit on `call` first. Raises ProviderFailed."""
        ...

    async def models(self) -> Sequence[ListedModel]:
        """The models that the key can reach. Raises ProviderFailed."""
        ...

    async def close(self) -> None:
        """Release what is held; no call follows."""
        ...


# --- tools ----------------------------------------------------------------------------------------------------


class Rows:
    """Rows of ours that a tool's effect consists of; opaque to the tool, committed by flow with result and outcome.

    `committed` is called after that commit, as a hint. `denied` says why the rows only record what was not to be.
    """

    __slots__ = ("committed", "denied", "statements")

    def __init__(self, statements: tuple[object, ...], committed: Callable[[], None], denied: str = "") -> None:
        self.statements = statements
        self.committed = committed
        self.denied = denied


class ToolOutput(msgspec.Struct, frozen=True):
    """What a run brought: text for the model; `rows` where the effect is rows of ours."""

    text: str
    ok: bool = True
    rows: Rows | None = None


class ToolOutcomeUnknown(QuarterdeckError):
    """The effect may or may not have happened; it is told to the model and listed for people, never repeated."""

    code = "tool_unknown"


class ToolContext(msgspec.Struct, frozen=True):
    """Whom a run is for. `files` are those of the conversation that the model knows of, newest last."""

    assistant: str
    session: str
    connection: str
    room: str
    person: str
    files: tuple[Attachment, ...] = ()


class Tool(Protocol):
    """Something that a model may ask for."""

    @property
    def spec(self) -> ToolSpec:
        """How the model is told of it."""
        ...

    @property
    def effect(self) -> Effect:
        """none: reads only; rows: rows of ours; external: acts on the world."""
        ...

    @property
    def repeatable(self) -> bool:
        """Whether a run whose outcome was lost may simply be run again."""
        ...

    async def run(self, run: ToolRun, context: ToolContext, permit: Permit) -> ToolOutput:
        """Run once. Spends the permit on `run` first. Raises BadInput (told to the model) or ToolOutcomeUnknown."""
        ...


# --- hooks ----------------------------------------------------------------------------------------------------


class Hook(Protocol):
    """Somebody's own rule or look at what happens. It runs outside of operations: a crash may run it again."""

    async def before(self, event: HookEvent) -> HookReply:
        """Called before the gate's check: None lets it pass, a changed `event.subject` takes its place, a Deny ends it.

        Anything else, an error, and a reply that comes too late follow the hook's `on_failure`.
        """
        ...

    async def after(self, event: HookEvent) -> None:
        """Called when the outcome is known. Nothing waits for it, and its loss is only counted."""
        ...

    async def close(self) -> None:
        """Release what is held; no call follows."""
        ...
