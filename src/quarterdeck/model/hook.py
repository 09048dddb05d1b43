"""What hooks are shown, and what they may answer. The schema is stable: fields are added, never changed."""

from typing import Literal

import msgspec

HOOK_SCHEMA = 1
"""The version of these values, also as JSON."""

Place = Literal["route", "model", "tool", "send"]
PLACES: tuple[Place, ...] = ("route", "model", "tool", "send")


class HookContext(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where it happens; empty where a field does not apply. `room` and `person` are our ids, not the platform's."""

    assistant: str = ""
    connection: str = ""
    session: str = ""
    turn: str = ""
    step: str = ""
    room: str = ""
    person: str = ""


class RouteSubject(msgspec.Struct, frozen=True, tag_field="place", tag="route"):
    """An act of a person that is about to be accepted. All fields may be changed.

    `assistant` answers it, with `model` (provider/model); `text` is what the person wrote.
    """

    assistant: str
    model: str
    text: str


class ShownMessage(msgspec.Struct, frozen=True):
    """One message that a model is to be shown; `text` may be changed."""

    role: Literal["user", "assistant", "tool", "event"]
    text: str


class ModelSubject(msgspec.Struct, frozen=True, tag_field="place", tag="model"):
    """A request to a model. `system` and the messages' texts may be changed, their number and roles not."""

    route: str
    system: str
    messages: tuple[ShownMessage, ...]


class ToolSubject(msgspec.Struct, frozen=True, tag_field="place", tag="tool"):
    """A run of a tool. `arguments` is JSON text, checked against the tool's schema; it may be changed."""

    tool: str
    arguments: str


class SendSubject(msgspec.Struct, frozen=True, tag_field="place", tag="send", omit_defaults=True):
    """A whole text that is about to be sent, before it is cut. `text` may be changed.

    `kind` is answer, notice (words of the system) or message (to another room). `files` are the names of files that go
    with it.
    """

    kind: str
    text: str
    files: tuple[str, ...] = ()


HookSubject = RouteSubject | ModelSubject | ToolSubject | SendSubject


class Deny(msgspec.Struct, frozen=True):
    """It is not to happen. Both sentences are recorded and told; without a full stop at the end of `reason`."""

    reason: str
    next_step: str = ""


HookReply = HookSubject | Deny | None


class HookOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How it ended, in the architecture's words; `text` is the answer or the result, `detail` an error."""

    state: str
    text: str = ""
    detail: str = ""


class HookEvent(msgspec.Struct, frozen=True):
    """One call of a hook. `id` is new for each call; `at` is Unix seconds; `on` says which place."""

    id: str
    at: float
    on: str
    about: HookContext
    subject: HookSubject
    outcome: HookOutcome | None = None


class Denial(msgspec.Struct, frozen=True):
    """A hook's no, or what stands for it where a hook `failed` that may not fail."""

    rule: str
    reason: str
    next_step: str
    failed: bool = False

    @property
    def sentence(self) -> str:
        """Rule, reason and next step in one line."""
        return f"Denied by {self.rule}: {self.reason}. {self.next_step}".strip()
