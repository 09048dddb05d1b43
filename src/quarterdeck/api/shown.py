"""What the native API gives. Times are RFC 3339 in UTC; ids are text; lists are newest first.

The OpenAPI document and the client are made from these types, and from those of asked.py.
"""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from quarterdeck.api.amounts import ModelCall, Money, Spent, Tokens
from quarterdeck.governance.principal import Scope

T = TypeVar("T")

Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, UTC")]


def moment(seconds: float) -> datetime:
    """Unix seconds as the API writes them."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: float | None) -> datetime | None:
    """The same for a time that may not have come."""
    return None if not seconds else moment(seconds)


class Problem(msgspec.Struct, frozen=True):
    """What went wrong (RFC 9457). `code` is stable; `field` is the place in the request; `rule` is what denied it."""

    title: str
    status: int
    code: str
    detail: str
    next_step: str
    type: str = "about:blank"
    field: str | UnsetType = UNSET
    rule: str | UnsetType = UNSET


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None = None


class AssistantInfo(msgspec.Struct, frozen=True):
    """An assistant; `demo_label` is a note that must be shown beside its answers, mostly empty."""

    id: str
    model: str
    demo_label: str


class Me(msgspec.Struct, frozen=True):
    """Who is asking, and what there is to talk to."""

    principal: str
    name: str
    scopes: list[Scope]
    assistants: list[AssistantInfo]
    starter_prompts: list[str]


class Session(msgspec.Struct, frozen=True):
    """One conversation. `state` is who controls it; `head` is the cursor of its newest event, `forked_from` the
    conversation that it began as a copy of.
    """

    id: str
    state: str
    assistant: str
    connection: str
    room: str
    title: str
    model: str
    head: int
    created_at: Moment
    updated_at: Moment
    running_turn: str | None
    forked_from: str | None = None


class File(msgspec.Struct, frozen=True):
    """A file of a message; `digest` is empty when it could not be fetched (`error`)."""

    name: str
    mime: str
    size: int
    digest: str
    error: str


class Call(msgspec.Struct, frozen=True):
    """A tool call that the model asked for; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class Message(msgspec.Struct, frozen=True):
    """One entry of a history. `role` is user, assistant, tool, event, or results (of a client's own tools).

    `status`: of a tool's result ok, error, invalid, denied, skipped, unknown or given; of a message that is not in
    the history yet `waiting` or `taken`.
    """

    position: int
    part: int
    role: str
    text: str
    turn: str
    created_at: Moment
    calls: list[Call] | UnsetType = UNSET
    attachments: list[File] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class Receipt(msgspec.Struct, frozen=True):
    """An act is committed. `state` is accepted or duplicate; `outcome` is set when it ended at once, or has ended."""

    inbox_id: str
    session_id: str
    position: int
    state: str
    outcome: str


class Upload(msgspec.Struct, frozen=True):
    """A stored file; `digest` is its sha256."""

    digest: str
    size: int
    mime: str
    name: str


class InboxItem(msgspec.Struct, frozen=True):
    """One accepted act; `state` is waiting, taken or ended."""

    id: str
    state: str
    outcome: str | None
    detail: str | None
    connection: str
    session: str
    kind: str
    mode: str
    position: int
    turn: str | None
    takes: int
    text: str
    created_at: Moment
    ended_at: Moment | None


class Turn(msgspec.Struct, frozen=True):
    """One run of an assistant; `state` is running or ended. `prices` is the version of the price table."""

    id: str
    state: str
    outcome: str | None
    error: str | None
    session: str
    attempt: int
    model: str
    release: str
    prices: str
    created_at: Moment
    ended_at: Moment | None
    spent: Spent


class TurnStep(msgspec.Struct, frozen=True):
    """One journalled part of a turn: a model's answer (with the tools it asked for), a tool's result, other."""

    step: str
    kind: str
    text: str
    tools: list[str]
    status: str


class Effect(msgspec.Struct, frozen=True):
    """An intent of a turn; `state` is open, done, failed, lost or unknown."""

    id: str
    kind: str
    step: str
    attempt: int
    route: str
    state: str
    created_at: Moment
    closed_at: Moment | None


class TurnDetail(msgspec.Struct, frozen=True):
    """A turn with its steps, its effects, its model calls, the rows that it took and what it sent."""

    turn: Turn
    steps: list[TurnStep]
    intents: list[Effect]
    inbox: list[str]
    deliveries: list[str]
    model_calls: list[ModelCall]


class UsageLine(msgspec.Struct, frozen=True):
    """One group. `unpriced` calls are in no sum of `cost`; `estimated` ones were not reported by the provider."""

    calls: int
    estimated: int
    unpriced: int
    tokens: Tokens
    cost: list[Money]
    day: str | UnsetType = UNSET
    assistant: str | UnsetType = UNSET
    person: str | UnsetType = UNSET
    connection: str | UnsetType = UNSET
    session: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET


class Usage(msgspec.Struct, frozen=True):
    """Sums of settled model calls; `left_out` lines did not fit, `total` holds them too."""

    since: Moment
    until: Moment
    group: list[str]
    lines: list[UsageLine]
    left_out: int
    total: UsageLine


class Delivery(msgspec.Struct, frozen=True):
    """One answer, notice or message; `state` is what its parts add up to."""

    id: str
    state: str
    kind: str
    connection: str
    room: str
    session: str
    turn: str
    parts: int
    text: str
    error: str
    created_at: Moment


class DeliveryPart(msgspec.Struct, frozen=True):
    """One call of the platform. `native_id` is the platform's id of the message, `resends` how often it was repeated
    with a mark.
    """

    n: int
    state: str
    text: str
    file: str
    native_id: str
    attempts: int
    resends: int
    error: str
    updated_at: Moment


class DeliveryDetail(msgspec.Struct, frozen=True):
    """A delivery and its parts, in order."""

    delivery: Delivery
    parts: list[DeliveryPart]


class Settled(msgspec.Struct, frozen=True):
    """How many parts of a delivery were settled or left, or will be sent again."""

    id: str
    parts: int


class Status(msgspec.Struct, frozen=True):
    """The gateway as a whole; `reasons` say why it is not ready."""

    version: str
    url: str
    started_at: Moment
    ready: bool
    reasons: list[str]
    running_turns: int
    waiting_sessions: int


class Token(msgspec.Struct, frozen=True):
    """An access token without its text; `state` is active, rotating, expired or revoked.

    `rotating`: it has a new text, and the one before holds until `previous_until`. `used_at` is exact to a minute.
    """

    id: str
    state: str
    name: str
    scopes: list[Scope]
    created_at: Moment
    expires_at: Moment | None
    rotated_at: Moment | None
    previous_until: Moment | None
    used_at: Moment | None


class NewToken(msgspec.Struct, frozen=True):
    """A new access token; `token` is shown here and never again. After a rotation the text before it holds until
    `previous_until`.
    """

    id: str
    token: str
    scopes: list[Scope]
    expires_at: Moment | None
    previous_until: Moment | None = None


class WorkspaceFile(msgspec.Struct, frozen=True):
    """An instruction file of an assistant; `release` is the digest of all that shapes its answers now."""

    assistant: str
    name: str
    text: str
    release: str


class Health(msgspec.Struct, frozen=True):
    """The process is there."""

    state: str


class Ready(msgspec.Struct, frozen=True):
    """Whether messages are taken in, and if not why."""

    ready: bool
    reasons: list[str]
