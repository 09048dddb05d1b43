"""`/api/v1/ws`: the events of several sessions over one WebSocket (RFC 6455), each from a cursor.

What a client says is JSON with `do`, what it is told is JSON with `kind`; `feed` names the subscription (a session,
or empty for all). The proof of who asks is a header, our own page's cookie, or the first message; never the address.
Nothing piles up here: events are read from the store when the ones before are written. A client that does not take
them is closed with SLOW, and goes on from its cursor.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing

import msgspec
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from quarterdeck.api import problems
from quarterdeck.api.auth import Authenticator
from quarterdeck.api.feed import Committed, Feed, Happened, data
from quarterdeck.api.limits import RateLimits
from quarterdeck.api.sessions import SessionsDoor
from quarterdeck.api.streams import Streams
from quarterdeck.base.errors import BadInput, NotAllowed, QuarterdeckError
from quarterdeck.flow.live import Piece
from quarterdeck.governance.principal import Principal

SOCKET = "/api/v1/ws"
MALFORMED, NOT_SIGNED_IN, SLOW, RESTART = 4400, 4401, 4408, 1012
SIGN_IN_SECONDS = 10.0
SLOW_SECONDS = 10.0  # in which one message must find room on its way
CLOSE_SECONDS = 30.0  # in which whoever is slow may still read on, and find the reason
CHECK_SECONDS = 5.0  # after which an ended token or sign-in is noticed
SUBSCRIPTIONS = 50
RECONNECT_SECONDS = 1

Check = Callable[[], Awaitable[Principal | None]]


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="sign_in"):
    """Who is asking, where no header says it; only as the first message."""

    token: str


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="subscribe"):
    """Tell what happens in a session (empty: in all), behind a cursor; `now`: only what comes."""

    session: str = ""
    cursor: str = ""


class Unsubscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="unsubscribe"):
    """No longer."""

    session: str = ""


class Told(msgspec.Struct, frozen=True):
    """What a client is told: an event, `delta`, signed_in, subscribed, unsubscribed, refused (a problem) or bye."""

    kind: str
    feed: str = ""
    cursor: str = ""
    data: object = None


_wishes = msgspec.json.Decoder(SignIn | Subscribe | Unsubscribe)


class SocketDoor:
    """Lets clients in."""

    def __init__(
        self,
        sessions: SessionsDoor,
        feed: Feed,
        streams: Streams,
        authenticator: Authenticator,
        limits: RateLimits,
        origins: Collection[str],
    ) -> None:
        self._sessions = sessions
        self._feed = feed
        self._streams = streams
        self._authenticator = authenticator
        self._limits = limits
        self._origins = origins

    async def endpoint(self, socket: WebSocket) -> None:
        """One connection, from its handshake to its end."""
        try:
            check = await self._check(socket)
            principal = await check() if check else None
            if check and principal is None:
                raise problems.NotSignedIn("there is no valid access token or sign-in")
            self._admit(principal)
        except QuarterdeckError as error:
            problem = problems.problem_of(error)
            body = msgspec.json.encode(problem)
            await socket.send_denial_response(Response(body, problem.status, media_type="application/problem+json"))
            return
        await socket.accept()
        await _Connection(self, socket, check, principal).serve()

    async def _check(self, socket: WebSocket) -> Check | None:
        """How to find out who asks, now and later; None when the first message says it. Raises NotAllowed."""
        own = self._authenticator.is_own_page(socket)
        if "origin" in socket.headers and not own and socket.headers["origin"] not in self._origins:
            raise NotAllowed("origin", "another site's page asks", "Name it in server.cors_origins.")
        if "authorization" not in socket.headers and not (own and socket.cookies):
            return None
        return lambda: self._authenticator.who(socket, cookies=own)

    def signing_in(self, token: str) -> Check:
        """The same for a token in the first message."""
        return lambda: self._authenticator.bearer(token)

    def _admit(self, principal: Principal | None) -> None:
        if principal is not None:
            self.count(principal)

    def count(self, principal: Principal) -> None:
        """One more request of an asker, who may hear something. Raises NotAllowed, TooMany."""
        if not principal.may("read", "chat"):
            raise NotAllowed("scope", "this needs the scope read or chat", "Use an access token that has it.")
        self._limits.take(principal.id)

    async def start(self, principal: Principal, ask: Subscribe) -> int:
        """Where a subscription begins. Raises NotAllowed, NotFound, BadInput, TooMany."""
        self.count(principal)
        if not ask.session and not principal.may("read"):
            raise NotAllowed("scope", "all sessions need the scope read", "Subscribe to sessions of your own.")
        head = (await self._sessions.visible_to(principal, ask.session)).head if ask.session else 0
        return await self._feed.start(ask.session, head, ask.cursor)

    @property
    def feed(self) -> Feed:
        """What subscriptions follow."""
        return self._feed

    async def stopped(self) -> None:
        """Wait until the process stops."""
        await self._streams.closed.wait()


class _Connection:
    """One client that was let in."""

    def __init__(self, door: SocketDoor, socket: WebSocket, check: Check | None, principal: Principal | None) -> None:
        self._door = door
        self._socket = socket
        self._check = check
        self._principal = principal
        self._feeds: dict[str, asyncio.Task[None]] = {}
        self._end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Until the client leaves, or has to."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in (self._listen(group), self._goodbye(), self._look())]
            code, reason = await self._end
            for task in (*tasks, *self._feeds.values()):
                task.cancel()
        if code:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._socket.close(code, reason)
            except (TimeoutError, WebSocketDisconnect):
                return  # it reads nothing any more: the connection just ends

    def _finish(self, code: int = 0, reason: str = "") -> None:
        if not self._end.done():
            self._end.set_result((code, reason))

    async def _tell(self, told: Told) -> None:
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await self._socket.send_text(msgspec.json.encode(told).decode())
        except TimeoutError:
            self._finish(SLOW, "too slow; subscribe again behind the newest cursor")
        except WebSocketDisconnect:
            self._finish()

    # --- what it says -----------------------------------------------------------------------------------------

    async def _listen(self, group: asyncio.TaskGroup) -> None:
        try:
            if self._principal is None:
                async with asyncio.timeout(SIGN_IN_SECONDS):
                    await self._sign_in(_wishes.decode(await self._socket.receive_text()))
            while not self._end.done():
                await self._obey(_wishes.decode(await self._socket.receive_text()), group)
        except WebSocketDisconnect:
            self._finish()
        except TimeoutError:
            self._finish(NOT_SIGNED_IN, "nobody said who is asking")
        except (msgspec.DecodeError, KeyError) as error:  # KeyError: bytes, not text
            self._finish(MALFORMED, f"not understood: {error}"[:120])

    async def _sign_in(self, said: SignIn | Subscribe | Unsubscribe) -> None:
        if isinstance(said, SignIn):
            self._check = self._door.signing_in(said.token)
            self._principal = await self._check()
        if self._principal is None:
            self._finish(NOT_SIGNED_IN, "the first message must sign in with a valid access token")
            return
        try:
            self._door.count(self._principal)
        except QuarterdeckError as error:
            self._finish(NOT_SIGNED_IN, str(error)[:120])
            return
        await self._tell(Told("signed_in", data={"principal": self._principal.id}))

    async def _obey(self, said: SignIn | Subscribe | Unsubscribe, group: asyncio.TaskGroup) -> None:
        match said:
            case Subscribe():
                await self._subscribe(said, group)
            case Unsubscribe():
                if (task := self._feeds.pop(said.session, None)) is not None:
                    task.cancel()
                await self._tell(Told("unsubscribed", said.session))
            case SignIn():
                self._finish(MALFORMED, "signing in comes first, and once")

    async def _subscribe(self, ask: Subscribe, group: asyncio.TaskGroup) -> None:
        assert self._principal is not None  # nobody is listened to before
        try:
            if ask.session not in self._feeds and len(self._feeds) >= SUBSCRIPTIONS:
                raise BadInput(
                    "session", f"there are {SUBSCRIPTIONS} subscriptions", "Unsubscribe, or subscribe to all."
                )
            cursor = await self._door.start(self._principal, ask)
        except QuarterdeckError as error:
            await self._tell(Told("refused", ask.session, data=problems.problem_of(error)))
            return
        if (before := self._feeds.pop(ask.session, None)) is not None:
            before.cancel()
        await self._tell(Told("subscribed", ask.session, str(cursor)))
        self._feeds[ask.session] = group.create_task(self._follow(ask.session, cursor))

    # --- what it is told --------------------------------------------------------------------------------------

    async def _follow(self, session: str, cursor: int) -> None:
        try:
            async with aclosing(self._door.feed.follow(session, cursor)) as found:
                async for happened in found:
                    if (told := _told(session, happened)) is not None:
                        await self._tell(told)
                    if self._end.done():
                        return
        except QuarterdeckError as error:
            await self._tell(Told("refused", session, data=problems.problem_of(error)))
        if self._feeds.get(session) is asyncio.current_task():
            del self._feeds[session]

    async def _goodbye(self) -> None:
        await self._door.stopped()
        await self._tell(Told("bye", data={"reconnect_seconds": RECONNECT_SECONDS}))
        self._finish(RESTART, "the gateway stops; come back soon")

    async def _look(self) -> None:
        """A token that has ended ends what was opened with it."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if self._check is not None and await self._check() is None:
                self._finish(NOT_SIGNED_IN, "the access token or sign-in has ended")


def _told(feed: str, happened: Happened) -> Told | None:
    match happened:
        case Committed(event, cursor):
            return Told(event.kind, feed, str(cursor), data(event))
        case Piece():
            return Told("delta", feed, "", happened)
        case _:
            return None  # pings keep the connection alive; the goodbye is said once, for all feeds
