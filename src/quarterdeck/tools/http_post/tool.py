"""The tool `http_post`."""

import msgspec

from quarterdeck.base.errors import Refused, Retry
from quarterdeck.model.action import Effect, ToolRun
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.permit import Permit
from quarterdeck.net.client import Client, MaybeSent, NotSent, TooLarge
from quarterdeck.net.outgoing import Outgoing, Timeouts
from quarterdeck.ports import ToolContext, ToolOutcomeUnknown, ToolOutput

MAX_ANSWER = 100_000


class HttpPostSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The tool's table: the one address that it posts to, and what the model is told it is for."""

    url: str
    description: str = "Send a JSON payload to the configured service."
    timeout_seconds: float = 30.0


class HttpPostTool:
    """Implements ports.Tool. The key of the call travels as `Idempotency-Key` for services that honour it."""

    effect: Effect = "external"
    repeatable = False

    def __init__(self, settings: HttpPostSettings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self.spec = ToolSpec(
            "http_post",
            settings.description,
            '{"type":"object","properties":{"payload":{"type":"object"}},"required":["payload"]}',
        )

    async def run(self, run: ToolRun, context: ToolContext, permit: Permit) -> ToolOutput:
        """See ports.Tool.run."""
        permit.spend(run)
        out = Outgoing(
            method="POST",
            url=self._settings.url,
            trusted=True,
            headers={"Content-Type": "application/json", "Idempotency-Key": run.key},
            body=run.arguments.encode(),
            timeouts=Timeouts(
                first_byte=self._settings.timeout_seconds,
                idle=self._settings.timeout_seconds,
                total=self._settings.timeout_seconds,
            ),
            max_bytes=MAX_ANSWER,
        )
        try:
            answer = await self._client.request(out)
        except NotSent as error:
            raise Retry(f"the service could not be reached: {error}") from error
        except (MaybeSent, TooLarge) as error:
            raise ToolOutcomeUnknown(str(error)) from error
        if answer.status >= 500:
            raise ToolOutcomeUnknown(f"the service answered {answer.status}")
        if answer.status >= 400:
            raise Refused(f"the service answered {answer.status}: {_text(answer.body)}")
        return ToolOutput(f"{answer.status} {_text(answer.body)}")


def _text(body: bytes) -> str:
    return body[:4000].decode("utf-8", "replace")
