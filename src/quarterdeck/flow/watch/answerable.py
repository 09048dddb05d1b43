"""Who is answerable for what is wrong? Whoever is for the assistant that it concerns, else for the gateway."""

from collections.abc import Iterable

from quarterdeck.base.errors import NotFound
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.failing import users
from quarterdeck.model.alert import Finding


def answerable(directory: Directory, operator: str, found: Finding) -> str:
    """Names, never none: the owners of all assistants that are concerned, or `operator` where those have none."""
    owners = (_owner(directory, name) for name in _concerned(directory, found))
    return ", ".join(dict.fromkeys(owner for owner in owners if owner)) or operator


def _concerned(directory: Directory, found: Finding) -> Iterable[str]:
    """The assistants that a finding is about. Every rule has its line: the types see to it."""
    match found.rule:
        case "connection_dead" | "connection_deaf" | "connection_unauthorised" | "message_unanswered" | "outbox_late":
            return _behind(directory, found.subject)
        case "lane_stuck":
            return (found.subject,)
        case "provider_failing":
            return users(directory, found.subject)
        case "audit_late" | "disk_filling" | "configuration_drift" | "process_dead" | "role_missing":
            return ()


def _behind(directory: Directory, connection: str) -> Iterable[str]:
    try:
        return (directory.connection(connection).assistant,)
    except NotFound:  # it was taken out of the configuration, and messages of it wait
        return ()


def _owner(directory: Directory, assistant: str) -> str:
    try:
        return directory.assistant(assistant).answerable
    except NotFound:
        return ""
