"""Every route of the HTTP doors: method, path, handler, what it takes, what it gives, which scope, what for."""

from collections.abc import Sequence
from dataclasses import dataclass

from quarterdeck.api import asked, shown
from quarterdeck.api.access import AccessDoor
from quarterdeck.api.alerts import AcknowledgeAsk, AlertsAsk, AlertsDoor, ShownAlert
from quarterdeck.api.assistants import Assistant, AssistantsDoor
from quarterdeck.api.audit import AuditAsk, AuditDoor, Entry, EntryDetail, Verification
from quarterdeck.api.call import Nothing
from quarterdeck.api.connections import Connection, ConnectionsDoor, PauseAsk, Tried
from quarterdeck.api.description import OpenAPIDoor
from quarterdeck.api.events import EventsDoor
from quarterdeck.api.files import FilesDoor
from quarterdeck.api.me import MeDoor
from quarterdeck.api.openai.door import OpenAIDoor
from quarterdeck.api.openai.embeddings import EmbeddingList, EmbeddingRequest, EmbeddingsDoor
from quarterdeck.api.openai.responses import wire as rw
from quarterdeck.api.openai.responses.door import ResponsesDoor
from quarterdeck.api.openai.wire import ChatCompletion, ChatRequest, Model, Models
from quarterdeck.api.past import ExportAsk, ForkAsk, FoundMessage, PastDoor, SearchAsk
from quarterdeck.api.people import KnownIdentity, LinkAsk, Linked, PeopleDoor, UnlinkAsk
from quarterdeck.api.problems import TooMany
from quarterdeck.api.replicas import Replica, ReplicaAsk, ReplicasDoor
from quarterdeck.api.route import Route, route
from quarterdeck.api.sessions import SessionsDoor
from quarterdeck.api.settings import Browser, Check, Configuration, SettingsDoor
from quarterdeck.api.usage import UsageDoor
from quarterdeck.api.webhooks import WebhooksDoor
from quarterdeck.api.work import WorkDoor
from quarterdeck.api.workspaces import Version, VersionText, WorkspacesDoor
from quarterdeck.base.errors import Conflict, NotAllowed, NotFound
from quarterdeck.governance.principal import Scope
from quarterdeck.store.blobs import MAX_BYTES

ANYBODY: tuple[Scope, ...] = ()
CHAT: tuple[Scope, ...] = ("chat",)
READ: tuple[Scope, ...] = ("read",)
SEEN: tuple[Scope, ...] = ("read", "chat")
CHANGE: tuple[Scope, ...] = ("chat", "operate")
OPERATE: tuple[Scope, ...] = ("operate",)
AUDIT: tuple[Scope, ...] = ("audit",)
ADMIN: tuple[Scope, ...] = ("admin",)

V1 = "/api/v1"
SESSION = "/api/v1/sessions/{id}"
EVENTS = "text/event-stream"
FILE = "application/octet-stream"
EXPORT = "application/json, text/markdown, text/html"
SHEET = "text/csv"
NAME = ("X-File-Name",)
KEY = ("Idempotency-Key",)
RESUME = ("Last-Event-ID",)
ANSWER = "application/json"
TEXTS_BYTES = 4 * 1024 * 1024  # of a request for vectors
ASK_BYTES = 24 * 1024 * 1024  # of a request that may hold files


@dataclass(frozen=True)
class Handlers:
    """Who answers."""

    me: MeDoor
    access: AccessDoor
    sessions: SessionsDoor
    events: EventsDoor
    files: FilesDoor
    past: PastDoor
    people: PeopleDoor
    work: WorkDoor
    usage: UsageDoor
    connections: ConnectionsDoor
    assistants: AssistantsDoor
    alerts: AlertsDoor
    replicas: ReplicasDoor
    workspaces: WorkspacesDoor
    audit: AuditDoor
    settings: SettingsDoor
    openai: OpenAIDoor
    embeddings: EmbeddingsDoor
    responses: ResponsesDoor
    webhooks: WebhooksDoor
    openapi: OpenAPIDoor


def table(h: Handlers) -> Sequence[Route]:
    """The routes, in the order of the reference."""
    talk = conversations(h.sessions, h.events, h.files)
    return (
        *who(h.me, h.access),
        *talk,
        *past(h.past),
        *people(h.people),
        *work(h.work, h.usage),
        *connections(h.connections),
        *assistants(h.assistants, h.workspaces),
        *alerts(h.alerts, h.replicas),
        *audit(h.audit),
        *settings(h.settings),
        *openai(h.openai, h.embeddings),
        *responses(h.responses),
        *webhooks(h.webhooks),
        *process(h.me, h.openapi),
    )


# fmt: off
def who(me: MeDoor, access: AccessDoor) -> Sequence[Route]:
    """Who asks, and what there is."""
    return (
        route("GET", f"{V1}/me", me.me, Nothing, shown.Me, CHAT,
              "Who is asking, and which assistants there are."),
        route("GET", f"{V1}/status", me.status, Nothing, shown.Status, READ,
              "The gateway as a whole."),
        route("POST", f"{V1}/signin", access.sign_in, asked.CodeAsk, None, ANYBODY,
              "Exchange a sign-in code for a browser's cookie.", status=204, raises=(NotAllowed, TooMany)),
        route("POST", f"{V1}/signout", access.sign_out, Nothing, None, SEEN,
              "End this browser's cookie.", status=204),
        route("GET", f"{V1}/tokens", access.list_tokens, asked.Paged, shown.Page[shown.Token], ADMIN,
              "Access tokens, without their text."),
        route("POST", f"{V1}/tokens", access.create_token, asked.TokenAsk, shown.NewToken, ADMIN,
              "Make an access token; its text is shown once.", status=201, keyed=True, secret=True),
        route("POST", f"{V1}/tokens/{{id}}/rotate", access.rotate_token, asked.RotateAsk, shown.NewToken, ADMIN,
              "Give an access token a new text; the one before holds for a while.", keyed=True, secret=True,
              raises=(Conflict,)),
        route("DELETE", f"{V1}/tokens/{{id}}", access.revoke_token, Nothing, None, ADMIN,
              "End an access token.", status=204),
    )


def conversations(sessions: SessionsDoor, events: EventsDoor, files: FilesDoor) -> Sequence[Route]:
    """What is said."""
    return (
        route("GET", f"{V1}/sessions", sessions.list_sessions, asked.SessionsAsk, shown.Page[shown.Session], READ,
              "Conversations, by newest activity."),
        route("POST", f"{V1}/sessions", sessions.begin_session, asked.NewSessionAsk, shown.Session, CHAT,
              "Begin a conversation.", status=201, keyed=True, raises=(NotFound,)),
        route("GET", SESSION, sessions.get_session, Nothing, shown.Session, READ,
              "One conversation.", tagged=True),
        route("PATCH", SESSION, sessions.change_session, asked.SessionChange, shown.Session, CHANGE,
              "Another title or model for a conversation.", tagged=True, guarded=True),
        route("GET", f"{SESSION}/messages", sessions.list_messages, asked.MessagesAsk, shown.Page[shown.Message], READ,
              "Its messages: the newest page, oldest first in it."),
        route("POST", f"{SESSION}/messages", sessions.write_message, asked.MessageAsk, shown.Receipt, CHAT,
              "Write a message; the answer comes as events.", status=202, headers=KEY, raises=(Conflict,)),
        route("POST", f"{SESSION}/stop", sessions.stop_session, Nothing, shown.Receipt, CHAT,
              "Stop the running turn and drop what waits.", status=202, headers=KEY),
        route("POST", f"{SESSION}/reset", sessions.reset_session, Nothing, shown.Receipt, CHAT,
              "Start anew: the model sees nothing of before.", status=202, headers=KEY),
        route("GET", f"{SESSION}/events", events.session_events, asked.EventsAsk, EVENTS, SEEN,
              "What happens in a conversation, as server-sent events.", headers=RESUME),
        route("GET", f"{V1}/events", events.all_events, asked.EventsAsk, EVENTS, READ,
              "What happens in all conversations.", headers=RESUME),
        route("POST", f"{V1}/blobs", files.upload_blob, Nothing, shown.Upload, CHAT,
              "Hand in a file, to be named in a message.", status=201, headers=NAME, media=FILE, seconds=300.0,
              body=MAX_BYTES, keyed=True),
        route("GET", f"{V1}/blobs/{{digest}}", files.download_blob, Nothing, FILE, READ,
              "A file, as a download."),
    )


def past(past: PastDoor) -> Sequence[Route]:
    """What was said."""
    return (
        route("GET", f"{V1}/search", past.search, SearchAsk, shown.Page[FoundMessage], READ,
              "Messages that hold all words, newest first."),
        route("GET", f"{SESSION}/export", past.export_session, ExportAsk, EXPORT, READ,
              "Everything stored of a conversation, as a download."),
        route("POST", f"{SESSION}/fork", past.fork_session, ForkAsk, shown.Session, CHAT,
              "Begin a conversation of one's own with a copy of another one's history.", status=201, seconds=300.0,
              keyed=True),
    )


def people(people: PeopleDoor) -> Sequence[Route]:
    """Who is who."""
    return (
        route("GET", f"{V1}/people", people.list_people, asked.Paged, shown.Page[KnownIdentity], READ,
              "Identities, and the persons that they belong to."),
        route("POST", f"{V1}/people/link", people.link_people, LinkAsk, Linked, OPERATE,
              "Two identities are one person: they share their direct conversations from now on.", keyed=True,
              raises=(NotFound, Conflict)),
        route("POST", f"{V1}/people/unlink", people.unlink_people, UnlinkAsk, Linked, OPERATE,
              "An identity is a person of its own again, with a new conversation.", keyed=True,
              raises=(NotFound, Conflict)),
    )


def work(work: WorkDoor, usage: UsageDoor) -> Sequence[Route]:
    """What was taken in, run and sent."""
    return (
        route("GET", f"{V1}/inbox", work.list_inbox, asked.StateAsk, shown.Page[shown.InboxItem], READ,
              "What was taken in, and what became of it."),
        route("POST", f"{V1}/inbox/{{id}}/retry", work.retry_inbox, asked.RetryAsk, shown.InboxItem, OPERATE,
              "Bring back a message that failed or was put aside.", keyed=True, raises=(Conflict,)),
        route("GET", f"{V1}/turns", work.list_turns, asked.TurnsAsk, shown.Page[shown.Turn], READ,
              "Runs of the assistants."),
        route("GET", f"{V1}/turns/{{id}}", work.get_turn, Nothing, shown.TurnDetail, READ,
              "One run: its steps, effects, tokens and cost."),
        route("GET", f"{V1}/deliveries", work.list_deliveries, asked.StateAsk, shown.Page[shown.Delivery], READ,
              "What was sent, or is to be."),
        route("GET", f"{V1}/deliveries/{{id}}", work.get_delivery, Nothing, shown.DeliveryDetail, READ,
              "One delivery and its parts."),
        route("POST", f"{V1}/deliveries/{{id}}/settle", work.settle_delivery, asked.SettleAsk, shown.Settled, OPERATE,
              "Say what became of a delivery whose fate is unknown.", keyed=True, raises=(Conflict,)),
        route("POST", f"{V1}/deliveries/{{id}}/resend", work.resend_delivery, asked.ResendAsk, shown.Settled, OPERATE,
              "Send a delivery in trouble once more; marked where it may have arrived before.", keyed=True,
              raises=(Conflict,)),
        route("POST", f"{V1}/deliveries/{{id}}/dismiss", work.dismiss_delivery, asked.DismissAsk, shown.Settled,
              OPERATE, "Leave a delivery that failed, was refused or is held as it is.", keyed=True,
              raises=(Conflict,)),
        route("GET", f"{V1}/usage", usage.get_usage, asked.UsageQuery, shown.Usage, READ,
              "Tokens and cost of model calls, summed."),
        route("GET", f"{V1}/usage.csv", usage.get_usage_csv, asked.UsageSheet, SHEET, READ,
              "The same with all of its lines, for a spreadsheet."),
    )


def alerts(door: AlertsDoor, replicas: ReplicasDoor) -> Sequence[Route]:
    """What is wrong, and who is there."""
    return (
        route("GET", f"{V1}/alerts", door.list_alerts, AlertsAsk, shown.Page[ShownAlert], READ,
              "What is wrong, and what was."),
        route("POST", f"{V1}/alerts/{{id}}/acknowledge", door.acknowledge_alert, AcknowledgeAsk, ShownAlert, OPERATE,
              "Take an alert on; it goes on until it is over.", keyed=True, raises=(Conflict,)),
        route("GET", f"{V1}/replicas", replicas.list_replicas, ReplicaAsk, shown.Page[Replica], READ,
              "The processes on the database, newest first; on SQLite there is one, and it is not listed."),
    )


def audit(door: AuditDoor) -> Sequence[Route]:
    """What is on record."""
    return (
        route("GET", f"{V1}/audit", door.list_audit, AuditAsk, shown.Page[Entry], AUDIT,
              "The record, newest first. A page may be short, and still have a next one."),
        route("GET", f"{V1}/audit/verification", door.get_verification, Nothing, Verification, AUDIT,
              "What the verifier found last, and how far the record is sealed."),
        route("POST", f"{V1}/audit/verification", door.verify_audit, Nothing, Verification, AUDIT,
              "Check that the record is as it was signed.", keyed=True, raises=(Conflict,)),
        route("GET", f"{V1}/audit/{{id}}", door.get_entry, Nothing, EntryDetail, AUDIT,
              "One entry of the record, and the checkpoint that signs it."),
    )


def settings(door: SettingsDoor) -> Sequence[Route]:
    """How it is set, and whether it works."""
    return (
        route("GET", f"{V1}/configuration", door.get_configuration, Nothing, Configuration, ADMIN,
              "The configuration in force, and where each setting comes from; secrets as references.", seconds=60.0),
        route("GET", f"{V1}/doctor", door.list_checks, Nothing, shown.Page[Check], ADMIN,
              "Whether database, clock, models and connections are as they have to be.", seconds=120.0),
        route("GET", f"{V1}/browsers", door.list_browsers, Nothing, shown.Page[Browser], ADMIN,
              "The browsers that are signed in."),
        route("DELETE", f"{V1}/browsers/{{id}}", door.end_browser, Nothing, None, ADMIN,
              "Sign a browser out.", status=204),
    )


def assistants(door: AssistantsDoor, files: WorkspacesDoor) -> Sequence[Route]:
    """Who answers, and what they are told."""
    one = f"{V1}/assistants/{{id}}"
    file = f"{one}/files/{{name}}"
    return (
        route("GET", f"{V1}/assistants", door.list_assistants, asked.Paged, shown.Page[Assistant], READ,
              "All assistants, as they are in force."),
        route("GET", one, door.get_assistant, Nothing, Assistant, READ,
              "One assistant, as it is in force."),
        route("GET", file, files.get_file, Nothing, shown.WorkspaceFile, READ,
              "An instruction file of an assistant.", tagged=True),
        route("PUT", file, files.put_file, asked.FileAsk, shown.WorkspaceFile, OPERATE,
              "Another text for an instruction file; in force for the next turn.", tagged=True, guarded=True),
        route("GET", f"{file}/versions", files.list_versions, asked.Paged, shown.Page[Version], READ,
              "What the file held before, newest first."),
        route("GET", f"{file}/versions/{{version}}", files.get_version, Nothing, VersionText, READ,
              "One version of the file, and its difference to the one before."),
    )


def connections(door: ConnectionsDoor) -> Sequence[Route]:
    """Where people write."""
    one = f"{V1}/connections/{{connection}}"
    return (
        route("GET", f"{V1}/connections", door.list_connections, asked.Paged, shown.Page[Connection], READ,
              "All connections and their health."),
        route("GET", one, door.get_connection, Nothing, Connection, READ,
              "One connection and its health."),
        route("POST", f"{one}/test", door.test_connection, Nothing, Tried, OPERATE,
              "Ask the platform whether token and network are right.", seconds=60.0, keyed=True),
        route("POST", f"{one}/pause", door.pause_connection, PauseAsk, Connection, OPERATE,
              "Receive nothing there, and hold what is to be sent.", keyed=True, raises=(Conflict,)),
        route("POST", f"{one}/resume", door.resume_connection, Nothing, Connection, OPERATE,
              "Receive there again, and send what waited.", keyed=True, raises=(Conflict,)),
    )


def openai(openai: OpenAIDoor, embeddings: EmbeddingsDoor) -> Sequence[Route]:
    """The same assistants in OpenAI's words."""
    return (
        route("GET", "/v1/models", openai.list_models, Nothing, Models, CHAT,
              "The assistants, as models."),
        route("GET", "/v1/models/{model}", openai.get_model, Nothing, Model, CHAT,
              "One assistant, as a model."),
        route("POST", "/v1/chat/completions", openai.create_chat_completion, ChatRequest, ChatCompletion, CHAT,
              "Ask an assistant, in OpenAI's words.", headers=(*KEY, "X-Quarterdeck-Session"), seconds=None,
              body=ASK_BYTES),
        route("POST", "/v1/embeddings", embeddings.create_embedding, EmbeddingRequest, EmbeddingList, CHAT,
              "Vectors of texts.", seconds=None, body=TEXTS_BYTES),
    )


def responses(door: ResponsesDoor) -> Sequence[Route]:
    """The same with answers that are stored and gone on from."""
    one = "/v1/responses/{id}"
    return (
        route("POST", "/v1/responses", door.create_response, rw.ResponseRequest, rw.Response, CHAT,
              "Ask an assistant; the answer is stored.", headers=KEY, seconds=None, body=ASK_BYTES),
        route("GET", one, door.get_response, rw.GetResponseAsk, rw.Response, CHAT,
              "A response of one's own, as it is now."),
        route("DELETE", one, door.delete_response, Nothing, rw.Deleted, CHAT,
              "Forget a response; what was said stays in its conversation."),
        route("POST", f"{one}/cancel", door.cancel_response, Nothing, rw.Response, CHAT,
              "Stop a response that has not ended.", seconds=60.0),
        route("GET", f"{one}/input_items", door.list_input_items, rw.InputItemsAsk, rw.ItemList, CHAT,
              "What was sent for a response."),
    )


def webhooks(door: WebhooksDoor) -> Sequence[Route]:
    """What platforms call."""
    return (
        route("POST", "/hooks/{connection}", door.call_webhook, Nothing, None, ANYBODY,
              "A platform brings something for a connection; the connection's channel checks that it is the platform.",
              media=ANSWER, raises=(NotAllowed, NotFound)),
    )


def process(me: MeDoor, openapi: OpenAPIDoor) -> Sequence[Route]:
    """What needs no sign-in, or none on this machine."""
    return (
        route("GET", f"{V1}/openapi.json", openapi.openapi, Nothing, ANSWER, ANYBODY,
              "This description."),
        route("GET", "/healthz", me.healthz, Nothing, shown.Health, ANYBODY,
              "The process is alive."),
        route("GET", "/readyz", me.readyz, Nothing, shown.Ready, ANYBODY,
              "Whether messages are taken in; 503 while not.", also=(503,)),
        route("GET", "/metrics", me.metrics, Nothing, "text/plain", READ,
              "Metrics, in the text format of Prometheus.", local=True),
    )
# fmt: on
