"""Who is asking, and how is the gateway? Also the answers that need no sign-in."""

from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from quarterdeck.api import shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.base.errors import NotFound
from quarterdeck.governance.principal import SCOPES, Scope
from quarterdeck.model.assistant import Assistant
from quarterdeck.ports import ModelProfile
from quarterdeck.words.book import say
from quarterdeck.words.languages import first_of
from quarterdeck.words.sentences import phrase

STARTER_PROMPTS: Sequence[str] = (
    "What can you do for me?",
    "Help me plan my day: ask me three questions first.",
    "Explain this to me in plain words: ",
)


class MeDoor:
    """Small answers about the asker and the process."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def me(self, call: Call, ask: Nothing) -> shown.Me:
        """GET /api/v1/me."""
        directory = self._doors.directory
        profiles = [(a := directory.assistant(name), self._profile(a)) for name in directory.assistants]
        assistants = [
            shown.AssistantInfo(one.id, one.model, _label(one, profile, call.language)) for one, profile in profiles
        ]
        starters = next((profile.starters for _, profile in profiles if profile.starters), STARTER_PROMPTS)
        principal = call.principal
        scopes: list[Scope] = [scope for scope in SCOPES if principal.may(scope)]
        return shown.Me(principal.id, principal.name, scopes, assistants, list(starters))

    async def status(self, call: Call, ask: Nothing) -> shown.Status:
        """GET /api/v1/status."""
        doors, reasons = self._doors, list(self._doors.ready())
        return shown.Status(
            doors.version, doors.public_url, shown.moment(doors.started_at), not reasons, reasons,
            doors.lanes.running, doors.lanes.waiting,
        )  # fmt: skip

    async def healthz(self, call: Call, ask: Nothing) -> shown.Health:
        """GET /healthz."""
        return shown.Health("alive")

    async def readyz(self, call: Call, ask: Nothing) -> Response:
        """GET /readyz: 503 with reasons while messages are not taken in."""
        reasons = list(self._doors.ready())
        body = msgspec.json.encode(shown.Ready(not reasons, reasons))
        return Response(body, 503 if reasons else 200, {"cache-control": "no-store"}, "application/json")

    async def metrics(self, call: Call, ask: Nothing) -> Response:
        """GET /metrics, in the text format of Prometheus."""
        doors = self._doors
        doors.metrics.gauge("turns_running", "Turns that are running", doors.lanes.running)
        doors.metrics.gauge("lanes_waiting", "Sessions that wait for a place", doors.lanes.waiting)
        doors.metrics.gauge("ready", "1 while messages are taken in", float(not doors.ready()))
        return Response(doors.metrics.exposition(), 200, media_type="text/plain; version=0.0.4")

    def _profile(self, assistant: Assistant) -> ModelProfile:
        try:
            return self._doors.directory.provider(assistant.provider).profile(assistant.model_name)
        except NotFound:
            return ModelProfile()


def _label(assistant: Assistant, profile: ModelProfile, language: str) -> str:
    """The note beside an assistant's answers, as its person reads it."""
    return say(first_of(assistant.language, language), phrase("demo_model")) if profile.demo else profile.label
