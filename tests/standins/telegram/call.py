"""How are the parameters of a request read?

The vendor takes them from the query, a form, a multipart form or a JSON object, and takes numbers, booleans
and objects as JSON or as strings of JSON alike (core.telegram.org/bots/api, "Making requests"; PTB sends
forms, aiogram multipart).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from aiohttp import web

from tests.standins.telegram.refusals import bad_request

ObjectType = TypeVar("ObjectType", bound=msgspec.Struct)


@dataclass(frozen=True)
class Upload:
    """A file part of a multipart request."""

    name: str
    content: bytes

    def summary(self) -> dict[str, object]:
        """Return what the journal keeps of it."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {"file_name": self.name, "size": len(self.content), "sha256": digest}


class Call:
    """One method call: the method's name as asked for, and its parameters."""

    def __init__(self, method: str, parameters: Mapping[str, object]) -> None:
        self.method = method
        self._parameters = parameters

    def summary(self) -> dict[str, object]:
        """Return the parameters as the journal keeps them: files by name, size and digest."""
        return {
            name: value.summary() if isinstance(value, Upload) else value for name, value in self._parameters.items()
        }

    def text(self, name: str) -> str:
        """Return a parameter as text, "" when absent."""
        value = self._parameters.get(name)
        if value is None or isinstance(value, Upload):
            return ""
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()

    def integer(self, name: str, default: int = 0) -> int:
        """Return a whole number; anything else counts as absent (server: get_integer_arg)."""
        try:
            return int(self.text(name))
        except ValueError:
            return default

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        return self.text(name).lower() in ("true", "yes", "1")

    def json(self, name: str) -> object:
        """Return a JSON value, None when absent, or raise a 400."""
        value = self._parameters.get(name)
        if not isinstance(value, str):
            return None if isinstance(value, Upload) else value
        if not value:
            return None
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise bad_request(f"can't parse {name} JSON object") from None

    def struct(self, name: str, kind: type[ObjectType]) -> ObjectType | None:
        """Return a JSON object as `kind`, None when absent, or raise a 400."""
        value = self.json(name)
        if value is None:
            return None
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise bad_request(f"can't parse {name}: {error}") from None

    def upload(self, name: str) -> Upload | None:
        """Return a file part, named directly or through `attach://part`."""
        value = self._parameters.get(name)
        if isinstance(value, str) and value.startswith("attach://"):
            value = self._parameters.get(value.removeprefix("attach://"))
        return value if isinstance(value, Upload) else None

    def chat_id(self) -> int | None:
        """Return the addressed chat's number; names (@channel) are not known here."""
        return self.integer("chat_id") or None


async def read_call(request: web.Request, method: str) -> Call:
    """Read a request's parameters. Raises a 400 for a body that is no JSON object."""
    parameters: dict[str, object] = dict(request.query)
    if request.content_type == "application/json":
        body = await request.read()
        try:
            parameters.update(msgspec.json.decode(body or b"{}", type=dict[str, object]))
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise bad_request("can't parse request JSON object") from None
    elif request.can_read_body:
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                parameters[name] = Upload(value.filename, value.file.read())
            else:
                parameters[name] = value
    return Call(method, parameters)
