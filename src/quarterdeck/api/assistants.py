"""Assistants: what is in force for each."""

import msgspec

from quarterdeck.actions.assistants import Assistants, Employed
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.model.inbound import QueueMode


class Assistant(msgspec.Struct, frozen=True):
    """What shapes an assistant's answers. Models are provider/model; `release` is the digest of all of it.

    `reset_idle_minutes` 0 and an empty `reset_at`: its conversations do not start anew by themselves.
    """

    id: str
    model: str
    fallback: list[str]
    tools: list[str]
    queue: QueueMode
    debounce_ms: int
    turn_steps: int
    turn_seconds: float
    context_tokens: int
    reset_idle_minutes: float
    reset_at: str
    timezone: str
    connections: list[str]
    plugins: list[str]
    release: str


class AssistantsDoor:
    """Looks."""

    def __init__(self, doors: Doors) -> None:
        self._assistants = Assistants(doors.directory)

    async def list_assistants(self, call: Call, ask: asked.Paged) -> shown.Page[Assistant]:
        """GET /api/v1/assistants, by id."""
        found = [one for one in self._assistants.all() if one.assistant.id > ask.cursor]
        page = [_shown(one) for one in found[: ask.limit]]
        return shown.Page(page, page[-1].id if len(found) > ask.limit else None)

    async def get_assistant(self, call: Call, ask: Nothing) -> Assistant:
        """GET /api/v1/assistants/{id}."""
        return _shown(self._assistants.get(call.path("id")))


def _shown(found: Employed) -> Assistant:
    one = found.assistant
    return Assistant(
        id=one.id,
        model=one.model,
        fallback=list(one.fallback),
        tools=list(one.tools),
        queue=one.queue,
        debounce_ms=one.debounce_ms,
        turn_steps=one.max_steps,
        turn_seconds=one.turn_seconds,
        context_tokens=one.context_tokens,
        reset_idle_minutes=one.resets.idle_minutes,
        reset_at=one.resets.at,
        timezone=one.resets.timezone,
        connections=list(found.connections),
        plugins=list(one.plugins),
        release=found.release,
    )
