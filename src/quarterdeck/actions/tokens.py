"""Access tokens: made, listed, rotated, revoked, and checked at every request of a program."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput, Conflict, NotFound, Retry
from quarterdeck.base.supervise import Life
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.principal import SCOPES, Principal, Recall, Scope
from quarterdeck.store import tokens
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, Riding, nothing_rides, operation
from quarterdeck.store.tokens import TokenRow

PREFIX = "qd_"
SECRET_BYTES = 32  # 43 characters
LENGTH = len(PREFIX) + 43
NAME_LENGTH = 100
OVERLAP_SECONDS = 86_400.0  # how long both texts of a rotated token hold, unless somebody says otherwise
OVERLAP_MOST = 30 * 86_400.0
USED_SECONDS = 60.0  # between two writes of when tokens were used last


class NewToken(msgspec.Struct, frozen=True):
    """A token as it is shown once; times are Unix seconds. `expires_at` None: never.

    After a rotation the text before it holds until `previous_until`.
    """

    id: str
    token: str
    scopes: tuple[Scope, ...]
    expires_at: float | None
    previous_until: float | None = None

    def __repr__(self) -> str:
        return f"NewToken({self.id})"


class Token(msgspec.Struct, frozen=True):
    """A token as it is listed; `state` is active, rotating, expired or revoked. Times are Unix seconds.

    `rotating`: it is active, and so is its text before the newest rotation, until `previous_until`. `used_at` is
    exact to a minute, None for a token that was never used.
    """

    id: str
    name: str
    state: str
    scopes: tuple[Scope, ...]
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    rotated_at: float | None
    previous_until: float | None
    used_at: float | None


class Tokens:
    """The use cases of access tokens. Using one writes nothing at once; `run` writes later when it was."""

    def __init__(self, store: Store, auditor: Auditor, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._store = store
        self._auditor = auditor
        self._clock = clock
        self._new_id = new_id
        self._recall = Recall(clock)
        self._used: dict[str, float] = {}  # not yet written; at most one entry for each token that there is

    async def run(self, life: Life) -> None:
        """Write every minute, and at the end, which tokens were used. See base.supervise.Service."""
        life.ready()
        while not life.stopping.is_set():
            try:
                async with asyncio.timeout(USED_SECONDS):
                    await life.stopping.wait()
            except TimeoutError:
                pass  # the minute is over
            await self.write_used()

    async def write_used(self) -> None:
        """Write when tokens were used since the last time; while the store takes nothing, later."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._store.commit(operation("token", tokens.used(used)))
        except Retry:
            self._used = used | self._used

    async def create(
        self,
        name: str,
        scopes: Sequence[str],
        expires_seconds: float | None,
        actor: Actor,
        riding: Riding[NewToken] = nothing_rides,
    ) -> NewToken:
        """Make a token; its text is given out here and never again. Raises BadInput."""
        if not 1 <= len(name.strip()) <= NAME_LENGTH:
            raise BadInput("name", f"has {len(name)} characters", f"Write 1 to {NAME_LENGTH}.")
        held = _scopes(scopes)
        if not held:
            raise BadInput("scopes", "there is none", f"Name at least one of {', '.join(SCOPES)}.")
        now = self._clock.now()
        expires_at = _expiry(now, expires_seconds)
        token, token_id = _text(), self._new_id("tok")
        row = TokenRow(token_id, name.strip(), _hash(token), " ".join(held), now, expires_at, None)
        content = msgspec.json.encode({"name": row.name, "scopes": held, "expires_at": expires_at})
        record = self._auditor.record(
            "change.token.created", actor, Subject(resource=token_id), outcome="done", content=content
        )
        made = NewToken(token_id, token, held, expires_at)
        await self._store.commit(operation("token", tokens.insert(row), record, riding(made)))
        return made

    async def rotate(
        self,
        token_id: str,
        overlap_seconds: float,
        expires_seconds: float | None,
        actor: Actor,
        riding: Riding[NewToken] = nothing_rides,
    ) -> NewToken:
        """Give a token a new text; the one before holds for `overlap_seconds` more, an even older one no longer.

        It stays the same asker: its conversations are still its own. Without `expires_seconds` it expires when it
        would have. Raises NotFound, BadInput, Conflict when it has ended or was just rotated.
        """
        if not 0 <= overlap_seconds <= OVERLAP_MOST:
            raise BadInput("overlap_seconds", f"is not within 0 and {OVERLAP_MOST:.0f}", "Write a shorter time.")
        row, now = await self._row(token_id), self._clock.now()
        if (state := _state(row, now)) not in ("active", "rotating"):
            raise Conflict(f"{token_id} is {state}; make another token")
        expires_at = row.expires_at if expires_seconds is None else _expiry(now, expires_seconds)
        until = min(now + overlap_seconds, row.expires_at or now + overlap_seconds)
        made = NewToken(row.id, _text(), _scopes(row.scopes.split()), expires_at, until)
        content = msgspec.json.encode({"previous_until": until, "expires_at": expires_at})
        record = self._auditor.record(
            "change.token.rotated", actor, Subject(resource=row.id), outcome="done", content=content
        )
        change = tokens.rotate(row, _hash(made.token), until, expires_at, now)
        try:
            await self._store.commit(operation("token", change, record, riding(made)))
        except ExpectationFailed as error:
            if error.statement != "tokens.rotate":
                raise
            raise Conflict(f"{token_id} was rotated or revoked at the same moment") from error
        self._recall.forget()
        return made

    async def verify(self, token: str) -> Principal | None:
        """Whose token this is; None when it is unknown, expired, revoked, or its text was replaced long enough ago."""
        if not token.startswith(PREFIX) or len(token) != LENGTH:
            return None
        digest, now = _hash(token), self._clock.now()
        principal = self._recall.get(digest) or await self._read(digest, now)
        if principal is not None:
            self._used[principal.id] = now
        return principal

    async def _read(self, digest: bytes, now: float) -> Principal | None:
        generation = self._recall.generation
        row = await tokens.by_hash(self._store, digest)
        if row is None or _state(row, now) not in ("active", "rotating"):
            return None
        ends = row.expires_at
        if not hmac.compare_digest(row.hash, digest):
            ends = row.previous_until or 0.0  # never later than it expires
            if not hmac.compare_digest(row.previous_hash or b"", digest) or now >= ends:
                return None
        principal = Principal(row.id, "token", row.name, frozenset(_scopes(row.scopes.split())))
        self._recall.put(digest, principal, ends, generation)
        return principal

    async def list(self, limit: int, before: str = "") -> Sequence[Token]:
        """Tokens, newest first, behind id `before`."""
        now = self._clock.now()
        return [
            Token(
                row.id, row.name, _state(row, now), _scopes(row.scopes.split()),
                row.created_at, row.expires_at, row.revoked_at, row.rotated_at, row.previous_until,
                self._used.get(row.id, row.used_at),
            )
            for row in await tokens.listed(self._store, limit, before)
        ]  # fmt: skip

    async def revoke(self, token_id: str, actor: Actor) -> None:
        """End a token; one that was ended before stays so. Raises NotFound."""
        row = await self._row(token_id)
        if row.revoked_at is not None:
            return
        record = self._auditor.record("change.token.revoked", actor, Subject(resource=token_id), outcome="done")
        await self._store.commit(operation("token", tokens.revoke(token_id, self._clock.now()), record))
        self._recall.forget()

    async def _row(self, token_id: str) -> TokenRow:
        row = await tokens.get(self._store, token_id)
        if row is None:
            raise NotFound(f"there is no token {token_id}")
        return row


def _text() -> str:
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def _expiry(now: float, seconds: float | None) -> float | None:
    if seconds is not None and seconds <= 0:
        raise BadInput("expires_seconds", "is not positive", "Write seconds from now, or leave it out.")
    return None if seconds is None else now + seconds


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _state(row: TokenRow, now: float) -> str:
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is not None and now >= row.expires_at:
        return "expired"
    return "rotating" if row.previous_until is not None and now < row.previous_until else "active"


def _scopes(names: Sequence[str]) -> tuple[Scope, ...]:
    """Known scopes in their order, each once. Raises BadInput for another name."""
    unknown = [name for name in names if name not in SCOPES]
    if unknown:
        raise BadInput("scopes", f"{unknown[0]!r} is no scope", f"Name some of {', '.join(SCOPES)}.")
    return tuple(scope for scope in SCOPES if scope in names)
