"""The tool `time`."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput
from quarterdeck.model.action import Effect, ToolRun
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.permit import Permit
from quarterdeck.ports import ToolContext, ToolOutput


class _Arguments(msgspec.Struct, frozen=True):
    timezone: str = "UTC"


class TimeTool:
    """Implements ports.Tool."""

    spec = ToolSpec(
        "time",
        "The current date and time in a time zone.",
        '{"type":"object","properties":{"timezone":{"type":"string","maxLength":64,'
        '"description":"IANA name such as Europe/Berlin; UTC when left out"}},"required":[]}',
    )
    effect: Effect = "none"
    repeatable = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, run: ToolRun, context: ToolContext, permit: Permit) -> ToolOutput:
        """See ports.Tool.run."""
        permit.spend(run)
        name = msgspec.json.decode(run.arguments, type=_Arguments).timezone
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise BadInput("timezone", f"{name!r} is not known", "Use an IANA name such as Europe/Berlin.") from error
        now = datetime.fromtimestamp(self._clock.now(), UTC).astimezone(zone)
        return ToolOutput(now.strftime("%A, %Y-%m-%d %H:%M:%S %Z"))
