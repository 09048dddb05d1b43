"""Access tokens: made, listed, revoked, and checked at every request of a program."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput, NotFound
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.principal import SCOPES, Principal, Recall, Scope
from quarterdeck.store import tokens
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation
from quarterdeck.store.tokens import TokenRow

PREFIX = "qd_"
SECRET_BYTES = 32  # 43 characters
LENGTH = len(PREFIX) + 43
NAME_LENGTH = 100


class NewToken(msgspec.Struct, frozen=True):
    """A token as it is shown once. `expires_at` is Unix seconds, None for never."""

    id: str
    token: str
    scopes: tuple[Scope, ...]
    expires_at: float | None

    def __repr__(self) -> str:
        return f"NewToken({self.id})"


class Token(msgspec.Struct, frozen=True):
    """A token as it is listed; `state` is active, expired or revoked. Times are Unix seconds."""

    id: str
    name: str
    state: str
    scopes: tuple[Scope, ...]
    created_at: float
    expires_at: float | None
    revoked_at: float | None


class Tokens:
    """The use cases of access tokens. Using one writes nothing."""

    def __init__(self, store: Store, auditor: Auditor, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._store = store
        self._auditor = auditor
        self._clock = clock
        self._new_id = new_id
        self._recall = Recall(clock)

    async def create(self, name: str, scopes: Sequence[str], expires_seconds: float | None, actor: Actor) -> NewToken:
        """Make a token; its text is given out here and never again. Raises BadInput."""
        if not 1 <= len(name.strip()) <= NAME_LENGTH:
            raise BadInput("name", f"has {len(name)} characters", f"Write 1 to {NAME_LENGTH}.")
        held = _scopes(scopes)
        if not held:
            raise BadInput("scopes", "there is none", f"Name at least one of {', '.join(SCOPES)}.")
        if expires_seconds is not None and expires_seconds <= 0:
            raise BadInput("expires_seconds", "is not positive", "Write seconds from now, or leave it out.")
        now = self._clock.now()
        expires_at = None if expires_seconds is None else now + expires_seconds
        token, token_id = PREFIX + secrets.token_urlsafe(SECRET_BYTES), self._new_id("tok")
        row = TokenRow(token_id, name.strip(), _hash(token), " ".join(held), now, expires_at, None)
        content = msgspec.json.encode({"name": row.name, "scopes": held, "expires_at": expires_at})
        record = self._auditor.record(
            "change.token.created", actor, Subject(resource=token_id), outcome="done", content=content
        )
        await self._store.commit(operation("token", tokens.insert(row), record))
        return NewToken(token_id, token, held, expires_at)

    async def verify(self, token: str) -> Principal | None:
        """Whose token this is; None when it is unknown, expired or revoked."""
        if not token.startswith(PREFIX) or len(token) != LENGTH:
            return None
        digest = _hash(token)
        if (known := self._recall.get(digest)) is not None:
            return known
        generation = self._recall.generation
        row = await tokens.by_hash(self._store, digest)
        if row is None or not hmac.compare_digest(row.hash, digest) or _state(row, self._clock.now()) != "active":
            return None
        principal = Principal(row.id, "token", row.name, frozenset(_scopes(row.scopes.split())))
        self._recall.put(digest, principal, row.expires_at, generation)
        return principal

    async def list(self, limit: int, before: str = "") -> Sequence[Token]:
        """Tokens, newest first, behind id `before`."""
        now = self._clock.now()
        return [
            Token(
                row.id, row.name, _state(row, now), _scopes(row.scopes.split()),
                row.created_at, row.expires_at, row.revoked_at,
            )
            for row in await tokens.listed(self._store, limit, before)
        ]  # fmt: skip

    async def revoke(self, token_id: str, actor: Actor) -> None:
        """End a token; one that was ended before stays so. Raises NotFound."""
        row = await tokens.get(self._store, token_id)
        if row is None:
            raise NotFound(f"there is no token {token_id}")
        if row.revoked_at is not None:
            return
        record = self._auditor.record("change.token.revoked", actor, Subject(resource=token_id), outcome="done")
        await self._store.commit(operation("token", tokens.revoke(token_id, self._clock.now()), record))
        self._recall.forget()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _state(row: TokenRow, now: float) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and now >= row.expires_at else "active"


def _scopes(names: Sequence[str]) -> tuple[Scope, ...]:
    """Known scopes in their order, each once. Raises BadInput for another name."""
    unknown = [name for name in names if name not in SCOPES]
    if unknown:
        raise BadInput("scopes", f"{unknown[0]!r} is no scope", f"Name some of {', '.join(SCOPES)}.")
    return tuple(scope for scope in SCOPES if scope in names)
