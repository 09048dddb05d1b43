"""The tool `send_message`."""

from collections.abc import Awaitable, Callable

import msgspec

from quarterdeck.base.errors import BadInput
from quarterdeck.model.action import Effect, ToolRun
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.message import Attachment
from quarterdeck.model.permit import Permit
from quarterdeck.ports import Rows, ToolContext, ToolOutput

Post = Callable[[str, str, str, tuple[Attachment, ...], ToolContext, str], Awaitable[Rows]]
"""connection, room, text, files, for whom, turn"""


class _Arguments(msgspec.Struct, frozen=True):
    text: str
    room: str = ""
    connection: str = ""
    files: tuple[str, ...] = ()


class SendMessageTool:
    """Implements ports.Tool. `post` makes the rows of a message; it raises Refused for a room that is not known."""

    spec = ToolSpec(
        "send_message",
        "Send a message to a room that already knows this assistant, with files of this conversation if wanted.",
        '{"type":"object","properties":{"room":{"type":"string","maxLength":256,'
        '"description":"The platform\'s id of the room; this one when left out"},'
        '"text":{"type":"string","minLength":1,"maxLength":20000},'
        '"connection":{"type":"string","maxLength":64,"description":"The connection; this one when left out"},'
        '"files":{"type":"array","maxItems":10,"items":{"type":"string","maxLength":256},'
        '"description":"Names of files that people sent in this conversation; the newest of each name goes out"}},'
        '"required":["text"]}',
    )
    effect: Effect = "rows"
    repeatable = True

    def __init__(self, post: Post) -> None:
        self._post = post

    async def run(self, run: ToolRun, context: ToolContext, permit: Permit) -> ToolOutput:
        """See ports.Tool.run."""
        permit.spend(run)
        wanted = msgspec.json.decode(run.arguments, type=_Arguments)
        connection = wanted.connection or context.connection
        if wanted.connection and not wanted.room:
            raise BadInput("room", f"which one of {wanted.connection} is not said", "Name it, or leave out connection.")
        files = tuple(_named(name, context.files) for name in wanted.files)
        rows = await self._post(connection, wanted.room, wanted.text, files, context, run.turn)
        if rows.denied:
            return ToolOutput(rows.denied, ok=False, rows=rows)
        more = f" with {len(files)} files" if files else ""
        return ToolOutput(f"Queued for room {wanted.room or 'of this conversation'}{more}.", rows=rows)


def _named(name: str, files: tuple[Attachment, ...]) -> Attachment:
    """The newest file of a name. Raises BadInput."""
    found = next((file for file in reversed(files) if file.name == name), None)
    if found is None:
        there = ", ".join(dict.fromkeys(file.name for file in files)) or "none"
        raise BadInput("files", f"there is no {name!r} in this conversation; there are: {there}", "Name one of them.")
    return found
