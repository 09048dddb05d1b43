"""One request at a door: who asks, what is asked, parsed once."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from quarterdeck.api.keeping import Keeping
from quarterdeck.api.problems import TooLarge, WrongMedia
from quarterdeck.base.errors import BadInput, Retry, Stopping
from quarterdeck.governance.principal import Principal
from quarterdeck.store.operations import Statement
from quarterdeck.words.languages import wanted

BODY_BYTES = 1024 * 1024
BODY_SECONDS = 20.0
KEY_LENGTH = 200

T = TypeVar("T", bound=msgspec.Struct)


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request without parameters."""


@dataclass(frozen=True)
class Call:
    """A request whose asker is known."""

    request: Request
    principal: Principal
    kept: Keeping | None = None

    def keeping(self, kept: Keeping) -> "Call":
        """The same call, whose answer is kept under the client's key."""
        return replace(self, kept=kept)

    def keep(self, answer: msgspec.Struct, request: bytes = b"") -> list[Statement]:
        """What keeps the answer under the client's key, for the operation that does what was asked; else nothing."""
        return self.kept.statements(answer, request) if self.kept else []

    def path(self, name: str) -> str:
        """A piece of the path."""
        return str(self.request.path_params[name])

    @property
    def language(self) -> str:
        """The language of ours that the asker would rather have; empty where none is named."""
        return wanted(self.request.headers.get("accept-language", "")) or ""

    def header(self, name: str, limit: int = KEY_LENGTH) -> str:
        """A header's text, empty when it is not there. Raises BadInput when it is too long or not printable."""
        text = self.request.headers.get(name, "").strip()
        if len(text) > limit or not text.isprintable():
            raise BadInput(name, f"is longer than {limit} characters or not printable", "Send a shorter, plain text.")
        return text

    async def parse(self, kind: type[T], limit: int = BODY_BYTES) -> T:
        """The parameters: of the query for GET and DELETE, else of the JSON body of at most `limit` bytes.

        Raises BadInput with the field.
        """
        try:
            if self.request.method in ("GET", "HEAD", "DELETE"):
                return msgspec.convert(dict(self.request.query_params), kind, strict=False)
            if kind is Nothing:
                return kind()
            return msgspec.json.decode(await self._json(limit), type=kind)
        except msgspec.ValidationError as error:
            raise wrong_field(error) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadInput("body", f"is no JSON: {error}", "Send one JSON object.") from error

    async def chunks(self, limit: int) -> AsyncIterator[bytes]:
        """The raw body. Raises TooLarge after `limit` bytes, Stopping when the client leaves."""
        announced = self.request.headers.get("content-length", "0")
        if not announced.isdigit() or int(announced) > limit:
            raise TooLarge(f"the body is larger than {limit} bytes")
        size = 0
        try:
            async for chunk in self.request.stream():
                size += len(chunk)
                if size > limit:
                    raise TooLarge(f"the body is larger than {limit} bytes")
                yield chunk
        except ClientDisconnect as error:
            raise Stopping("the client left before its request was complete") from error

    async def _json(self, limit: int) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                parts = [chunk async for chunk in self.chunks(limit)]
        except TimeoutError as error:
            raise Retry(f"the body did not come within {BODY_SECONDS:.0f} s") from error
        body = b"".join(parts)
        media = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and media != "application/json":
            raise WrongMedia(f"this takes application/json, not {media or 'a body without a type'}")
        return body or b"{}"


_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<place>[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"^Object (?P<what>missing required|contains unknown) field `(?P<name>[^`]*)`$")


def wrong_field(error: msgspec.ValidationError) -> BadInput:
    """What msgspec says about a value (`Expected ... - at `$.a[0].b``), with the place as the field."""
    found = _PLACE.match(str(error))
    assert found is not None  # every text matches
    reason, place = found["reason"], (found["place"] or "$").removeprefix("$").removeprefix(".")
    if named := _NAMED.match(reason):
        missing = named["what"] == "missing required"
        field = f"{place}.{named['name']}".removeprefix(".")
        return BadInput(field, "is missing" if missing else "is unknown here", "See /api/v1/openapi.json.")
    return BadInput(place or "body", reason[:1].lower() + reason[1:], "See /api/v1/openapi.json.")
