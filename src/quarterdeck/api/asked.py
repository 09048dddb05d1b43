"""What the native API takes; unknown fields are refused. The OpenAPI document and the client are made from it."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from quarterdeck.governance.principal import Scope
from quarterdeck.model.inbound import QueueMode

Limit = Annotated[int, Meta(ge=1, le=200, description="How many at most.")]
Life = Annotated[float, Meta(gt=0, le=3_153_600_000, description="Seconds from now.")]
Cursor = Annotated[str, Meta(max_length=200, description="`next_cursor` of the page before.")]
Name = Annotated[str, Meta(max_length=200)]


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request: unknown fields are refused."""


class Paged(Ask, frozen=True):
    """One page of a list."""

    limit: Limit = 50
    cursor: Cursor = ""


class SessionsAsk(Paged, frozen=True):
    """Which sessions: those of one connection, or all."""

    connection: str = ""


class StateAsk(Paged, frozen=True):
    """Which rows: those in one state or with one outcome, or all."""

    state: str = ""


class TurnsAsk(Paged, frozen=True):
    """Which turns: those of one session, or all."""

    session: str = ""


class MessagesAsk(Paged, frozen=True):
    """Which messages: the page before that of the cursor, else the newest."""


class EventsAsk(Ask, frozen=True):
    """Where to go on: behind an event's id, `now` for only what comes, else from the beginning."""

    cursor: Cursor = ""


class NewSessionAsk(Ask, frozen=True):
    """A new conversation."""

    assistant: Annotated[str, Meta(max_length=100)] = ""
    title: Annotated[str, Meta(max_length=200)] = ""


class NamedFile(Ask, frozen=True):
    """An uploaded file under the name that people know it by."""

    digest: str
    name: Annotated[str, Meta(max_length=200)] = ""


class MessageAsk(Ask, frozen=True):
    """A message of a person. `attachments` are digests of uploaded files; `mode` overrides the assistant's."""

    text: str = ""
    attachments: Annotated[tuple[str | NamedFile, ...], Meta(max_length=20)] = ()
    mode: QueueMode | None = None


class CodeAsk(Ask, frozen=True):
    """A sign-in code."""

    code: Annotated[str, Meta(min_length=1, max_length=100)]


class TokenAsk(Ask, frozen=True):
    """A new access token; without `expires_seconds` it does not expire."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]
    expires_seconds: Life | None = None


class RotateAsk(Ask, frozen=True):
    """A new text for a token; the one before holds for `overlap_seconds` more. `expires_seconds`: its life from now."""

    overlap_seconds: Annotated[float, Meta(ge=0, le=30 * 86_400)] = 86_400.0
    expires_seconds: Life | None = None


class SessionChange(Ask, frozen=True):
    """What is to be different: a title, a model (empty: the assistant's own)."""

    title: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    model: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET


class FileAsk(Ask, frozen=True):
    """The new text of an instruction file; empty is as good as none."""

    text: Annotated[str, Meta(max_length=262_144)]


class SettleAsk(Ask, frozen=True):
    """What a person found out about a delivery whose fate was unknown."""

    outcome: Literal["sent", "failed"]
    reason: Annotated[str, Meta(max_length=500)] = ""


class ResendAsk(Ask, frozen=True):
    """Why a delivery is sent once more."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class DismissAsk(Ask, frozen=True):
    """Why a delivery is left as it is."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class RetryAsk(Ask, frozen=True):
    """Why a message is tried again."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class UsageSheet(Ask, frozen=True):
    """What to sum. `group`: any of day, assistant, person, connection, session, model, provider, with commas."""

    group: Name = "day,model"
    since: Annotated[str, Meta(max_length=40, description="A date or RFC 3339; else 30 days before `until`.")] = ""
    until: Annotated[str, Meta(max_length=40, description="The same, not included; else now.")] = ""
    zone: Annotated[str, Meta(max_length=40, description="Where days begin, such as Europe/Berlin.")] = "UTC"
    assistant: Name = ""
    person: Name = ""
    connection: Name = ""
    session: Name = ""
    model: Name = ""
    provider: Name = ""


class UsageQuery(UsageSheet, frozen=True):
    """The same, so many lines of it."""

    limit: Annotated[int, Meta(ge=1, le=10_000, description="How many lines at most.")] = 1000
