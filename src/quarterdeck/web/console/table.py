"""The console's routes, in the order of the bar, and who answers them."""

from collections.abc import Sequence
from typing import Protocol

from starlette.routing import BaseRoute

from quarterdeck.actions.activity import Activity
from quarterdeck.actions.alerts import Alerts
from quarterdeck.actions.assistants import Assistants
from quarterdeck.actions.configuration import Configuration
from quarterdeck.actions.connections import Connections
from quarterdeck.actions.deliveries import Deliveries
from quarterdeck.actions.doctor import Doctor
from quarterdeck.actions.inbox import Inbox
from quarterdeck.actions.pairing import Pairings
from quarterdeck.actions.problems import Problems
from quarterdeck.actions.records import Records
from quarterdeck.actions.replicas import Replicas
from quarterdeck.actions.resets import Resets
from quarterdeck.actions.restart import Restart
from quarterdeck.actions.settings import Settings
from quarterdeck.actions.setup.bot import Bots
from quarterdeck.actions.setup.course import Setup
from quarterdeck.actions.signin import Signin
from quarterdeck.actions.tokens import Tokens
from quarterdeck.actions.transcripts import Transcripts
from quarterdeck.actions.verification import Verification
from quarterdeck.actions.waiting import Waiting
from quarterdeck.actions.workspaces import Workspaces
from quarterdeck.base.clock import Clock
from quarterdeck.base.secrets import SecretReader
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.sending import Sending
from quarterdeck.governance.audit import Auditor
from quarterdeck.store.database import Store
from quarterdeck.store.opening import SQLITE
from quarterdeck.web.assets import Assets
from quarterdeck.web.console.assistants import AssistantsPage
from quarterdeck.web.console.audit import AuditPage
from quarterdeck.web.console.bots import BotsPage
from quarterdeck.web.console.connections import ConnectionsPage
from quarterdeck.web.console.conversations import ConversationsPage
from quarterdeck.web.console.deliveries import DeliveriesPage
from quarterdeck.web.console.frame import ConsoleRoute, Frame
from quarterdeck.web.console.home import HomePage
from quarterdeck.web.console.inbox import InboxPage
from quarterdeck.web.console.replicas import ReplicasPage
from quarterdeck.web.console.settings import Machine, SettingsPage, TokensPage
from quarterdeck.web.console.setup import SetupPage
from quarterdeck.web.console.usage import UsagePage
from quarterdeck.web.pages import Frames
from quarterdeck.web.pages import routes as pages


class Parts(Protocol):
    """What the pages are built from: the running gateway's parts, handed on to use cases."""

    @property
    def store(self) -> Store: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def auditor(self) -> Auditor: ...
    @property
    def sending(self) -> Sending: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def signin(self) -> Signin: ...
    @property
    def live(self) -> Live: ...
    @property
    def lanes(self) -> Lanes: ...
    @property
    def connections(self) -> Connections: ...
    @property
    def workspaces(self) -> Workspaces: ...
    @property
    def restart(self) -> Restart: ...
    @property
    def verification(self) -> Verification: ...
    @property
    def configuration(self) -> Configuration: ...
    @property
    def secrets(self) -> SecretReader: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def started_at(self) -> float: ...
    @property
    def clock(self) -> Clock: ...


def routes(parts: Parts, setup: Setup, bots: Bots, doctor: Doctor, url: str, version: str) -> list[BaseRoute]:
    """All pages: the chat and the console."""
    assets = Assets()
    frames, waiting = Frames(assets, version), Waiting(parts.store, parts.clock)
    machine = _machine(parts, url, version)
    routes = table(parts, setup, bots, waiting, doctor, machine)
    frame = Frame(parts.signin.check, frames, routes, waiting.count, parts.clock, url)
    return [*pages(parts.signin.check, assets, frames), *frame.served()]


def table(
    p: Parts, setup: Setup, bots: Bots, waiting: Waiting, doctor: Doctor, machine: Machine
) -> Sequence[ConsoleRoute]:
    """Address, who answers, who may: `read` to look, `operate` to change something.

    The record takes `audit`, settings `admin`.
    """
    pairings = Pairings(p.store, p.directory, p.auditor, p.sending, p.outbox, p.clock)
    alerts = Alerts(p.store, p.auditor, p.clock)
    home = HomePage(
        alerts, Problems(p.store, p.directory, p.clock), waiting, Activity(p.store, p.clock), pairings, setup
    )
    sent = DeliveriesPage(Deliveries(p.store, p.auditor, p.outbox, p.live, p.clock))
    taken = InboxPage(Inbox(p.store, p.directory, p.auditor, p.clock, p.lanes.wake))
    resets = Resets(p.store, p.auditor, p.lanes, p.live, p.clock)
    tokens = TokensPage(p.tokens)
    said = ConversationsPage(Transcripts(p.store), resets, [one.name for one in p.directory.connections])
    return (
        ConsoleRoute("GET", "/console", home.show, "read", "Home", "home"),
        ConsoleRoute("POST", "/console/alerts/{id}/acknowledge", home.take_on, "operate"),
        ConsoleRoute("POST", "/console/pairings/{code}", home.decide, "operate"),
        ConsoleRoute("GET", "/console/conversations", said.show, "read", "Conversations", "talks"),
        ConsoleRoute("GET", "/console/conversations/{id}", said.one, "read"),
        ConsoleRoute("POST", "/console/conversations/{id}", said.change, "operate"),
        *connections(ConnectionsPage(p.connections)),
        *assistants(AssistantsPage(Assistants(p.directory), p.workspaces)),
        ConsoleRoute("GET", "/console/deliveries", sent.show, "read", "Deliveries", "sent"),
        ConsoleRoute("GET", "/console/deliveries/{id}", sent.one, "read"),
        ConsoleRoute("POST", "/console/deliveries/{id}", sent.decide, "operate"),
        ConsoleRoute("GET", "/console/inbox", taken.show, "read", "Inbox", "inbox"),
        ConsoleRoute("POST", "/console/inbox/{id}/retry", taken.retry, "operate"),
        ConsoleRoute("GET", "/console/usage", UsagePage(p.store, p.clock).show, "read", "Usage", "usage"),
        *setting_up(SetupPage(setup, p.restart)),
        *adding_bots(BotsPage(bots, p.restart)),
        *audit(AuditPage(Records(p.store, p.clock), p.verification, p.directory)),
        *settings(SettingsPage(machine, Settings(p.configuration, p.secrets), doctor, p.signin, p.store), tokens),
        ConsoleRoute("GET", "/console/settings/replicas", ReplicasPage(Replicas(p.store)).show, "admin"),
    )


def connections(page: ConnectionsPage) -> Sequence[ConsoleRoute]:
    """Where people write."""
    one = "/console/connections/{connection}"
    return (
        ConsoleRoute("GET", "/console/connections", page.show, "read", "Connections", "wire"),
        ConsoleRoute("POST", f"{one}/test", page.test, "operate"),
        ConsoleRoute("POST", f"{one}/pause", page.pause, "operate"),
        ConsoleRoute("POST", f"{one}/resume", page.resume, "operate"),
    )


def audit(page: AuditPage) -> Sequence[ConsoleRoute]:
    """What is on record."""
    return (
        ConsoleRoute("GET", "/console/audit", page.show, "audit", "Audit", "record"),
        ConsoleRoute("POST", "/console/audit/verification", page.verify, "audit"),
        ConsoleRoute("GET", "/console/audit/{id}", page.one, "audit"),
    )


def settings(page: SettingsPage, tokens: TokensPage) -> Sequence[ConsoleRoute]:
    """How it is set, and who may."""
    one = "/console/settings"
    return (
        ConsoleRoute("GET", one, page.show, "admin", "Settings", "settings"),
        ConsoleRoute("GET", f"{one}/configuration", page.configuration, "admin"),
        ConsoleRoute("GET", f"{one}/doctor", page.doctor, "admin"),
        ConsoleRoute("POST", f"{one}/browsers/{{id}}/signout", page.end_browser, "admin"),
        ConsoleRoute("GET", f"{one}/tokens", tokens.show, "admin"),
        ConsoleRoute("POST", f"{one}/tokens", tokens.make, "admin"),
        ConsoleRoute("POST", f"{one}/tokens/{{id}}/revoke", tokens.revoke, "admin"),
    )


def assistants(page: AssistantsPage) -> Sequence[ConsoleRoute]:
    """Who answers, and what they are told."""
    one = "/console/assistants/{id}"
    file = f"{one}/files/{{name}}"
    return (
        ConsoleRoute("GET", "/console/assistants", page.list, "read", "Assistants", "robot"),
        ConsoleRoute("GET", one, page.show, "read"),
        ConsoleRoute("GET", file, page.file, "read"),
        ConsoleRoute("POST", file, page.save, "operate"),
        ConsoleRoute("GET", f"{file}/versions/{{version}}", page.version, "read"),
        ConsoleRoute("POST", f"{file}/versions/{{version}}/restore", page.restore, "operate"),
    )


def setting_up(page: SetupPage) -> Sequence[ConsoleRoute]:
    """From the stand-in for a model to a real one: whoever may do everything."""
    return (
        ConsoleRoute("GET", "/setup", page.start, "admin"),
        ConsoleRoute("GET", "/setup/services/{service}", page.service, "admin"),
        ConsoleRoute("POST", "/setup/services/{service}", page.ask, "admin"),
        ConsoleRoute("GET", "/setup/model", page.models, "admin"),
        ConsoleRoute("POST", "/setup/model", page.choose, "admin"),
        ConsoleRoute("GET", "/setup/assistant", page.assistant, "admin"),
        ConsoleRoute("POST", "/setup/assistant", page.describe, "admin"),
        ConsoleRoute("GET", "/setup/review", page.review, "admin"),
        ConsoleRoute("POST", "/setup/review", page.write, "admin"),
        ConsoleRoute("GET", "/setup/end", page.end, "admin"),
        ConsoleRoute("GET", "/setup/used", page.used, "admin"),
        ConsoleRoute("POST", "/setup/restart", page.restart, "admin"),
    )


def adding_bots(page: BotsPage) -> Sequence[ConsoleRoute]:
    """From a bot's token to an answer on a phone: whoever may do everything."""
    one = "/setup/bot/{connection}"
    return (
        ConsoleRoute("GET", "/setup/bot", page.start, "admin"),
        ConsoleRoute("POST", "/setup/bot", page.add, "admin"),
        ConsoleRoute("GET", one, page.one, "admin"),
        ConsoleRoute("GET", f"{one}/used", page.used, "admin"),
        ConsoleRoute("POST", f"{one}/restart", page.restart, "admin"),
        ConsoleRoute("POST", f"{one}/invitation", page.invite, "admin"),
    )


def _machine(parts: Parts, url: str, version: str) -> Machine:
    config = parts.configuration.current
    kind = "SQLite" if config.database == SQLITE else "PostgreSQL"
    return Machine(config.data_dir, kind, url, version, parts.started_at)
