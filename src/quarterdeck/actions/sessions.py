"""What people do to a session from any door: stop, start anew, look, choose the model."""

from quarterdeck.base.clock import Clock
from quarterdeck.flow import stopping
from quarterdeck.flow.commands import Command, CommandCall, CommandEffect, Commands
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.menu import HELP
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.button import Choice
from quarterdeck.store import holding, inbox, sessions, turns
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.words.sentences import phrase


class SessionCommands:
    """The chat commands. Each runs inside the operation that accepts it, so it holds for what came before it."""

    def __init__(self, store: Store, directory: Directory, auditor: Auditor, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._auditor = auditor
        self._clock = clock

    def table(self) -> Commands:
        """Command name -> use case."""
        commands: dict[str, Command] = {
            "stop": self.stop,
            "new": self.new,
            "status": self.status,
            "model": self.model,
            "help": self.help,
        }
        return commands

    async def stop(self, call: CommandCall) -> CommandEffect:
        """Stop the running turn and drop what waits; or say that nothing does, and stop what begins meanwhile."""
        said = phrase("stopped") if await self._busy(call.session_id) else phrase("stopped_nothing")
        return CommandEffect(said, self._stop(call, "change.session.stop"), "stop")

    async def new(self, call: CommandCall) -> CommandEffect:
        """Stop, and show the model nothing of what was said before."""
        statements = (*self._stop(call, "change.session.reset"), sessions.reset(call.session_id))
        return CommandEffect(phrase("new_conversation"), statements, "stop")

    async def status(self, call: CommandCall) -> CommandEffect:
        """What the assistant is doing here."""
        waiting = await inbox.count_waiting(self._store, call.session_id)
        running = await turns.running(self._store, call.session_id)  # looked at later: what is taken up now is in one
        doing = phrase("working") if running else phrase("idle")
        model = (call.session.model if call.session else "") or call.assistant.model
        return CommandEffect(phrase("status", doing=doing, waiting=phrase("waiting", count=waiting), model=model))

    async def model(self, call: CommandCall) -> CommandEffect:
        """Show or choose the model of this conversation."""
        current = (call.session.model if call.session else "") or call.assistant.model
        allowed = (call.assistant.model, *call.assistant.fallback)
        if not call.argument:
            offered = tuple((Choice(model, f"/model {model}"),) for model in allowed if len(allowed) > 1)
            return CommandEffect(phrase("model", model=current, choices=" | ".join(allowed)), choices=offered)
        if call.argument not in allowed:
            return CommandEffect(phrase("model_unknown", model=call.argument, choices=", ".join(allowed)))
        change = sessions.set_model(call.session_id, call.argument)
        record = self._record(call, "change.session.model", call.argument)
        return CommandEffect(phrase("model_chosen", model=call.argument), (change, *record))

    async def help(self, call: CommandCall) -> CommandEffect:
        """What is understood."""
        return CommandEffect(HELP)

    async def _busy(self, session: str) -> bool:
        """Whether a turn runs here, a message waits, or an answer is not sent yet."""
        return (
            await inbox.count_waiting(self._store, session) > 0
            or await turns.running(self._store, session) is not None
            or await holding.has_answers(self._store, session)
        )

    def _stop(self, call: CommandCall, kind: str) -> tuple[Statement, ...]:
        now = self._clock.now()
        return (*stopping.stop(call.session_id, call.inbox_id, now), *self._record(call, kind, ""))

    def _record(self, call: CommandCall, kind: str, value: str) -> list[Statement]:
        return self._auditor.record(
            kind,
            Actor(id=call.identity_id, kind="person"),
            Subject(assistant=call.assistant.id, session=call.session_id, resource=call.inbox_id),
            content=value.encode(),
        )
