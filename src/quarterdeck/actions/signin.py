"""Signing in with a browser: a code that works once and for ten minutes becomes a cookie that lasts 30 days."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import NotAllowed, NotFound
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.principal import OWNER, Principal, Recall
from quarterdeck.store import tokens
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, operation

CODE_SECONDS = 600.0
CODE_BYTES = 16
BROWSER_SECONDS = 30 * 86_400.0
COOKIE_BYTES = 32
COOKIE_LENGTH = 43
SHOWN = 500  # browsers that people can look at
KEPT_SECONDS = 86_400.0  # how long a code that ran out stays to be looked at


class Code(msgspec.Struct, frozen=True):
    """A sign-in code as it is shown once; `expires_at` is Unix seconds."""

    code: str
    expires_at: float

    def __repr__(self) -> str:
        return f"Code(expires_at={self.expires_at})"


class Browser(msgspec.Struct, frozen=True):
    """A browser that is signed in; times are Unix seconds. `id` tells it apart and proves nothing."""

    id: str
    created_at: float
    expires_at: float


class Signin:
    """The use cases of signing in and out. Using a cookie writes nothing."""

    def __init__(self, store: Store, auditor: Auditor, clock: Clock) -> None:
        self._store = store
        self._auditor = auditor
        self._clock = clock
        self._recall = Recall(clock)

    async def make_code(self, actor: Actor) -> Code:
        """Make a code; whoever has it may sign in, once."""
        now = self._clock.now()
        code = Code(secrets.token_urlsafe(CODE_BYTES), now + CODE_SECONDS)
        await self._store.commit(
            operation(
                "signin",
                tokens.drop_codes(now - KEPT_SECONDS),
                tokens.insert_code(_hash(code.code), now, code.expires_at),
                self._auditor.record("change.signin.code", actor, Subject(resource="signin"), outcome="done"),
            )
        )
        return code

    async def exchange(self, code: str) -> str:
        """The cookie's value for a code. Raises NotAllowed when it is wrong, used or too old."""
        now, cookie = self._clock.now(), secrets.token_urlsafe(COOKIE_BYTES)
        record = self._auditor.record(
            "change.signin.browser", OWNER.actor, Subject(resource="signin"), outcome="signed_in"
        )
        try:
            await self._store.commit(
                operation(
                    "signin",
                    tokens.use_code(_hash(code), now),
                    tokens.insert_browser(_hash(cookie), now, now + BROWSER_SECONDS),
                    record,
                )
            )
        except ExpectationFailed as error:
            if error.statement != "signin_codes.use":
                raise
            raise NotAllowed(
                "signin.code", "the sign-in code is wrong, used or too old", "Run `quarterdeck signin` for a new link."
            ) from error
        return cookie

    async def check(self, cookie: str) -> Principal | None:
        """Whose cookie this is; None when it is unknown, too old or ended."""
        if len(cookie) != COOKIE_LENGTH:
            return None
        digest = _hash(cookie)
        if (known := self._recall.get(digest)) is not None:
            return known
        generation = self._recall.generation
        row = await tokens.browser(self._store, digest)
        if row is None or not hmac.compare_digest(row.hash, digest):
            return None
        if row.ended_at is not None or self._clock.now() >= row.expires_at:
            return None
        self._recall.put(digest, OWNER, row.expires_at, generation)
        return OWNER

    async def end(self, cookie: str) -> None:
        """Sign a browser out; a cookie that is worth nothing stays so."""
        if await self.check(cookie) is None:
            return
        record = self._auditor.record(
            "change.signin.browser", OWNER.actor, Subject(resource="signin"), outcome="signed_out"
        )
        await self._store.commit(operation("signin", tokens.end_browser(_hash(cookie), self._clock.now()), record))
        self._recall.forget()

    async def browsers(self) -> Sequence[Browser]:
        """The browsers that are signed in, newest first."""
        rows = await tokens.browsers(self._store, self._clock.now(), SHOWN)
        return [Browser(_name(row.hash), row.created_at, row.expires_at) for row in rows]

    async def end_browser(self, browser_id: str, actor: Actor) -> None:
        """Sign a browser out from elsewhere. Raises NotFound when none with this id is signed in."""
        now = self._clock.now()
        rows = await tokens.browsers(self._store, now, SHOWN)
        found = next((row.hash for row in rows if _name(row.hash) == browser_id), None)
        if found is None:
            raise NotFound(f"no browser {browser_id} is signed in")
        about = Subject(resource=browser_id)
        record = self._auditor.record("change.signin.browser", actor, about, outcome="signed_out")
        await self._store.commit(operation("signin", tokens.end_browser(found, now), record))
        self._recall.forget()


def browser_of(cookie: str) -> str:
    """The id of the browser with this cookie."""
    return _name(_hash(cookie))


def _name(digest: bytes) -> str:
    return f"brw_{digest[:12].hex()}"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
