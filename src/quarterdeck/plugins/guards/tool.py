"""What of a plugin's tool reaches a turn: texts. What it raises is flow's to judge, as with every tool."""

import asyncio

from quarterdeck.model.action import Effect, ToolRun
from quarterdeck.model.permit import Permit
from quarterdeck.plugins.guards.sound import Nonsense, asked_to_stop, sound
from quarterdeck.ports import Tool, ToolContext, ToolOutput


class GuardedTool:
    """Implements ports.Tool around a plugin's; how it describes itself was checked when it was built, and stays."""

    def __init__(self, inner: Tool) -> None:
        self._inner = inner
        self.spec = inner.spec
        self.effect: Effect = inner.effect
        self.repeatable = inner.repeatable

    async def run(self, run: ToolRun, context: ToolContext, permit: Permit) -> ToolOutput:
        """See ports.Tool.run. Raises Nonsense too, which leaves an external effect unknown."""
        try:
            output: object = await self._inner.run(run, context, permit)
        except SystemExit as error:
            raise Nonsense(f"it wanted to end the process with {error.code}") from error
        except asyncio.CancelledError as error:
            if asked_to_stop():
                raise
            raise Nonsense("it cancelled itself") from error
        if not permit.spent:
            raise Nonsense("it did not spend its permit")
        if getattr(output, "rows", None) is not None:
            raise Nonsense("it gave rows, which only built-in tools can")
        return sound(output, ToolOutput)
