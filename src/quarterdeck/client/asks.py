"""What can be asked of a gateway: each function gives an Ask, which either client sends.

What creates or changes something carries a key of its own, so that it may be sent again when no answer came.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar, cast
from urllib.parse import quote, urlencode

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.api import asked, shown
from quarterdeck.governance.principal import Scope
from quarterdeck.model.inbound import QueueMode

R = TypeVar("R")
V1 = "/api/v1"
KEY = "Idempotency-Key"


@dataclass(frozen=True)
class Ask(Generic[R]):
    """One request: what is sent, and the type of what comes back (bytes: as it is; None: nothing)."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    gives: type[R]
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def repeatable(self) -> bool:
        """Whether it is done once however often it is sent."""
        return self.method in ("GET", "DELETE") or KEY in self.headers

    def read(self, body: bytes) -> R:
        """The answer as a value."""
        if self.gives is type(None):
            return cast("R", None)
        return cast("R", body) if self.gives is bytes else msgspec.json.decode(body, type=self.gives)

    def behind(self, cursor: str) -> "Ask[R]":
        """The same list, from a page's `next_cursor`."""
        joint = "&" if "?" in self.path else "?"
        return replace(self, path=f"{self.path}{joint}{urlencode({'cursor': cursor})}")


class Tagged(msgspec.Struct, Generic[R], frozen=True):
    """What was read, and its tag for `change_session` and `write_file`."""

    value: R
    etag: str


# --- who asks -------------------------------------------------------------------------------------------------


def me() -> Ask[shown.Me]:
    """Who is asking, and which assistants there are."""
    return _get("/me", shown.Me)


def status() -> Ask[shown.Status]:
    """The gateway as a whole."""
    return _get("/status", shown.Status)


def tokens() -> Ask[shown.Page[shown.Token]]:
    """Access tokens, newest first."""
    return _get("/tokens", shown.Page[shown.Token])


def create_token(
    name: str, scopes: Sequence[Scope], expires_seconds: float | None = None, *, key: str = ""
) -> Ask[shown.NewToken]:
    """Make an access token; its text is shown once."""
    ask = asked.TokenAsk(name=name, scopes=tuple(scopes), expires_seconds=expires_seconds)
    return _post("/tokens", ask, shown.NewToken, key)


def rotate_token(token: str, overlap_seconds: float = 86_400.0, *, key: str = "") -> Ask[shown.NewToken]:
    """A new text for a token; the one before holds for `overlap_seconds` more."""
    return _post(
        f"/tokens/{_part(token)}/rotate", asked.RotateAsk(overlap_seconds=overlap_seconds), shown.NewToken, key
    )


def revoke_token(token: str) -> Ask[None]:
    """End a token."""
    return Ask("DELETE", f"{V1}/tokens/{_part(token)}", type(None))


# --- what is said ---------------------------------------------------------------------------------------------


def sessions(connection: str = "", limit: int = 50) -> Ask[shown.Page[shown.Session]]:
    """Conversations, by newest activity."""
    return _get("/sessions", shown.Page[shown.Session], connection=connection, limit=limit)


def begin_session(assistant: str = "", title: str = "", *, key: str = "") -> Ask[shown.Session]:
    """Begin a conversation."""
    return _post("/sessions", asked.NewSessionAsk(assistant=assistant, title=title), shown.Session, key)


def session(session: str) -> Ask[shown.Session]:
    """One conversation."""
    return _get(f"/sessions/{_part(session)}", shown.Session)


def change_session(
    session: str, etag: str, *, title: str | UnsetType = UNSET, model: str | UnsetType = UNSET
) -> Ask[shown.Session]:
    """Another title or model, if the conversation is still as `etag` says."""
    body = msgspec.json.encode(asked.SessionChange(title=title, model=model))
    return Ask("PATCH", f"{V1}/sessions/{_part(session)}", shown.Session, body, {**JSON, "If-Match": etag})


def messages(session: str, limit: int = 50) -> Ask[shown.Page[shown.Message]]:
    """Its messages: the newest page, oldest first in it."""
    return _get(f"/sessions/{_part(session)}/messages", shown.Page[shown.Message], limit=limit)


def write(
    session: str,
    text: str,
    attachments: Sequence[shown.Upload] = (),
    mode: QueueMode | None = None,
    *,
    key: str = "",
) -> Ask[shown.Receipt]:
    """Write a message; `Client.say` waits for its answer, too."""
    files = tuple(asked.NamedFile(digest=one.digest, name=one.name) for one in attachments)
    ask = asked.MessageAsk(text=text, attachments=files, mode=mode)
    return _post(f"/sessions/{_part(session)}/messages", ask, shown.Receipt, key)


def stop(session: str, *, key: str = "") -> Ask[shown.Receipt]:
    """Stop the running turn and drop what waits."""
    return _post(f"/sessions/{_part(session)}/stop", None, shown.Receipt, key)


def reset(session: str, *, key: str = "") -> Ask[shown.Receipt]:
    """Start anew: the model sees nothing of before."""
    return _post(f"/sessions/{_part(session)}/reset", None, shown.Receipt, key)


def upload(
    content: bytes, name: str = "", mime: str = "application/octet-stream", *, key: str = ""
) -> Ask[shown.Upload]:
    """Hand in a file, to be named in a message."""
    headers = {"Content-Type": mime, "X-File-Name": quote(name), KEY: key or str(uuid.uuid4())}
    return Ask("POST", f"{V1}/blobs", shown.Upload, content, headers)


def download(digest: str) -> Ask[bytes]:
    """A file's bytes."""
    return _get(f"/blobs/{_part(digest)}", bytes)


# --- what was done --------------------------------------------------------------------------------------------


def inbox(state: str = "", limit: int = 50) -> Ask[shown.Page[shown.InboxItem]]:
    """What was taken in, and what became of it."""
    return _get("/inbox", shown.Page[shown.InboxItem], state=state, limit=limit)


def turns(session: str = "", limit: int = 50) -> Ask[shown.Page[shown.Turn]]:
    """Runs of the assistants."""
    return _get("/turns", shown.Page[shown.Turn], session=session, limit=limit)


def turn(turn: str) -> Ask[shown.TurnDetail]:
    """One run: its steps, effects and tokens."""
    return _get(f"/turns/{_part(turn)}", shown.TurnDetail)


def deliveries(state: str = "", limit: int = 50) -> Ask[shown.Page[shown.Delivery]]:
    """What was sent, or is to be."""
    return _get("/deliveries", shown.Page[shown.Delivery], state=state, limit=limit)


def delivery(delivery: str) -> Ask[shown.DeliveryDetail]:
    """One delivery and its parts."""
    return _get(f"/deliveries/{_part(delivery)}", shown.DeliveryDetail)


def usage(
    group: str = "day,model", since: str = "", until: str = "", zone: str = "UTC", limit: int = 1000, **of: str
) -> Ask[shown.Usage]:
    """Tokens and cost of model calls, summed; `of` chooses some by assistant, person, connection, session, model or
    provider.
    """
    return _get("/usage", shown.Usage, group=group, since=since, until=until, zone=zone, limit=limit, **of)


def usage_csv(group: str = "day,model", since: str = "", until: str = "", zone: str = "UTC", **of: str) -> Ask[bytes]:
    """The same with all of its lines, for a spreadsheet."""
    return _get("/usage.csv", bytes, group=group, since=since, until=until, zone=zone, **of)


def settle_delivery(
    delivery: str, outcome: Literal["sent", "failed"], reason: str = "", *, key: str = ""
) -> Ask[shown.Settled]:
    """Say what became of a delivery whose fate is unknown."""
    ask = asked.SettleAsk(outcome=outcome, reason=reason)
    return _post(f"/deliveries/{_part(delivery)}/settle", ask, shown.Settled, key)


def resend_delivery(delivery: str, reason: str = "", *, key: str = "") -> Ask[shown.Settled]:
    """Send a delivery in trouble once more."""
    return _post(f"/deliveries/{_part(delivery)}/resend", asked.ResendAsk(reason=reason), shown.Settled, key)


def dismiss_delivery(delivery: str, reason: str = "", *, key: str = "") -> Ask[shown.Settled]:
    """Leave a delivery that failed, was refused or is held as it is."""
    return _post(f"/deliveries/{_part(delivery)}/dismiss", asked.DismissAsk(reason=reason), shown.Settled, key)


def retry_inbox(inbox: str, reason: str = "", *, key: str = "") -> Ask[shown.InboxItem]:
    """Bring back a message that failed or was put aside."""
    return _post(f"/inbox/{_part(inbox)}/retry", asked.RetryAsk(reason=reason), shown.InboxItem, key)


# --- what assistants are told ---------------------------------------------------------------------------------


def file(assistant: str, name: str) -> Ask[shown.WorkspaceFile]:
    """An instruction file."""
    return _get(f"/assistants/{_part(assistant)}/files/{_part(name)}", shown.WorkspaceFile)


def write_file(assistant: str, name: str, text: str, etag: str) -> Ask[shown.WorkspaceFile]:
    """Another text for an instruction file, if it is still as `etag` says."""
    path, body = (
        f"{V1}/assistants/{_part(assistant)}/files/{_part(name)}",
        msgspec.json.encode(asked.FileAsk(text=text)),
    )
    return Ask("PUT", path, shown.WorkspaceFile, body, {**JSON, "If-Match": etag})


# --- parts ----------------------------------------------------------------------------------------------------

JSON: Mapping[str, str] = {"Content-Type": "application/json"}


def _part(text: str) -> str:
    return quote(text, safe="")


def _get(path: str, gives: type[R], **query: str | int) -> Ask[R]:
    given = urlencode({name: value for name, value in query.items() if value != ""})
    return Ask("GET", V1 + path + (f"?{given}" if given else ""), gives)


def _post(path: str, ask: msgspec.Struct | None, gives: type[R], key: str) -> Ask[R]:
    body = b"{}" if ask is None else msgspec.json.encode(ask)
    return Ask("POST", V1 + path, gives, body, {**JSON, KEY: key or str(uuid.uuid4())})
