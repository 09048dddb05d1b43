"""Signing in and out, and access tokens."""

from collections import OrderedDict, deque
from functools import partial

from starlette.responses import Response

from quarterdeck.actions.signin import BROWSER_SECONDS
from quarterdeck.actions.tokens import NewToken
from quarterdeck.api import asked, shown
from quarterdeck.api.auth import COOKIE, Authenticator
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.api.problems import TooMany
from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import NotAllowed
from quarterdeck.store.operations import Statement

FAILURES = 5
FAILURE_SECONDS = 60.0
ADDRESSES = 1_000


class Failures:
    """Who guessed wrong lately; bounded in addresses and in guesses of each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raises TooMany when this address has guessed wrong too often within the last minute."""
        times = self._times.get(address, deque())
        if len(times) == FAILURES and self._clock.monotonic() - times[0] < FAILURE_SECONDS:
            left = FAILURE_SECONDS - (self._clock.monotonic() - times[0])
            raise TooMany("too many wrong sign-in codes came from this address", left)

    def add(self, address: str) -> None:
        """It guessed wrong."""
        self._times.setdefault(address, deque(maxlen=FAILURES)).append(self._clock.monotonic())
        self._times.move_to_end(address)
        if len(self._times) > ADDRESSES:
            self._times.popitem(last=False)


class AccessDoor:
    """Proofs of who is asking: made and ended."""

    def __init__(self, doors: Doors, authenticator: Authenticator) -> None:
        self._doors = doors
        self._authenticator = authenticator
        self._failures = Failures(doors.clock)

    async def sign_in(self, call: Call, ask: asked.CodeAsk) -> Response:
        """POST /api/v1/signin: a code becomes a cookie."""
        address = call.request.client.host if call.request.client else ""
        self._failures.check(address)
        self._authenticator.check_origin(call.request)
        try:
            cookie = await self._doors.signin.exchange(ask.code)
        except NotAllowed:
            self._failures.add(address)
            self._doors.log.warning("signin.refused")
            raise
        response = Response(None, 204, {"cache-control": "no-store"})
        response.set_cookie(COOKIE, cookie, int(BROWSER_SECONDS), secure=self._https, httponly=True, samesite="strict")
        return response

    async def sign_out(self, call: Call, ask: Nothing) -> Response:
        """POST /api/v1/signout."""
        if call.principal.kind == "browser":
            await self._doors.signin.end(call.request.cookies.get(COOKIE, ""))
        response = Response(None, 204, {"cache-control": "no-store"})
        response.delete_cookie(COOKIE, secure=self._https, httponly=True, samesite="strict")
        return response

    async def list_tokens(self, call: Call, ask: asked.Paged) -> shown.Page[shown.Token]:
        """GET /api/v1/tokens."""
        found = [
            shown.Token(
                one.id, one.state, one.name, list(one.scopes),
                shown.moment(one.created_at), shown.moment_or_none(one.expires_at),
                shown.moment_or_none(one.rotated_at), shown.moment_or_none(one.previous_until),
                shown.moment_or_none(one.used_at),
            )
            for one in await self._doors.tokens.list(ask.limit, ask.cursor)
        ]  # fmt: skip
        return shown.Page(found, found[-1].id if len(found) == ask.limit else None)

    async def create_token(self, call: Call, ask: asked.TokenAsk) -> shown.NewToken:
        """POST /api/v1/tokens."""
        riding = partial(_kept, call)
        actor = call.principal.actor
        return _made(await self._doors.tokens.create(ask.name, ask.scopes, ask.expires_seconds, actor, riding))

    async def rotate_token(self, call: Call, ask: asked.RotateAsk) -> shown.NewToken:
        """POST /api/v1/tokens/{id}/rotate."""
        overlap, expires, riding = ask.overlap_seconds, ask.expires_seconds, partial(_kept, call)
        return _made(await self._doors.tokens.rotate(call.path("id"), overlap, expires, call.principal.actor, riding))

    async def revoke_token(self, call: Call, ask: Nothing) -> None:
        """DELETE /api/v1/tokens/{id}."""
        await self._doors.tokens.revoke(call.path("id"), call.principal.actor)

    @property
    def _https(self) -> bool:
        return self._doors.public_url.startswith("https://")


def _made(new: NewToken) -> shown.NewToken:
    return shown.NewToken(
        new.id, new.token, list(new.scopes),
        shown.moment_or_none(new.expires_at), shown.moment_or_none(new.previous_until),
    )  # fmt: skip


def _kept(call: Call, new: NewToken) -> list[Statement]:
    return call.keep(_made(new))
