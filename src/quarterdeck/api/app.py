"""The application: the route table served, behind the checks that hold for every request."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute

from quarterdeck.api import problems
from quarterdeck.api.access import AccessDoor
from quarterdeck.api.alerts import AlertsDoor
from quarterdeck.api.assistants import AssistantsDoor
from quarterdeck.api.audit import AuditDoor
from quarterdeck.api.auth import Authenticator
from quarterdeck.api.connections import ConnectionsDoor
from quarterdeck.api.cors import Cors
from quarterdeck.api.description import OpenAPIDoor
from quarterdeck.api.doors import Doors
from quarterdeck.api.events import EventsDoor
from quarterdeck.api.feed import Feed
from quarterdeck.api.files import FilesDoor
from quarterdeck.api.guard import SECURITY_HEADERS, HostCheck, SecurityHeaders, own_hosts
from quarterdeck.api.keeping import Keeper
from quarterdeck.api.limits import RateLimits
from quarterdeck.api.me import MeDoor
from quarterdeck.api.openai.door import OpenAIDoor
from quarterdeck.api.openai.embeddings import EmbeddingsDoor
from quarterdeck.api.openai.responses.door import ResponsesDoor
from quarterdeck.api.past import PastDoor
from quarterdeck.api.people import PeopleDoor
from quarterdeck.api.replicas import ReplicasDoor
from quarterdeck.api.route import Gate, Route, served
from quarterdeck.api.routes import Handlers, table
from quarterdeck.api.sessions import SessionsDoor
from quarterdeck.api.settings import SettingsDoor
from quarterdeck.api.streams import Streams
from quarterdeck.api.usage import UsageDoor
from quarterdeck.api.webhooks import WebhooksDoor
from quarterdeck.api.websocket import SOCKET, SocketDoor
from quarterdeck.api.work import WorkDoor
from quarterdeck.api.workspaces import WorkspacesDoor
from quarterdeck.base.errors import QuarterdeckError


class Application(Starlette):
    """The doors. `table` is what is served; `streams.close()` lets open streams end."""

    table: tuple[Route, ...]
    streams: Streams


def build(doors: Doors) -> Application:
    """Build the doors over the running parts."""
    authenticator = Authenticator(doors.tokens, doors.signin, doors.public_url)
    streams, routes = Streams(doors.live), list[Route]()
    sessions, feed = SessionsDoor(doors), Feed(doors.store, streams)
    handlers = Handlers(
        me=MeDoor(doors),
        access=AccessDoor(doors, authenticator),
        sessions=sessions,
        events=EventsDoor(sessions, feed),
        files=FilesDoor(doors),
        past=PastDoor(doors, sessions),
        people=PeopleDoor(doors),
        work=WorkDoor(doors),
        usage=UsageDoor(doors),
        connections=ConnectionsDoor(doors),
        assistants=AssistantsDoor(doors),
        alerts=AlertsDoor(doors),
        replicas=ReplicasDoor(doors),
        workspaces=WorkspacesDoor(doors),
        audit=AuditDoor(doors),
        settings=SettingsDoor(doors),
        openai=OpenAIDoor(doors, streams),
        embeddings=EmbeddingsDoor(doors),
        responses=ResponsesDoor(doors, streams),
        webhooks=WebhooksDoor(doors),
        openapi=OpenAPIDoor(routes, doors.version, doors.public_url),
    )
    routes.extend(table(handlers))
    server = doors.config.server
    limits = RateLimits(server.requests_per_minute, doors.clock, doors.gateways)
    gate = Gate(authenticator, limits, Keeper(doors.store, doors.clock))

    talk = SocketDoor(sessions, feed, streams, authenticator, gate.limits, server.cors_origins)

    async def failed(request: Request, error: Exception) -> Response:
        if problems.status_of(error) == 500:
            doors.log.error("http.failed", path=request.url.path, exc_info=error)
        response = problems.answer(request, error)
        for name, text in SECURITY_HEADERS.items():  # what nobody expected is answered outside of the middleware
            response.headers.setdefault(name, text)
        return response

    app = Application(
        routes=[*served(routes, gate), WebSocketRoute(SOCKET, talk.endpoint), *doors.web_routes],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(HostCheck, own_hosts(server.host, doors.public_url)),
            Middleware(Cors, server.cors_origins),
        ],
        exception_handlers={QuarterdeckError: failed, HTTPException: failed, Exception: failed},
    )
    app.table, app.streams = tuple(routes), streams
    return app
