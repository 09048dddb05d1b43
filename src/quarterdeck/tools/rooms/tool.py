"""The tool `send_message`."""

from collections.abc import Awaitable, Callable

import msgspec

from quarterdeck.model.action import Effect, ToolRun
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.permit import Permit
from quarterdeck.ports import Rows, ToolContext, ToolOutput

Post = Callable[[str, str, str, ToolContext, str], Awaitable[Rows]]  # connection, room, text, for whom, turn


class _Arguments(msgspec.Struct, frozen=True):
    room: str
    text: str
    connection: str = ""


class SendMessageTool:
    """Implements ports.Tool. `post` makes the rows of a message; it raises Refused for a room that is not known."""

    spec = ToolSpec(
        "send_message",
        "Send a message to another room that already knows this assistant.",
        '{"type":"object","properties":{"room":{"type":"string","maxLength":256,'
        '"description":"The platform\'s id of the room"},"text":{"type":"string","maxLength":20000},'
        '"connection":{"type":"string","maxLength":64,"description":"The connection; this one when left out"}},'
        '"required":["room","text"]}',
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
        rows = await self._post(connection, wanted.room, wanted.text, context, run.turn)
        if rows.denied:
            return ToolOutput(rows.denied, ok=False, rows=rows)
        return ToolOutput(f"Queued for room {wanted.room}.", rows=rows)
