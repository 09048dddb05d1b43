"""One request at the console: who asks, and what is asked, parsed once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from quarterdeck.base.errors import BadInput
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.principal import Principal, Scope

FORM_BYTES = 1024 * 1024
FIELDS = 100

T = TypeVar("T", bound=msgspec.Struct)


class Page(msgspec.Struct, frozen=True):
    """What a handler shows: a template, its heading, what the template is given, the address of the same as JSON."""

    template: str
    title: str
    data: Mapping[str, object]
    json: str = ""


class Done(msgspec.Struct, frozen=True):
    """What a handler did, in a sentence. `back` is where to go on: the page that a form was on, or a new one.

    `leave`: the page that the form was on is left for `back`, also where a script is at work.
    """

    told: str
    back: str
    leave: bool = False


@dataclass(frozen=True)
class Visit:
    """A request whose asker may make it."""

    request: Request
    principal: Principal
    fields: Mapping[str, str]

    @property
    def actor(self) -> Actor:
        """How the audit log names the asker."""
        return self.principal.actor

    def may(self, *any_of: Scope) -> bool:
        """Whether the asker holds one of the scopes."""
        return self.principal.may(*any_of)

    def path(self, name: str) -> str:
        """A piece of the path."""
        return str(self.request.path_params[name])

    def ask(self, kind: type[T]) -> T:
        """What is asked: of the address for a page, of the form for a change. Raises BadInput."""
        try:
            return msgspec.convert(self.fields, kind, strict=False)
        except msgspec.ValidationError as error:
            reason, _, place = str(error).partition(" - at ")
            field = place.strip("`$.") or "form"
            raise BadInput(field, reason[:1].lower() + reason[1:], "Go back and choose again.") from error


async def fields(request: Request) -> Mapping[str, str]:
    """The fields of the address (GET) or of the form, each once; a later one wins. Raises BadInput."""
    if request.method in ("GET", "HEAD"):
        return dict(request.query_params)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            raise BadInput("form", f"is larger than {FORM_BYTES} bytes", "Send less at once.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS, errors="strict"))
    except ValueError as error:
        raise BadInput("form", f"cannot be read: {error}", "Load the page again.") from error
