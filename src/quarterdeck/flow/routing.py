"""Which assistant and model answers an act, and what does it say? Hooks have a word before it is accepted."""

from dataclasses import dataclass

import msgspec

from quarterdeck.flow.directory import ConnectionRules, Directory
from quarterdeck.flow.hooks import Hooks, told_of
from quarterdeck.flow.scope import place
from quarterdeck.model.hook import Denial, HookContext, HookOutcome, RouteSubject
from quarterdeck.model.inbound import Inbound
from quarterdeck.store import people, sessions
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.people import Identity
from quarterdeck.words.sentences import Phrase, phrase


@dataclass(frozen=True)
class Routed:
    """What hooks made of an act. `statements` go into the operation that accepts or refuses it."""

    subject: RouteSubject
    about: HookContext
    denied: Denial | None
    statements: list[Statement]


class Routing:
    """Asks the hooks of acts. A conversation whose model they choose keeps it until another is chosen."""

    def __init__(self, hooks: Hooks, store: Store, directory: Directory) -> None:
        self._hooks = hooks
        self._store = store
        self._directory = directory

    async def route(
        self, inbound: Inbound, rules: ConnectionRules, identity: str, who: Identity | None
    ) -> tuple[Inbound, Routed]:
        """The act as hooks want it. Raises NotFound for an assistant that is not there."""
        assistant = self._directory.assistant(inbound.assistant or rules.assistant)
        found = await place(self._store, rules, inbound.room, identity, who, assistant.id)
        session = await sessions.get(self._store, found.session_id)
        model = (session.model if session else "") or assistant.model
        before = RouteSubject(assistant.id, model, inbound.text)
        room = people.room_id(inbound.connection, inbound.room.native_id)
        about = HookContext(assistant.id, inbound.connection, found.session_id, "", inbound.act_key, room, identity)

        def wrong(subject: RouteSubject) -> str:
            return self._wrong(subject, before, rules)

        judged = await self._hooks.before(before, about, wrong)
        after, statements = judged.subject, judged.statements
        if judged.denied is not None:
            return inbound, Routed(after, about, judged.denied, statements)
        if after.assistant != before.assistant:
            found = await place(self._store, rules, inbound.room, identity, who, after.assistant)
        if after.model != model:
            statements = [*statements, sessions.set_model(found.session_id, after.model)]
        changed = msgspec.structs.replace(inbound, assistant=after.assistant, text=after.text)
        return changed, Routed(after, about, None, statements)

    def tell(self, routed: Routed, state: str) -> None:
        """Let hooks know what became of it."""
        detail = routed.denied.sentence if routed.denied else ""
        self._hooks.after(routed.subject, routed.about, HookOutcome(state, detail=detail))

    def _wrong(self, subject: RouteSubject, before: RouteSubject, rules: ConnectionRules) -> str:
        """Why this cannot be used; empty when it can."""
        if subject.assistant not in self._directory.assistants:
            return f"there is no assistant {subject.assistant!r}"
        if subject.assistant != before.assistant and rules.rows:
            return f"a conversation over {rules.name} keeps its assistant"
        if subject.model != before.model and subject.model not in self._directory.models:
            return f"no assistant has a model {subject.model!r}"
        if before.text.strip() and not subject.text.strip():
            return "the text is empty"
        return ""


def verdict(command: bool, routed: Routed | None, full: bool) -> tuple[str, str]:
    """(outcome, detail) of an act that ends as it comes in; empty for one that is answered in a turn."""
    if command:
        return "command", ""
    if routed is not None and routed.denied is not None:
        return "refused", routed.denied.rule
    return ("refused", "queue_full") if full else ("", "")


def told(routed: Routed | None) -> Phrase:
    """What a person is told whose act is refused."""
    if routed is None or routed.denied is None:
        return phrase("queue_full")
    return told_of(routed.denied, "not_taken")
