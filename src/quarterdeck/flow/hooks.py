"""Hooks: in their configured order, each within its time; what a failure means; what is recorded of them.

Before the gate's check a hook may change what is about to happen, or deny it: what it changed is what is checked,
permitted and digested. After the outcome hooks only look on, at most so many at once, and their loss is counted.
Hooks run outside of operations, so one whose turn is taken up after a crash runs again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import QuarterdeckError
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.leaf import Decision
from quarterdeck.model.hook import (
    Denial,
    Deny,
    HookContext,
    HookEvent,
    HookOutcome,
    HookSubject,
    ModelSubject,
    RouteSubject,
    SendSubject,
    ToolSubject,
)
from quarterdeck.observe.metrics import Metrics
from quarterdeck.ports import Hook
from quarterdeck.store.operations import Statement
from quarterdeck.words.sentences import Phrase, phrase

AFTER_AT_ONCE = 8
AFTER_WAITING = 1_000
LAST_WORDS_S = 2.0  # at the end, for what still waits
MAX_REASON = 500

S = TypeVar("S", RouteSubject, ModelSubject, ToolSubject, SendSubject)

PLACE: dict[type[HookSubject], str] = {
    RouteSubject: "route",
    ModelSubject: "model",
    ToolSubject: "tool",
    SendSubject: "send",
}


@dataclass(frozen=True)
class HookRule:
    """One configured hook. A `lenient` one lets things pass when it fails; its denials hold all the same."""

    name: str
    on: frozenset[str]
    hook: Hook
    seconds: float = 5.0
    lenient: bool = False


@dataclass
class Judged(Generic[S]):
    """What became of a subject. `statements` go into the next operation, whatever it is."""

    subject: S
    denied: Denial | None = None
    statements: list[Statement] = field(default_factory=list[Statement])


class HookFailed(Exception):
    """A hook broke its promise; the message says how. It never leaves this file."""


class Hooks:
    """All hooks of the process, in their order."""

    def __init__(
        self,
        rules: Sequence[HookRule],
        auditor: Auditor,
        clock: Clock,
        new_id: Callable[[str], str],
        metrics: Metrics,
        log: EventLog,
    ) -> None:
        self._rules = tuple(rules)
        self._auditor = auditor
        self._clock = clock
        self._new_id = new_id
        self._metrics = metrics
        self._log = log
        self._waiting = asyncio.Queue[tuple[HookRule, HookEvent]](AFTER_WAITING)
        self.withholds = bool(self._on("before_send"))
        """Whether texts are to be seen whole before people see anything of them: then nothing is streamed."""

    def _on(self, point: str) -> Sequence[HookRule]:
        return [rule for rule in self._rules if point in rule.on]

    # --- before -----------------------------------------------------------------------------------------------

    async def before(self, subject: S, about: HookContext, wrong: Callable[[S], str] = lambda subject: "") -> Judged[S]:
        """Ask all hooks of a place. `wrong` says why a changed subject cannot be used, empty when it can."""
        point = f"before_{PLACE[type(subject)]}"
        judged = Judged(subject)
        for rule in self._on(point):
            event = HookEvent(self._new_id("hook"), self._clock.now(), point, about, judged.subject)
            broken = False
            try:
                reply = await self._reply(rule, event, judged.subject, wrong)
            except HookFailed as failed:
                self._failed(rule, point, failed)
                if rule.lenient:
                    judged.statements += self._record(rule, "hook.passed", "allow", about, str(failed))
                    continue
                reply, broken = Deny(f"the hook {rule.name} failed: {failed}", "Tell whoever runs this."), True
            if isinstance(reply, Deny):
                self._metrics.hook(rule.name, point, "denied")
                judged.denied = Denial(
                    f"hook:{rule.name}", _words(reply.reason) or "no reason", _words(reply.next_step), broken
                )
                place = PLACE[type(subject)]
                judged.statements += self._record(rule, f"{place}.denied", "deny", about, judged.denied.sentence)
                return judged
            changed = reply is not None and reply != judged.subject
            self._metrics.hook(rule.name, point, "changed" if changed else "passed")
            if reply is not None and changed:
                judged.subject = reply
                judged.statements += self._record(rule, "hook.changed", "change", about, point)
        return judged

    async def _reply(self, rule: HookRule, event: HookEvent, subject: S, wrong: Callable[[S], str]) -> S | Deny | None:
        """What a hook replied. Raises HookFailed for an error, a silence, and for what nobody can use."""
        try:
            async with asyncio.timeout(rule.seconds):
                reply: object = await rule.hook.before(event)
        except TimeoutError as error:
            raise HookFailed(f"no reply within {rule.seconds:g} s") from error
        except asyncio.CancelledError as error:
            if _asked_to_stop():
                raise
            raise HookFailed("it cancelled itself") from error
        except QuarterdeckError as error:
            raise HookFailed(str(error)) from error
        except (Exception, SystemExit) as error:
            raise HookFailed(f"{type(error).__name__}: {error}") from error
        if reply is None or isinstance(reply, Deny):
            return reply
        changed = _merged(subject, reply)
        if reason := wrong(changed):
            raise HookFailed(f"its change cannot be used: {reason}")
        return changed

    # --- after ------------------------------------------------------------------------------------------------

    def after(self, subject: HookSubject, about: HookContext, outcome: HookOutcome) -> None:
        """Tell all hooks of a place, soon; nothing waits for it."""
        point = f"after_{PLACE[type(subject)]}"
        for rule in self._on(point):
            event = HookEvent(self._new_id("hook"), self._clock.now(), point, about, subject, outcome)
            try:
                self._waiting.put_nowait((rule, event))
            except asyncio.QueueFull:
                self._lost(rule, point, 1)

    async def run(self, life: Life) -> None:
        """Tell what waits until told to stop; what is left then has a little time, and is counted as lost."""
        for n in range(AFTER_AT_ONCE):
            life.spawn(f"after{n}", self._tell())
        life.ready()
        await life.stopping.wait()
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self._waiting.join()
        except TimeoutError:
            while not self._waiting.empty():
                rule, event = self._waiting.get_nowait()
                self._lost(rule, event.on, 1)

    async def _tell(self) -> None:
        while True:
            rule, event = await self._waiting.get()
            try:
                async with asyncio.timeout(rule.seconds):
                    await rule.hook.after(event)
                self._metrics.hook(rule.name, event.on, "told")
            except asyncio.CancelledError:
                if _asked_to_stop():
                    raise
                self._lost(rule, event.on, 1)
            except (Exception, SystemExit) as error:
                self._failed(rule, event.on, error)
                self._lost(rule, event.on, 1)
            finally:
                self._waiting.task_done()

    # --- both -------------------------------------------------------------------------------------------------

    def _lost(self, rule: HookRule, point: str, count: int) -> None:
        self._metrics.hook(rule.name, point, "lost", count)

    def _failed(self, rule: HookRule, point: str, error: BaseException) -> None:
        self._metrics.hook(rule.name, point, "failed")
        cause = error.__cause__ or error
        self._log.error("hook.failed", hook=rule.name, on=point, reason=type(cause).__name__)

    def _record(self, rule: HookRule, kind: str, effect: str, about: HookContext, content: str) -> list[Statement]:
        return self._auditor.record(
            kind,
            SYSTEM,
            Subject(
                assistant=about.assistant,
                connection=about.connection,
                session=about.session,
                turn=about.turn,
                resource=about.step,
            ),
            decision=Decision(effect=effect, rule=f"hook:{rule.name}"),
            content=content.encode(),
            person=about.person,
        )


def told_of(denial: Denial, sentence: Literal["not_taken", "not_asked", "held_back"]) -> Phrase:
    """What a person is told of a denial: the hook's own words; of one that failed, only that it did."""
    if denial.failed:
        return phrase("check_failed")
    blanks = {"rule": denial.rule, "reason": denial.reason, "next_step": denial.next_step}
    return Phrase(sentence, blanks)


def _asked_to_stop() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _words(text: object) -> str:
    """A hook's own words, as one line of bounded length."""
    return " ".join(str(text).split())[:MAX_REASON] if text else ""


def _merged(subject: S, reply: object) -> S:
    """A reply, checked in every field; what may not be changed has to be as it was. Raises HookFailed."""
    if type(reply) is not type(subject):
        raise HookFailed(f"it replied with a {type(reply).__name__}")
    try:
        found = msgspec.msgpack.decode(msgspec.msgpack.encode(reply), type=type(subject))
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise HookFailed(f"its change is not sound: {error}") from error
    if _fixed(found) != _fixed(subject):
        raise HookFailed("it changed what may not be changed")
    return found


def _fixed(subject: HookSubject) -> object:
    """What of a subject a hook may not change."""
    match subject:
        case RouteSubject():
            return None
        case ModelSubject():
            return subject.route, [message.role for message in subject.messages]
        case ToolSubject():
            return subject.tool
        case SendSubject():
            return subject.kind
