"""What hooks see of a turn's model requests and tool calls, and how what they changed is put back."""

import msgspec

from quarterdeck.base.errors import BadInput
from quarterdeck.flow.arguments import check_arguments
from quarterdeck.flow.hooks import Hooks, Judged
from quarterdeck.flow.state import TurnState
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.hook import Denial, HookContext, HookOutcome, ModelSubject, ShownMessage, ToolSubject
from quarterdeck.model.message import AssistantMessage, Said, SystemEvent, ToolResult, UserMessage
from quarterdeck.model.turn import ModelAnswer
from quarterdeck.ports import ModelRequest, ProviderFailed
from quarterdeck.store.operations import Statement


class ModelDenied(ProviderFailed):
    """A hook or the policy does not want this model call. No other model is asked in its place."""

    def __init__(self, denial: Denial) -> None:
        super().__init__("invalid", denial.sentence, retryable=False)
        self.denial = denial


def about(state: TurnState, step: str) -> HookContext:
    """Where in a turn it happens."""
    return HookContext(
        assistant=state.assistant.id,
        connection=state.rules.name,
        session=state.session.id,
        turn=state.turn_id,
        step=step,
        room=state.room_id,
        person=state.newest.identity_id,
    )


async def screen_request(
    hooks: Hooks, state: TurnState, step: str, route: str, request: ModelRequest
) -> tuple[ModelRequest, ModelSubject, list[Statement]]:
    """The request as hooks want it, what they saw last, and what is to be recorded with its intent.

    Raises ModelDenied, whose record is left for the turn's end in `state.notes`, or TurnCut meanwhile.
    """
    subject = ModelSubject(route, request.system, tuple(_shown(one) for one in request.messages))
    async with state.cut.scope():
        judged = await hooks.before(subject, about(state, step))
    if judged.denied is not None:
        state.notes += judged.statements
        raise ModelDenied(judged.denied)
    if judged.subject == subject:
        return request, subject, judged.statements
    pairs = zip(request.messages, judged.subject.messages, strict=True)
    messages = tuple(one if one.text == new.text else msgspec.structs.replace(one, text=new.text) for one, new in pairs)
    changed = msgspec.structs.replace(request, system=judged.subject.system, messages=messages)
    return changed, judged.subject, judged.statements


async def screen_call(hooks: Hooks, state: TurnState, step: str, spec: ToolSpec, arguments: str) -> Judged[ToolSubject]:
    """A call's arguments as hooks want them, or their denial. Raises TurnCut meanwhile."""

    def wrong(subject: ToolSubject) -> str:
        try:
            check_arguments(subject.arguments, spec)
        except BadInput as error:
            return str(error)
        return ""

    async with state.cut.scope():
        return await hooks.before(ToolSubject(spec.name, arguments), about(state, step), wrong)


def tell_answer(
    hooks: Hooks,
    state: TurnState,
    step: str,
    subject: ModelSubject | None,
    answer: ModelAnswer | None,
    failed: ProviderFailed | None = None,
) -> None:
    """Let hooks know what a model call brought."""
    if subject is None:
        return
    if answer is not None:
        outcome = HookOutcome(answer.finish, answer.message.text)
    else:
        outcome = HookOutcome("failed", detail=str(failed) if failed else "")
    hooks.after(subject, about(state, step), outcome)


def _shown(message: Said) -> ShownMessage:
    match message:
        case UserMessage():
            return ShownMessage("user", message.text)
        case AssistantMessage():
            return ShownMessage("assistant", message.text)
        case ToolResult():
            return ShownMessage("tool", message.text)
        case SystemEvent():
            return ShownMessage("event", message.text)
